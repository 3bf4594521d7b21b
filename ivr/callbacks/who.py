"""Who changes a callback."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Who:
    name: str
    tenant: str | None = None  # sees this one alone; None: every one
    supervisor: bool = False


SYSTEM = Who("system", None, supervisor=True)
