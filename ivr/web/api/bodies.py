"""What is sent to change a callback."""

from typing import Literal

from pydantic import Field

from ivr.callbacks.guard import Code
from ivr.callbacks.results import Result
from ivr.web.api.fields import Given, Id, Moment, Name, Short, Text, Ticket, Words
from ivr.web.api.shapes import Priority


class Why(Given):
    why: Text | None = None


class Reason(Given):
    why: Words


class Handover(Given):
    to: Name
    memo: Words
    """What the next one must know."""


class Assignment(Given):
    to: Name


class Outcome(Given):
    result: Result
    then: Literal["done", "working", "waiting", "open"] | None = None
    """After `reached`: what is left. `working` needs `next_at`."""
    next_at: Moment | None = None
    note: Text | None = None


class Next(Given):
    next_at: Moment | None
    """Null: none is planned."""


class Waiting(Given):
    state: Literal["working", "waiting"]
    next_at: Moment | None = None
    """Of the next contact: `working` needs it."""


class Note(Given):
    note: Text | None = None


class NewPriority(Given):
    priority: Priority
    why: Words


class Flags(Given):
    careful: bool | None = None
    """要注意; null or left out: as it is."""
    complaint: bool | None = None
    """クレーム: closed and taken back by a supervisor alone."""


class Memo(Given):
    text: Words


class Fields(Given):
    """What is left out stays; null empties."""

    name: Text | None = None
    company: Text | None = None
    addressee: Text | None = None
    member: Text | None = None
    matter: Text | None = None
    preferred_time: Text | None = None
    email: Text | None = None


class Number(Given):
    number: Short
    """As people write it, or E.164."""


class Into(Given):
    into: Ticket


class Parting(Given):
    contacts: list[Id] = Field(min_length=1, max_length=100)
    """Their ids."""


class DialOrder(Given):
    to: Literal["telephone", "mobile"] = "telephone"
    """Which telephone of the agent rings first."""
    insist: list[Code] = Field([], max_length=10)
    """Refusals that were seen and are gone against, where `may_insist` says so."""
