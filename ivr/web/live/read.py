"""What goes on now: who waits by the engine's health row, the agents and callbacks by the store, and the calls of today."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks.states import CLOSED, STATES
from ivr.lines import Lines, groups_of
from ivr.reports.period import Period, spans
from ivr.reports.tally import Asked, calls_of, share
from ivr.store import agents, health
from ivr.store.tables import AgentRow, CallbackRow, Health
from ivr.web.health import Engine
from ivr.web.health import engine as stands_of
from ivr.web.managing import zones

KNOWS: Final = ("alive", "stopping")
SOON = timedelta(minutes=30)  # so long before its due time a callback is counted as near
LEFT = tuple(state for state in STATES if state not in CLOSED)


@dataclass(frozen=True, slots=True)
class Seat:
    """An agent; `state` as of agents, or "ringing"; `since` None: not known."""

    name: str
    state: str
    since: datetime | None
    reason: str | None
    groups: Sequence[str]
    tenant: str | None

    def takes(self, groups: set[str], tenant: str) -> bool:
        """Callers of this company, who wait in one of these."""
        return self.tenant in (None, tenant) and not groups.isdisjoint(self.groups)


@dataclass(frozen=True, slots=True)
class LineNow:
    """`waiting`, `talking` and `free` None: nobody knows. `since`: from when on the one waits who has waited longest."""

    key: str
    name: str
    waiting: int | None
    since: datetime | None
    talking: int | None
    free: int | None
    overdue: int
    near: int
    calls: Counter[str]


@dataclass(frozen=True, slots=True)
class Floor:
    engine: Engine
    seen: datetime | None  # when the engine last wrote
    lines: Sequence[LineNow]
    seats: Sequence[Seat]
    trunks: Health | None
    """How the carriers stood when they were last asked; no company's own, so for who sees all of them."""

    @property
    def waiting(self) -> int | None:
        return _sum([line.waiting for line in self.lines]) if self.knows else None

    @property
    def talking(self) -> int | None:
        return _sum([line.talking for line in self.lines]) if self.knows else None

    @property
    def knows(self) -> bool:
        """Whether the engine can be believed about its callers and the telephones."""
        return self.engine in KNOWS

    @property
    def since(self) -> datetime | None:
        return min((line.since for line in self.lines if line.since is not None), default=None)

    @property
    def overdue(self) -> int:
        return sum(line.overdue for line in self.lines)

    @property
    def near(self) -> int:
        return sum(line.near for line in self.lines)

    @property
    def calls(self) -> Counter[str]:
        return sum((line.calls for line in self.lines), Counter())

    @property
    def unregistered(self) -> int:
        return sum(seat.reason == agents.UNREGISTERED_REASON for seat in self.seats)

    def seats_in(self, state: str) -> int:
        return sum(seat.state == state for seat in self.seats)


def percent(part: int, whole: int) -> str:
    """To the whole number; — of nothing."""
    found = share(part, whole)
    return "—" if found is None else f"{found:.0f}%"


def _sum(numbers: Sequence[int | None]) -> int:
    return sum(number or 0 for number in numbers)


async def floor(
    session: AsyncSession, lines: Lines, names: Mapping[str, str], *, tenant: str | None, now: datetime
) -> Floor:
    """`names`: of the lines that are shown."""
    row = await health.get(session, "engine")
    engine = stands_of(row, now)
    knows = engine in KNOWS
    queues: dict[str, Any] = row.detail.get("queues", {}) if row and knows else {}
    groups = {key: groups_of(live.dialplan) for key in names if (live := lines.get(key)) is not None}
    seats = await _seats(session, tenant, set().union(*groups.values()), now)
    late, near = await _due(session, tenant, now)
    today = await _today(session, lines, names, tenant, now)
    found = []
    for key, name in names.items():
        crowd = queues.get(key, {})
        here = [seat for seat in seats if seat.takes(groups[key], lines.tenants[key])]
        found.append(
            LineNow(
                key=key,
                name=name,
                waiting=crowd.get("waiting", 0) if knows else None,
                since=datetime.fromisoformat(crowd["since"]) if crowd.get("since") else None,
                talking=crowd.get("talking", 0) if knows else None,
                free=sum(seat.state == "available" for seat in here) if knows else None,
                overdue=late.get(key, 0),
                near=near.get(key, 0),
                calls=today.get(key, Counter()),
            )
        )
    trunks = await health.get(session, "trunks") if tenant is None else None
    return Floor(engine, row.at if row else None, found, seats, trunks)


async def _seats(session: AsyncSession, tenant: str | None, groups: set[str], now: datetime) -> list[Seat]:
    """The tenant's own, and those who belong to no tenant and sit in one of the groups."""
    found = []
    for row in await agents.listing(session):
        mine = tenant in (None, row.tenant) or (row.tenant is None and bool(groups & set(row.groups)))
        if mine:
            found.append(_seat(row, now))
    order = ("talking", "ringing", "wrap_up", "available", "away")
    return sorted(found, key=lambda seat: (order.index(seat.state), seat.name))


def _seat(row: AgentRow, now: datetime) -> Seat:
    found = agents.standing(row, now)
    if found.state == "available" and row.offer_until is not None and row.offer_until > now:
        return Seat(row.name, "ringing", None, None, row.groups, row.tenant)
    return Seat(row.name, found.state, found.since, found.reason, row.groups, row.tenant)


async def _due(
    session: AsyncSession, tenant: str | None, now: datetime
) -> tuple[dict[str, int], dict[str, int]]:
    """Line -> callbacks without work whose due time has passed, and those whose is near."""
    late = func.count().filter(CallbackRow.due_at < now)
    query = (
        select(CallbackRow.line, late, func.count())
        .where(CallbackRow.state.in_(LEFT), CallbackRow.begun_at.is_(None), CallbackRow.due_at < now + SOON)
        .group_by(CallbackRow.line)
    )
    if tenant is not None:
        query = query.where(CallbackRow.tenant == tenant)
    rows = (await session.execute(query)).all()
    return {line: over for line, over, _ in rows}, {line: all_ - over for line, over, all_ in rows}


async def _today(
    session: AsyncSession, lines: Lines, names: Mapping[str, str], tenant: str | None, now: datetime
) -> dict[str, Counter[str]]:
    """Of each line since its own midnight."""
    found: dict[str, Counter[str]] = {}
    known = zones(lines)
    by_day: dict[Period, list[str]] = {}
    for key in names:
        today = now.astimezone(known[key]).date()
        by_day.setdefault(Period(today, today), []).append(key)
    for day, keys in by_day.items():
        asked = Asked(spans(day, known, None), tenant, now, lines.in_queue)
        found |= {key: calls for key, calls in (await calls_of(session, asked)).items() if key in keys}
    return found
