"""The list of callbacks: rows, counts, and what several consoles show alike made once for each state of the store."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks.escalation import affected, unsolved
from ivr.callbacks.states import CLOSED, owes_result
from ivr.hours.closings import Closing
from ivr.lines import as_closings
from ivr.store import closures, search
from ivr.store.tables import CallbackEvent, CallbackRow, Event, Line, MessageRow
from ivr.web.callbacks import filters
from ivr.web.callbacks.filters import FACETS, NO_BRANCH, WORDS, Filter, Show

T = TypeVar("T")

ROOM_HANDLED: Final = 20
KEPT: Final = 64  # parts of consoles
AT_ONCE: Final = 500  # rows of a file
TEXT: Final = 160  # letters of a matter that a row has room for

_SHOWN: Final = (
    "ticket", "tenant", "line", "state", "cause", "priority", "number", "withheld", "name", "company", "addressee",
    "reply_wanted", "preferred_time", "matter", "path", "branch", "contacts", "created_at", "due_at", "begun_at",
    "next_at", "agent", "offered_to", "second", "tier", "attempts", "unrecorded", "exhausted_at", "careful", "complaint", "done_at",
    "news_due_at", "news_warned_at", "resolution_due_at",
    "outcome", "result", "message_id",
)  # fmt: skip
_HEARD: Final = ("transcript_state", "transcript_reason", "transcript_trial", "duration", "urgent")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the list. `row`: columns of CallbackRow, of its message, and `line_name`, `text`."""

    row: Row[Any]
    late: bool
    soon: bool
    unsolved: bool  # 解決の期限超過
    affected: bool  # 約束に影響
    twin: bool  # 別件: another one of the same number is open

    @property
    def handled(self) -> bool:
        return self.row.state in CLOSED

    @property
    def owed(self) -> bool:
        return owes_result(self.row.state, self.row.unrecorded)

    @property
    def look(self) -> Hashable:
        """All that its row shows."""
        path = self.row._mapping["path"]
        facts = (tuple(value) if value is path else value for value in self.row)
        return (*facts, self.late, self.soon, self.unsolved, self.affected, self.twin)

    def workable(self, now: datetime) -> bool:
        """By anybody, now."""
        row = self.row
        return (
            row.state == "open" and row.exhausted_at is None and (row.next_at is None or row.next_at <= now)
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """Of what is left to do. `facets`: name -> (value, how many), the most frequent first."""

    shows: Mapping[Show, int]
    facets: Mapping[str, Sequence[tuple[str, int]]]
    agents: Mapping[str | None, int]
    offered: Mapping[str | None, int]
    late: int

    def of(self, show: Show, name: str) -> int | None:
        if show == "handled":
            return None
        if show in ("mine", "handed"):
            return (self.agents if show == "mine" else self.offered).get(name, 0)
        return self.shows[show]


@dataclass(frozen=True, slots=True)
class Found:
    todo: Sequence[Entry]
    handled: Sequence[Entry]
    more: bool  # than there was room for


class Once:
    """What is asked for by many at the same moment is made for the first of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[asyncio.Lock, list[Any]]] = OrderedDict()

    async def of(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        lock, made = self._kept.setdefault(key, (asyncio.Lock(), []))
        async with lock:
            if not made:
                made.append(await make())
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        found: T = made[0]
        return found


_LATEST = select(*(select(func.max(table.id)).scalar_subquery() for table in (CallbackEvent, Event)))


async def version(session: AsyncSession) -> tuple[int, int]:
    """It differs after whatever happened to a callback or a message."""
    callbacks, others = (await session.execute(_LATEST)).one()
    return callbacks or 0, others or 0


async def line_names(session: AsyncSession, tenant: str | None) -> dict[str, str]:
    """By key."""
    query = select(Line.key, Line.name).order_by(Line.name)
    rows = await session.execute(query if tenant is None else query.where(Line.tenant == tenant))
    return {key: name for key, name in rows}


async def counts(session: AsyncSession, tenant: str | None, now: datetime) -> Counts:
    left = _left(tenant)
    sums = [func.count().filter(*filters.shown(show, "", now)) for show in WORDS if show != "todo"]
    late = func.count().filter(CallbackRow.begun_at.is_(None), CallbackRow.due_at < now)
    by = [getattr(CallbackRow, name) for name in FACETS]
    groups = (await session.execute(select(*by, late, func.count(), *sums).where(*left).group_by(*by))).all()
    facet: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for group in groups:
        for name, value in zip(FACETS, group, strict=False):
            facet[name][NO_BRANCH if value is None else value] += group[5]
    shows = {show: sum(group[5 + place] for group in groups) for place, show in enumerate(WORDS)}
    whose = (CallbackRow.agent, CallbackRow.offered_to)
    theirs = select(*whose, func.count()).where(*left, or_(*(column.is_not(None) for column in whose)))
    agents: Counter[str | None] = Counter()
    offered: Counter[str | None] = Counter()
    for agent, to, count in await session.execute(theirs.group_by(*whose)):
        agents[agent] += count
        offered[to] += count
    return Counts(
        shows=shows,
        facets={name: found.most_common() for name, found in facet.items()},
        agents=agents,
        offered=offered,
        late=sum(group[4] for group in groups),
    )


async def find(session: AsyncSession, of: Filter, *, tenant: str | None, name: str, now: datetime) -> Found:
    """What is due first comes first; what is handled comes last, the latest first. `name`: who looks."""
    closings = {line: as_closings(rows) for line, rows in (await closures.by_line(session)).items()}
    todo, handled = await _wanted(session, of, tenant, name, now)
    room = of.rows if of.over or of.q else ROOM_HANDLED
    first = [] if todo is None else await _entries(session, todo, of.rows + 1, now, closings)
    last = [] if handled is None else await _entries(session, handled, room + 1, now, {})
    more = len(first) > of.rows or (len(last) > room and room == of.rows)
    return Found(first[: of.rows], last[:room], more)


async def every(
    session: AsyncSession, of: Filter, *, tenant: str | None, name: str, now: datetime
) -> AsyncIterator[Sequence[Entry]]:
    """All that the list would go on to show, for a file."""
    for query in await _wanted(session, of, tenant, name, now):
        tickets = [] if query is None else (await session.scalars(query)).all()
        for first in range(0, len(tickets), AT_ONCE):
            some = tickets[first : first + AT_ONCE]
            rows = {
                row.ticket: row for row in await session.execute(_rows().where(CallbackRow.ticket.in_(some)))
            }
            yield [_entry(rows[ticket], now, {}, set()) for ticket in some if ticket in rows]


async def memos(session: AsyncSession, tickets: Sequence[str]) -> Mapping[str, Sequence[CallbackEvent]]:
    """The first one first."""
    query = select(CallbackEvent).where(CallbackEvent.ticket.in_(tickets), CallbackEvent.what == "memo")
    found: dict[str, list[CallbackEvent]] = {}
    for event in await session.scalars(query.order_by(CallbackEvent.id)):
        found.setdefault(event.ticket, []).append(event)
    return found


async def _wanted(
    session: AsyncSession, of: Filter, tenant: str | None, name: str, now: datetime
) -> tuple[Select[str] | None, Select[str] | None]:
    """Tickets that are to do, in the order of work, and those that are handled, the latest first."""
    row = CallbackRow
    facets = filters.facets(of)
    todo = select(row.ticket).where(*_left(tenant), *facets)
    handled = select(row.ticket).where(row.done_at.is_not(None), *_of(tenant), *facets)
    if of.q:
        found = await search.latest(session, of.q, tenant)
        # By their tickets alone: SQLite takes whatever index it hears of, and each of the others holds thousands.
        these = select(row.ticket).where(search.among(session, found), *facets)
        handled = these.where(row.done_at.is_not(None)).order_by(row.created_at.desc())
        if len(found) < search.MANY:
            todo = these.where(row.done_at.is_(None))
        else:  # of what is left to do all are found, however many others there are
            todo = todo.where(search.held_by(session, of.q))
    else:
        todo = todo.where(*filters.shown(of.show, name, now))
        handled = handled.order_by(row.done_at.desc(), row.ticket)
    todo = todo.order_by(row.due_at.is_(None), row.due_at, row.created_at, row.ticket)
    return None if of.over else todo, handled if of.over or of.both else None


def _left(tenant: str | None) -> list[ColumnElement[bool]]:
    """What has no `done_at` is left to do; it has an index, which the states would keep SQLite from."""
    return [CallbackRow.done_at.is_(None), *_of(tenant)]


def _of(tenant: str | None) -> list[ColumnElement[bool]]:
    return [] if tenant is None else [CallbackRow.tenant == tenant]


def _rows() -> Select[Any]:
    text = func.coalesce(
        MessageRow.corrected_text,
        CallbackRow.matter,
        MessageRow.reading["text"].as_string(),
        MessageRow.transcript_text,
    )
    return (
        select(
            *(getattr(CallbackRow, name) for name in _SHOWN),
            *(getattr(MessageRow, name) for name in _HEARD),
            func.substr(text, 1, TEXT).label("text"),
            and_(MessageRow.corrected_text.is_(None), CallbackRow.matter.is_(None)).label("recognised"),
            func.coalesce(Line.name, CallbackRow.line).label("line_name"),
        )
        .outerjoin(MessageRow, MessageRow.id == CallbackRow.message_id)
        .outerjoin(Line, Line.key == CallbackRow.line)
    )


async def _entries(
    session: AsyncSession,
    tickets: Select[str],
    limit: int,
    now: datetime,
    closings: Mapping[str, Sequence[Closing]],
) -> list[Entry]:
    wanted = (await session.scalars(tickets.limit(limit))).all()
    rows = {row.ticket: row for row in await session.execute(_rows().where(CallbackRow.ticket.in_(wanted)))}
    twins = await _several(session, [row for row in rows.values() if row.number and row.state not in CLOSED])
    return [_entry(rows[ticket], now, closings, twins) for ticket in wanted if ticket in rows]


async def _several(session: AsyncSession, rows: Sequence[Row[Any]]) -> set[tuple[str, str | None]]:
    """(tenant, number) of which more than one is open."""
    if not rows:
        return set()
    by = (CallbackRow.tenant, CallbackRow.number)
    tenants, numbers = {row.tenant for row in rows}, {row.number for row in rows}
    query = select(*by).where(CallbackRow.tenant.in_(tenants), CallbackRow.number.in_(numbers))
    query = query.where(CallbackRow.done_at.is_(None)).group_by(*by).having(func.count() > 1)
    return {(tenant, number) for tenant, number in await session.execute(query)}


def _entry(
    row: Row[Any],
    now: datetime,
    closings: Mapping[str, Sequence[Closing]],
    twins: set[tuple[str, str | None]],
) -> Entry:
    waits = row.begun_at is None and row.state not in CLOSED and row.due_at is not None
    late = waits and row.due_at < now
    return Entry(
        row=row,
        late=late,
        soon=waits and not late and row.due_at <= now + filters.SOON,
        unsolved=unsolved(row, now),  # type: ignore[arg-type]  # it has the columns
        affected=affected(row, closings.get(row.line, ())),  # type: ignore[arg-type]  # it has the columns
        twin=(row.tenant, row.number) in twins and row.state not in CLOSED,
    )
