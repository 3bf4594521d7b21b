"""Which suggestions a person may take over into the callback, and as what."""

from typing import Final

from ivr.callbacks.edits import Field
from ivr.callbacks.priority import rank
from ivr.callbacks.states import CLOSED
from ivr.outside import to_ring_back
from ivr.store.tables import CallbackRow

# Kind of suggestion -> the field of the callback that it goes to. A priority is raised; the others are only read.
FIELDS: Final[dict[str, Field]] = {
    "number": "number",
    "name": "name",
    "company": "company",
    "addressee": "addressee",
    "time": "preferred_time",
    "reply": "reply_wanted",
}


def kept_as(kind: str, value: str) -> str | bool | None:
    """As the field keeps it; None: it cannot be kept (a number that nobody may be rung back at)."""
    if kind == "number":
        return to_ring_back(value)
    return value == "yes" if kind == "reply" else value


def taken_over(row: CallbackRow, kind: str, value: str) -> bool:
    if kind == "priority":
        return rank(row.priority) >= rank(value)
    field = FIELDS.get(kind)
    return field is not None and getattr(row, field) == kept_as(kind, value)


def can_take_over(row: CallbackRow, kind: str, value: str) -> bool:
    if row.state in CLOSED or taken_over(row, kind, value):
        return False
    return kind == "priority" or (kind in FIELDS and kept_as(kind, value) is not None)
