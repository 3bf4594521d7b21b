"""Messages for staff on a telephone, in memory: `Retrieval` by the rules of ivr/staff.py. They outlive engines."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from ivr.call import Withheld
from ivr.clock import Clock
from ivr.errors import NotFound, StoreError
from ivr.outside import to_ring_back
from ivr.staff import Cleared, KeptMessage, MayRing, NotRung, Rang, Unlocked
from tests.fakes.virtual_time import Life

DISK = 0.05  # seconds
TRIES = 5
LOCKED = timedelta(minutes=15)
LEASE, RINGING = timedelta(minutes=30), timedelta(minutes=3)
OPENS, CLOSES = time(9), time(20)  # customers are rung
TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass
class Ticket:
    """A callback; `agent` who is about it, until `until`.

    `more`: something without a message was promised, too. `number`: that an agent has put right.
    """

    state: str = "open"
    agent: str | None = None
    until: datetime | None = None
    more: bool = False
    number: str | None = None


@dataclass
class Message:
    id: str
    line: str
    tenant: str
    received: datetime
    number: str | None = "+819012345678"
    withheld: Withheld | None = None
    audio: bool = True
    urgent: bool = False
    heard_by: str | None = None
    cleared_by: str | None = None
    ticket: str | None = None  # of its callback


@dataclass
class Shelf:
    """What is durable. `pin`: of the line `line`; None: it has none."""

    line: str = "ecforce"
    pin: str | None = None
    messages: list[Message] = field(default_factory=list)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    wrong: int = 0
    locked_until: datetime | None = None
    broken: bool = False  # the store does not answer
    log: list[str] = field(default_factory=list)


class Locked(Protocol):
    pin: str | None
    wrong: int
    locked_until: datetime | None


def tried(lock: Locked, pin: str, now: datetime) -> Unlocked:
    """What comes of an attempt on a line that has a PIN."""
    if lock.locked_until is not None and now < lock.locked_until:
        return "locked"
    if lock.locked_until is not None:
        lock.wrong, lock.locked_until = 0, None
    lock.wrong += 1
    if lock.wrong >= TRIES:
        lock.locked_until = now + LOCKED
    if pin != lock.pin:
        return "wrong"
    lock.wrong, lock.locked_until = 0, None
    return "right"


class FakeRetrieval:
    def __init__(self, shelf: Shelf, clock: Clock, life: Life | None = None) -> None:
        self._shelf = shelf
        self._clock = clock
        self._life = life or Life()

    async def unlock(self, line: str, pin: str) -> Unlocked:
        shelf, now = self._shelf, self._clock.now()
        await self._store()
        if line != shelf.line or shelf.pin is None:
            return "unavailable"
        return tried(shelf, pin, now)

    async def waiting(self, lines: Sequence[str], tenant: str) -> Sequence[KeptMessage]:
        await self._store()
        kept = [
            each
            for each in self._shelf.messages
            if each.tenant == tenant
            and (not lines or each.line in lines)
            and each.cleared_by is None
            and (each.ticket is None or self._shelf.tickets[each.ticket].state != "done")
        ]
        kept.sort(key=lambda each: (each.heard_by is not None, not each.urgent, each.received))
        return [
            KeptMessage(
                each.id,
                each.received.astimezone(TOKYO),
                each.number,
                each.withheld,
                Path(f"{each.id}.wav") if each.audio else None,
                each.urgent,
                each.heard_by is not None,
            )
            for each in kept
        ]

    async def heard(self, message: str, tenant: str, by: str) -> None:
        found = self._mine(message, tenant)
        await self._store()
        found.heard_by = found.heard_by or by

    async def clear(self, message: str, tenant: str, by: str) -> Cleared:
        found = self._mine(message, tenant)
        await self._store()
        ticket = self._shelf.tickets.get(found.ticket or "")
        if ticket is not None and ticket.state != "done" and self._taken(ticket, by):
            return "taken"
        if found.cleared_by is None:
            found.cleared_by = by
            self._shelf.log.append(f"cleared {message}")
        others = [each for each in self._shelf.messages if ticket and each.ticket == found.ticket]
        if ticket is not None and (ticket.more or any(each.cleared_by is None for each in others)):
            return "kept"
        if ticket is not None:
            ticket.state = "done"
        return "done"

    async def may_ring(self, message: str, tenant: str, by: str) -> MayRing | NotRung:
        found = self._mine(message, tenant)
        await self._store()
        ticket = self._shelf.tickets.get(found.ticket or "")
        number = ticket and to_ring_back(ticket.number or found.number)
        if ticket is None or number is None:
            return "never"
        if ticket.state == "done" or self._taken(ticket, by):
            return "taken"
        if not OPENS <= self._clock.now().astimezone(TOKYO).time() < CLOSES:
            return "hours"
        ticket.state, ticket.agent, ticket.until = "dialing", by, self._clock.now() + RINGING
        self._shelf.log.append(f"rings {found.ticket}")
        return MayRing(number)

    async def rang(self, message: str, tenant: str, by: str, how: Rang) -> None:
        found = self._mine(message, tenant)
        await self._store()
        ticket = self._shelf.tickets[found.ticket or ""]
        if ticket.agent != by:
            return
        if how == "answered":
            ticket.state, ticket.until = "talking", self._clock.now() + LEASE
        elif how != "over":
            ticket.state, ticket.agent, ticket.until = "open", None, None
        self._shelf.log.append(f"{how} {found.ticket}")

    async def give_back(self, message: str, tenant: str, by: str) -> None:
        found = self._mine(message, tenant)
        await self._store()
        ticket = self._shelf.tickets.get(found.ticket or "")
        if ticket is not None and (ticket.state, ticket.agent) == ("talking", by):
            ticket.state, ticket.agent, ticket.until = "open", None, None
            self._shelf.log.append(f"given back {found.ticket}")

    def _taken(self, ticket: Ticket, by: str) -> bool:
        running = ticket.until is None or ticket.until > self._clock.now()
        return ticket.agent not in (None, by) and running

    def _mine(self, message: str, tenant: str) -> Message:
        found = next((each for each in self._shelf.messages if each.id == message), None)
        if found is None or found.tenant != tenant:
            raise NotFound(f"there is no message {message}")
        return found

    async def _store(self) -> None:
        await asyncio.sleep(DISK)
        self._life.check()
        if self._shelf.broken:
            raise StoreError("The store did not answer in time.")
