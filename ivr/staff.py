"""What staff do on a telephone, as steps need it: close a line and open it again, hear messages and deal with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Protocol

from ivr.call import Withheld

Unlocked = Literal["right", "wrong", "locked", "unavailable"]  # what became of a PIN


@dataclass(frozen=True, slots=True)
class LineToday:
    """`date` where the line is; `closed` by a sudden closing, of which its callers hear `hears`."""

    date: date
    closed: bool
    hears: str


class Closings(Protocol):
    """Closing a line at once and opening it again (臨時休業), by staff on a telephone.

    `tenant`: of the line that was dialled; a line of another one cannot be named. What is changed is
    durable when it returns. StoreError: it may or may not have happened.
    """

    async def unlock(self, line: str, tenant: str, pin: str) -> Unlocked:
        """Wrong ones are counted over all calls, and lock the PIN. "unavailable": no such line, or no PIN."""

    def today(self, line: str, tenant: str) -> LineToday: ...

    async def close(self, line: str, tenant: str, last: date, reason: str, by: str) -> None:
        """From now to the end of that day."""

    async def reopen(self, line: str, tenant: str, by: str) -> None:
        """Ends what stands."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message that staff have yet to deal with. `received`: by the clock where its line is.

    `file` None: there is no audio (any more). `heard`: somebody listened to it by telephone and kept it.
    """

    id: str
    received: datetime
    number: str | None = field(repr=False)
    withheld: Withheld | None
    file: Path | None
    urgent: bool
    heard: bool


Cleared = Literal["done", "kept", "taken"]  # what became of the callback of a message
NotRung = Literal["taken", "hours", "wish", "never"]
"""Why: somebody is about it; out of the hours in which customers are rung; not when this one wishes; at all."""


@dataclass(frozen=True, slots=True)
class MayRing:
    """`number` as +81…: the callback's, which may be another one than the message came from."""

    number: str = field(repr=False)


Rang = Literal["answered", "busy", "no_answer", "failed", "over"]


class Retrieval(Protocol):
    """Messages for staff on a telephone, and the callbacks that were born with them.

    `tenant`: of the line that was dialled; NotFound for a message of another one. `by`: who, as it is
    written down. What is changed is durable when it returns. StoreError: it may or may not have happened.
    """

    async def unlock(self, line: str, pin: str) -> Unlocked:
        """Wrong ones are counted over all calls, and lock the PIN. "unavailable": the line has none."""

    async def waiting(self, lines: Sequence[str], tenant: str) -> Sequence[KeptMessage]:
        """Of these lines, or of all of the tenant: what nobody cleared and whose callback is open, by whomever.

        Unheard ones first, among them the urgent ones, then the oldest.
        """

    async def heard(self, message: str, tenant: str, by: str) -> None: ...

    async def clear(self, message: str, tenant: str, by: str) -> Cleared:
        """Takes it off the list; its callback is done with it, if nothing else of it is left. Twice does no harm.

        "kept": more was asked for in the same callback, which stays open. "taken": an agent is about it now,
        and nothing was changed.
        """

    async def may_ring(self, message: str, tenant: str, by: str) -> MayRing | NotRung:
        """Before its caller is rung back. MayRing: it is written down, and nobody else rings there meanwhile."""

    async def rang(self, message: str, tenant: str, by: str, how: Rang) -> None:
        """After MayRing: what became of it. "over" follows "answered"; then `clear` or `give_back` says what is left."""

    async def give_back(self, message: str, tenant: str, by: str) -> None:
        """Staff talked to its caller, and something is left to do: the callback is anybody's again."""
