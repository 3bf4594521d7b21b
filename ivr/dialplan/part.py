"""What everything written in YAML has in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base of everything written in YAML: unknown keys are errors, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
