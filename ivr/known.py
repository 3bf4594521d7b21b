"""What is known of a caller from before, as steps need it: refused numbers, agents of their own, open callbacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Stands = Literal[
    "open", "claimed", "dialing", "talking", "working", "waiting", "done", "cancelled", "unreachable"
]
Cancelled = Literal["cancelled", "wished", "on_the_line", "refused"]


@dataclass(frozen=True, slots=True)
class TicketNow:
    """How a callback stands, and nothing of what it is about; times are where its line is.

    `due`: by when work was promised that has not begun; `following`: when the next attempt or contact is planned;
    `tried`: it was dialled and nobody was reached. `own`: it rings the caller's number.
    """

    number: str
    state: Stands
    due: datetime | None = None
    following: datetime | None = None
    tried: bool = False
    own: bool = True


class Customers(Protocol):
    """`number`: the caller's, E.164, None if it is withheld; `line` and `tenant`: where the call is.

    The first two never raise and never hold up a caller: what is not known in time counts as nothing. The
    others raise StoreError: it may or may not have happened.
    """

    async def turned_away(self, number: str | None, tenant: str) -> bool:
        """着信規制: an approved entry stands."""

    async def agents_of(self, number: str | None, line: str, tenant: str) -> Sequence[str]:
        """Who is rung first, one after the other: who holds an open callback, the dedicated agent, the deputy."""

    async def callback_of(self, number: str | None, line: str, tenant: str) -> TicketNow | None:
        """The open callback of who rings; of several, the one that is due first."""

    async def callback(self, ticket: str, number: str | None, tenant: str) -> TicketNow | None:
        """By its number, whatever its state; None if that is wrong or another tenant's."""

    async def cancel(self, ticket: str, number: str | None, tenant: str) -> Cancelled:
        """By the customer. "wished": from another telephone, or a number is withheld, so an agent is told and nothing
        is cancelled; "refused": a complaint, or over. Twice does no harm."""


class NoCustomers:
    """Where nobody is known from before."""

    async def turned_away(self, number: str | None, tenant: str) -> bool:
        return False

    async def agents_of(self, number: str | None, line: str, tenant: str) -> Sequence[str]:
        return ()

    async def callback_of(self, number: str | None, line: str, tenant: str) -> TicketNow | None:
        return None

    async def callback(self, ticket: str, number: str | None, tenant: str) -> TicketNow | None:
        return None

    async def cancel(self, ticket: str, number: str | None, tenant: str) -> Cancelled:
        return "refused"


NOBODY_KNOWN = NoCustomers()
