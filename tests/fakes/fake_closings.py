"""Sudden closings of one line in memory: `Closings` by the rules of ivr/staff.py. They outlive engines."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ivr.clock import Clock
from ivr.errors import NotFound, StoreError
from ivr.staff import LineToday, Unlocked
from tests.fakes.fake_retrieval import tried
from tests.fakes.virtual_time import Life

DISK = 0.05  # seconds


@dataclass
class ClosingBook:
    """What is durable. `pin` None: the line has none. `hears`: what its callers are told while it is closed."""

    line: str = "ecforce"
    tenant: str = "ecforce"
    pin: str | None = None
    hears: str = ""
    wrong: int = 0
    locked_until: datetime | None = None
    closed: dict[str, object] | None = None  # last, reason, by
    broken: bool = False  # the store does not answer
    log: list[str] = field(default_factory=list)


class FakeClosings:
    def __init__(self, book: ClosingBook, clock: Clock, life: Life | None = None) -> None:
        self._book = book
        self._clock = clock
        self._life = life or Life()

    async def unlock(self, line: str, tenant: str, pin: str) -> Unlocked:
        book, now = self._book, self._clock.now()
        if (line, tenant) != (book.line, book.tenant) or book.pin is None:
            return "unavailable"
        await self._store()
        return tried(book, pin, now)

    def today(self, line: str, tenant: str) -> LineToday:
        self._mine(line, tenant)
        closed = self._book.closed is not None
        now = self._clock.now().astimezone(ZoneInfo("Asia/Tokyo"))
        return LineToday(now.date(), closed, self._book.hears if closed else "")

    async def close(self, line: str, tenant: str, last: date, reason: str, by: str) -> None:
        self._mine(line, tenant)
        await self._store()
        self._book.closed = {"last": last, "reason": reason, "by": by}
        self._book.log.append(f"closed {last} {reason}")

    async def reopen(self, line: str, tenant: str, by: str) -> None:
        self._mine(line, tenant)
        await self._store()
        self._book.closed = None
        self._book.log.append("reopened")

    def _mine(self, line: str, tenant: str) -> None:
        if (line, tenant) != (self._book.line, self._book.tenant):
            raise NotFound(f'there is no line "{line}"')

    async def _store(self) -> None:
        await asyncio.sleep(DISK)
        self._life.check()
        if self._book.broken:
            raise StoreError("The store did not answer in time.")
