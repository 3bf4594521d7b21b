"""The JSON schema that an editor needs to help with a dialplan, made from the models.

The schema is a help for typing; `load` and `check` decide.
"""

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from ivr.dialplan.model import Step
from ivr.dialplan.shape import Shape, SharedShape

_UNITS = (("h", 3600), ("m", 60), ("s", 1))


def schema_text(step_types: Mapping[str, type[Step]]) -> str:
    """The content of `dialplans/schema.json`."""
    return json.dumps(schema(step_types), ensure_ascii=False, indent=2) + "\n"


def shared_schema_text(step_types: Mapping[str, type[Step]]) -> str:
    """The content of `dialplans/shared/schema.json`."""
    return json.dumps(_schema(SharedShape, step_types), ensure_ascii=False, indent=2) + "\n"


def schema(step_types: Mapping[str, type[Step]]) -> dict[str, Any]:
    """JSON schema, draft 2020-12."""
    whole = _schema(Shape, step_types)
    # All of its steps may stand in files that it uses.
    whole["required"].remove("steps")
    return {**whole, "anyOf": [{"required": ["steps"]}, {"required": ["use"]}]}


def _schema(shape: type[BaseModel], step_types: Mapping[str, type[Step]]) -> dict[str, Any]:
    whole = _of(shape)
    definitions: dict[str, Any] = whole.pop("$defs")
    for kind, model in step_types.items():
        step = _of(model)
        definitions |= step.pop("$defs", {})
        # Not in `properties` alone: a model that gives its type a default would make it optional.
        step["properties"]["type"] = {"const": kind, "description": _first_sentence(model)}
        step["required"] = list(dict.fromkeys(["type", *step.get("required", [])]))
        definitions[f"step_{kind}"] = step
    for named in (whole["properties"]["steps"], whole["properties"]["prompts"]):
        ((pattern, content),) = named.pop("patternProperties").items()
        named |= {"propertyNames": {"pattern": pattern}, "additionalProperties": content}
    # By the type, and not "any of these": so an editor complains about the one that is meant.
    whole["properties"]["steps"]["additionalProperties"] = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(step_types)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/step_{kind}"},
            }
            for kind in step_types
        ],
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": definitions}


def _of(model: type[BaseModel]) -> dict[str, Any]:
    made = model.model_json_schema(schema_generator=_Generator)
    for part in (made, *made.get("$defs", {}).values()):
        part.pop("title", None)
    return made


def _first_sentence(model: type[BaseModel]) -> str:
    """Of the module, which is where a type of step says what it is."""
    text = sys.modules[model.__module__].__doc__ or model.__name__
    return " ".join(text.split("\n\n")[0].split())


class _Generator(GenerateJsonSchema):
    """As YAML has it: durations with a unit, nothing null, no titles made of field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return _duration(dft)
        if isinstance(dft, BaseModel):
            given = ((name, getattr(dft, name)) for name in type(dft).model_fields)
            return {name: self.encode_default(value) for name, value in given if value is not None}
        return super().encode_default(dft)

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, length in _UNITS:
        if seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
