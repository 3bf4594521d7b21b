"""The kinds of values that requests and answers of the API have, each checked and described in one place."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ivr.clock import iso

MOST = 1000  # rows of a list
LONGEST = 5000  # characters of a text
BIGGEST = 2**31 - 1  # of an id in the database
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)")
NO_NUL = r"^[^\u0000]*$"  # PostgreSQL keeps none


class Given(BaseModel):
    """What is sent to us: a name that nobody knows is a slip, and told."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Told(BaseModel):
    """What is answered. A field that was not set is left out; null says that nothing is known."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Versioned(Told):
    """An answer with an ETag, by which a change can be bound to what was seen."""

    version: int


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("write a moment with its offset, like 2026-11-24T17:00:00+09:00")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such moment") from None


def _count(value: object) -> object:
    if isinstance(value, int):
        return value
    whole = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 4
    if not whole or not 1 <= int(str(value)) <= MOST:
        raise ValueError(f"write a whole number from 1 to {MOST}")
    return int(str(value))


def _flag(value: object) -> object:
    if value not in ("true", "false"):
        raise ValueError("write true or false")
    return value == "true"


def _as_time(value: datetime) -> str | None:
    return iso(value)


Text = Annotated[str, Field(max_length=LONGEST, pattern=NO_NUL)]
Words = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"^[^\u0000]*[^\s\u0000][^\u0000]*$")]
Short = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=NO_NUL)]  # of an agent or a user
Ticket = Annotated[str, Field(pattern=r"^[0-9]{7,16}$")]
Id = Annotated[int, Field(ge=1, le=BIGGEST)]
Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Time = Annotated[
    datetime, PlainSerializer(_as_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
# of a query, where everything is text
Count = Annotated[
    int, BeforeValidator(_count), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST})
]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\u0000]+$")]  # of a line, a call, a row

# Parts of addresses: pattern, what it is. What does not match is not there.
PLACES: dict[str, tuple[str, str]] = {
    "ticket": (r"^[0-9]{7,16}$", "受付番号, also one that was merged into another"),
    "id": (r"^[A-Za-z0-9_-]{1,40}$", "id of a message"),
    "call": (r"^[A-Za-z0-9._-]{1,64}$", "id of a call"),
    "line": (r"^[A-Za-z0-9_-]{1,64}$", "key of a line"),
    "agent": (r"^[a-z0-9][a-z0-9_-]{0,31}$", "name of an agent"),
    "entry": (r"^[1-9][0-9]{0,8}$", "id of an entry"),
}


def found(problem: Any, known: list[str]) -> str:
    """What to write instead, from an error of pydantic."""
    match problem["type"]:
        case "missing":
            return "is needed"
        case "extra_forbidden":
            return f"unknown; known are {', '.join(known) or 'none'}"
        case "literal_error":
            words = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
            return f"write one of {', '.join(words)}"
        case "string_too_short":
            return "is empty; give a value or leave it out"
    return str(problem["msg"]).removeprefix("Value error, ")
