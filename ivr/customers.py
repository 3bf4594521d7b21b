"""Who rings, as far as the store knows: `Customers` of ivr/known.py."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncSession

from ivr import pins
from ivr.callbacks import edits, lists, service, tickets
from ivr.callbacks.states import CLOSED, ON_THE_LINE
from ivr.callbacks.who import Who
from ivr.clock import JAPAN, Clock
from ivr.dialplan.pick import zone_of
from ivr.errors import Conflict, NotFound, StoreError
from ivr.known import Cancelled, Stands, TicketNow
from ivr.lines import Lines
from ivr.store import agents, barred, callbacks, contacts, events
from ivr.store.database import Store
from ivr.store.tables import CallbackRow

log = logging.getLogger("ivr.customers")
T = TypeVar("T")

PATIENCE = 0.3  # seconds that callers wait for the store before the first word
IN_A_QUEUE = 2.0  # and before their agents ring; whose own is missed, waits for everybody's
FRESH = timedelta(seconds=5)  # how old the list of refused numbers may be
CUSTOMER = "customer"  # who, in the history of a callback
BY_KEY = "お客様が、お電話で取り消しました。"
WISHED = (
    "別の電話番号か非通知のお電話で、取り消しのご希望がありました。ご本人に確認してから、取り消してください。"
)

_Numbers = Mapping[tuple[str, str], Sequence[datetime | None]]
"""(tenant, number) -> until when each of its entries stands; None: for ever."""


class StoreCustomers:
    """`lines`: as this process sees them."""

    def __init__(self, store: Store, lines: Lines, clock: Clock) -> None:
        self._store = store
        self._lines = lines
        self._clock = clock
        self._refused: _Numbers = {}
        self._read_at: datetime | None = None

    async def turned_away(self, number: str | None, tenant: str) -> bool:
        """From a list in memory: a call costs no look into the store."""
        if number is None:
            return False
        now = self._clock.now()
        if self._read_at is None or not now - FRESH < self._read_at <= now:
            self._read_at = now  # one call reads it, the others go by what was known
            self._refused = await _in_time(PATIENCE, self._read_refused(now), self._refused)
        return any(until is None or until > now for until in self._refused.get((tenant, number), ()))

    async def agents_of(self, number: str | None, line: str, tenant: str) -> Sequence[str]:
        nobody: Sequence[str] = ()
        if number is None:
            return nobody
        return await _in_time(IN_A_QUEUE, self._agents(number, line, tenant), nobody)

    async def callback_of(self, number: str | None, line: str, tenant: str) -> TicketNow | None:
        return None if number is None else await pins.in_time(self._callback_of(number, line, tenant))

    async def callback(self, ticket: str, number: str | None, tenant: str) -> TicketNow | None:
        return await pins.in_time(self._callback(ticket, number, tenant)) if tickets.check(ticket) else None

    async def cancel(self, ticket: str, number: str | None, tenant: str) -> Cancelled:
        return await pins.in_time(self._cancel(ticket, number, tenant))

    async def _read_refused(self, now: datetime) -> _Numbers:
        async with self._store.read() as session:
            rows = await lists.turned_away(session, now)
        found = defaultdict(list)
        for row in rows:
            found[row.tenant, row.number].append(row.expires_at)
        return found

    async def _agents(self, number: str, line: str, tenant: str) -> Sequence[str]:
        async with self._store.read() as session:
            held = await _open(session, number, line, tenant)
            dedicated = await barred.dedicated(session, tenant, number)
            names = [row.agent for row in held]
            names += [dedicated.agent, dedicated.deputy] if dedicated else []
            if not any(names):
                return []
            ours = {agent.name for agent in await agents.listing(session) if agent.tenant in (None, tenant)}
        return [name for name in dict.fromkeys(names) if name in ours and name is not None]

    async def _callback_of(self, number: str, line: str, tenant: str) -> TicketNow | None:
        async with self._store.read() as session:
            found = await _open(session, number, line, tenant)
        return self._now(found[0], number) if found else None

    async def _callback(self, ticket: str, number: str | None, tenant: str) -> TicketNow | None:
        async with self._store.read() as session:
            row = await callbacks.find(session, ticket)
        return self._now(row, number) if row is not None and row.tenant == tenant else None

    def _now(self, row: CallbackRow, number: str | None) -> TicketNow:
        line = self._lines.get(row.line)
        zone = zone_of(line.dialplan) if line else JAPAN
        due = row.due_at if row.begun_at is None else None
        return TicketNow(
            row.ticket,
            cast(Stands, row.state),
            due.astimezone(zone) if due else None,
            row.next_at.astimezone(zone) if row.next_at else None,
            row.misses > 0,
            _owns(row, number),
        )

    async def _cancel(self, ticket: str, number: str | None, tenant: str) -> Cancelled:
        now = self._clock.now()
        try:
            async with self._store.write() as session:
                row = await service.own(session, ticket, Who(CUSTOMER, tenant))
                if row.state == "cancelled":
                    return "cancelled"
                if row.state in ON_THE_LINE:
                    return "on_the_line"
                if row.state in CLOSED:
                    return "refused"
                if not _owns(row, number):
                    await edits.memo(session, row.ticket, WISHED, who=Who(CUSTOMER, tenant), now=now)
                    await events.put(session, "callback", row.ticket, {"what": "memo"}, now)
                    return "wished"
                if row.complaint:
                    return "refused"
                # Whoever has it: it is the customer's own.
                who = Who(CUSTOMER, tenant, supervisor=True)
                await service.cancel(session, row.ticket, who=who, why=BY_KEY, now=now)
                await events.put(session, "callback", row.ticket, {"what": "cancelled"}, now)
        except (Conflict, NotFound):
            return "refused"
        return "cancelled"


async def _in_time(seconds: float, work: Coroutine[Any, Any, T], otherwise: T) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except (StoreError, TimeoutError) as error:
        log.warning("nobody could say who rings", extra={"error": repr(error)})
        return otherwise


def _owns(row: CallbackRow, number: str | None) -> bool:
    """A ticket number alone proves nothing: it is read aloud, passed on and guessed."""
    return row.number is not None and row.number == number


async def _open(session: AsyncSession, number: str, line: str, tenant: str) -> list[CallbackRow]:
    """What is due first comes first."""
    found = await contacts.open_callbacks(
        session, tenant=tenant, line=line, number=number, closed=sorted(CLOSED)
    )
    return sorted(found, key=lambda row: row.due_at or callbacks.NEVER)
