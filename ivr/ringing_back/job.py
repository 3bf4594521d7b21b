"""A dial that is to ring, and what is written down about it on the way."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from ivr.callbacks.results import Result

To = Literal["telephone", "mobile"]


@dataclass(frozen=True, slots=True)
class Job:
    """`id` stands before AGENT in the ids of its channels, and is what the agent is reserved for. Numbers are E.164."""

    key: str
    id: str
    line: str
    agent: str
    endpoint: str  # the agent's telephone, e.g. "PJSIP/tanaka"
    mobile: str | None = field(repr=False)
    number: str = field(repr=False)


class Book(Protocol):
    """Each may raise StoreError; then it may or may not have happened. Twice does no harm."""

    async def take(self, key: str) -> Job | None:
        """A dial that an agent has begun: this engine's from now on, once, and its agent is nobody else's.

        None: there is nothing to ring (any more), or it was refused, which the history says.
        """

    async def begins(self, ticket: str, request: str, asked_at: datetime, but: Collection[str]) -> Job | None:
        """今すぐ: a dial for one free agent of the line, but none of these; as `take`. `request`: which one of the customer."""

    async def refuse(self, key: str, why: str) -> None:
        """A dial that this engine does not take."""

    async def joined(self, job: Job) -> bool:
        """The agent has answered, and talks from now on. False: the reservation has ended, hang up."""

    async def still(self, job: Job) -> str | None:
        """At the instant before the customer is rung: why that may not be any more; None if it may."""

    async def answered(self, job: Job) -> bool:
        """The customer has; again now and then while they talk. False: it is over or somebody else's, hang up at the first."""

    async def missed(self, job: Job, result: Result, why: str) -> None: ...

    async def not_rung(self, job: Job, why: str, *, unanswered: bool = False, free: bool = False) -> None:
        """The customer's telephone never rang. `unanswered`: the agent's did, in vain, as for a caller.

        `free`: the agent had not asked for the ticket, and does not keep it.
        """

    async def over(self, job: Job) -> None:
        """They have talked; the agent says how it went."""

    async def unfinished(self) -> Sequence[tuple[Job, bool]]:
        """Of the engine before this one, and whether the customer had answered."""
