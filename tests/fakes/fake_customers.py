"""Customers who are known from before, in memory: `Customers` by the rules of ivr/known.py. They outlive engines."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.errors import StoreError
from ivr.known import Cancelled, Stands, TicketNow
from tests.fakes.virtual_time import Life

DISK = 0.05  # seconds
TOKYO = ZoneInfo("Asia/Tokyo")
CLOSED = ("done", "cancelled", "unreachable")


@dataclass
class Known:
    """A callback."""

    ticket: str
    state: Stands = "open"
    number: str | None = "+819012345678"
    tenant: str = "ecforce"
    line: str = "ecforce"
    due: datetime | None = None
    following: datetime | None = None
    tried: bool = False
    complaint: bool = False
    agent: str | None = None
    wishes: int = 0  # to cancel it, by who cannot prove to be the customer


@dataclass
class Book:
    """What is durable. `refused`: numbers; `own`: number -> the dedicated agent and the deputy."""

    refused: list[str] = field(default_factory=list)
    own: dict[str, list[str]] = field(default_factory=dict)
    callbacks: list[Known] = field(default_factory=list)
    broken: bool = False  # the store does not answer


class FakeCustomers:
    def __init__(self, book: Book, life: Life | None = None) -> None:
        self._book = book
        self._life = life or Life()

    async def turned_away(self, number: str | None, tenant: str) -> bool:
        return not self._book.broken and number in self._book.refused

    async def agents_of(self, number: str | None, line: str, tenant: str) -> Sequence[str]:
        await asyncio.sleep(DISK)
        if self._book.broken or number is None:
            return []
        held = [each.agent for each in self._open(number, line, tenant) if each.agent is not None]
        return list(dict.fromkeys(held + self._book.own.get(number, [])))

    async def callback_of(self, number: str | None, line: str, tenant: str) -> TicketNow | None:
        await self._store()
        found = self._open(number, line, tenant) if number is not None else []
        return _now(found[0], number) if found else None

    async def callback(self, ticket: str, number: str | None, tenant: str) -> TicketNow | None:
        await self._store()
        found = self._find(ticket, tenant)
        return _now(found, number) if found is not None else None

    async def cancel(self, ticket: str, number: str | None, tenant: str) -> Cancelled:
        await self._store()
        found = self._find(ticket, tenant)
        if found is not None and found.state == "cancelled":
            return "cancelled"
        if found is not None and found.state in ("dialing", "talking"):
            return "on_the_line"
        if found is None or found.state in CLOSED:
            return "refused"
        if found.number is None or found.number != number:
            found.wishes += 1
            await self._life.takes(DISK)
            return "wished"
        if found.complaint:
            return "refused"
        found.state = "cancelled"
        await self._life.takes(DISK)
        return "cancelled"

    def _open(self, number: str | None, line: str, tenant: str) -> list[Known]:
        here = (number, line, tenant)
        found = [each for each in self._book.callbacks if (each.number, each.line, each.tenant) == here]
        found = [each for each in found if each.state not in CLOSED]
        return sorted(found, key=lambda each: each.due or datetime.max.replace(tzinfo=TOKYO))

    def _find(self, ticket: str, tenant: str) -> Known | None:
        of = [each for each in self._book.callbacks if (each.ticket, each.tenant) == (ticket, tenant)]
        return next(iter(of), None)

    async def _store(self) -> None:
        await asyncio.sleep(DISK)
        self._life.check()
        if self._book.broken:
            raise StoreError("The store did not answer in time.")


def _now(known: Known, number: str | None) -> TicketNow:
    own = known.number is not None and known.number == number
    return TicketNow(known.ticket, known.state, known.due, known.following, known.tried, own)
