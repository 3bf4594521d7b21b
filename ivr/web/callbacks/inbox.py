"""The list of callbacks: rows, counts, and what several consoles show alike made once for each state of the store."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks.escalation import affected
from ivr.callbacks.states import CLOSED
from ivr.hours.closings import Closing
from ivr.lines import as_closings
from ivr.store import closures, search
from ivr.store.tables import CallbackEvent, CallbackRow, CallbackText, Event, Line, MessageRow
from ivr.web.callbacks import filters
from ivr.web.callbacks.filters import FACETS, LEFT, NO_BRANCH, WORDS, Filter, Show

T = TypeVar("T")

ROOM_HANDLED: Final = 30
KEPT: Final = 64  # parts of consoles
AT_ONCE: Final = 500  # rows of a file
TEXT: Final = 160  # letters of a matter that a row has room for

_SHOWN: Final = (
    "ticket", "tenant", "line", "state", "cause", "priority", "number", "withheld", "name", "company", "addressee",
    "reply_wanted", "preferred_time", "matter", "path", "branch", "contacts", "created_at", "due_at", "begun_at",
    "next_at", "agent", "offered_to", "second", "tier", "attempts", "exhausted_at", "careful", "complaint", "done_at",
    "outcome", "result", "message_id",
)  # fmt: skip
_HEARD: Final = ("transcript_state", "transcript_reason", "transcript_trial", "duration", "urgent")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the list. `row`: columns of CallbackRow, of its message, and `line_name`, `text`."""

    row: Row[Any]
    late: bool
    soon: bool
    affected: bool  # 約束に影響
    twin: bool  # 別件: another one of the same number is open

    @property
    def handled(self) -> bool:
        return self.row.state in CLOSED

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
    agents: Mapping[str, int]
    offered: Mapping[str, int]
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


async def version(session: AsyncSession) -> tuple[int, int]:
    """It differs after whatever happened to a callback or a message."""
    latest = [select(func.max(table.id)).scalar_subquery() for table in (CallbackEvent, Event)]
    callbacks, others = (await session.execute(select(*latest))).one()
    return callbacks or 0, others or 0


async def line_names(session: AsyncSession, tenant: str | None) -> dict[str, str]:
    """By key."""
    query = select(Line.key, Line.name).order_by(Line.name)
    rows = await session.execute(query if tenant is None else query.where(Line.tenant == tenant))
    return {key: name for key, name in rows}


async def counts(session: AsyncSession, tenant: str | None, now: datetime) -> Counts:
    left = [CallbackRow.state.in_(LEFT), *_of(tenant)]
    sums = [func.count().filter(*filters.shown(show, "", now)) for show in WORDS if show != "todo"]
    late = func.count().filter(CallbackRow.begun_at.is_(None), CallbackRow.due_at < now)
    by = [getattr(CallbackRow, name) for name in FACETS]
    groups = (await session.execute(select(*by, late, func.count(), *sums).where(*left).group_by(*by))).all()
    facet: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for group in groups:
        for name, value in zip(FACETS, group, strict=False):
            facet[name][NO_BRANCH if value is None else value] += group[5]
    shows = {show: sum(group[5 + place] for group in groups) for place, show in enumerate(WORDS)}
    whose = [await _each(session, column, left) for column in (CallbackRow.agent, CallbackRow.offered_to)]
    return Counts(
        shows=shows,
        facets={name: found.most_common() for name, found in facet.items()},
        agents=whose[0],
        offered=whose[1],
        late=sum(group[4] for group in groups),
    )


async def _each(session: AsyncSession, column: Any, left: Sequence[ColumnElement[bool]]) -> dict[str, int]:
    query = select(column, func.count()).where(column.is_not(None), *left).group_by(column)
    return {name: count for name, count in await session.execute(query)}


async def find(session: AsyncSession, of: Filter, *, tenant: str | None, name: str, now: datetime) -> Found:
    """What is due first comes first; what is handled comes last, the latest first. `name`: who looks."""
    closings = {line: as_closings(rows) for line, rows in (await closures.by_line(session)).items()}
    todo: list[Entry] = []
    handled: list[Entry] = []
    if not of.over:
        todo = await _entries(session, _todo(session, of, tenant, name, now), of.rows + 1, now, closings)
    room = of.rows if of.over or of.q else ROOM_HANDLED
    if of.over or of.both:
        handled = await _entries(session, _handled(session, of, tenant), room + 1, now, {})
    more = len(todo) > of.rows or (len(handled) > room and room == of.rows)
    return Found(todo[: of.rows], handled[:room], more)


async def every(
    session: AsyncSession, of: Filter, *, tenant: str | None, name: str, now: datetime
) -> AsyncIterator[Sequence[Entry]]:
    """All that the list would go on to show, for a file."""
    queries = [] if of.over else [_todo(session, of, tenant, name, now)]
    if of.over or of.both:
        queries.append(_handled(session, of, tenant))
    for query in queries:
        tickets = (await session.scalars(query)).all()
        for first in range(0, len(tickets), AT_ONCE):
            some = tickets[first : first + AT_ONCE]
            rows = {
                row.ticket: row for row in await session.execute(_rows().where(CallbackRow.ticket.in_(some)))
            }
            yield [_entry(rows[ticket], now, {}, set()) for ticket in some if ticket in rows]


def _of(tenant: str | None) -> list[ColumnElement[bool]]:
    return [] if tenant is None else [CallbackRow.tenant == tenant]


def _todo(session: AsyncSession, of: Filter, tenant: str | None, name: str, now: datetime) -> Select[Any]:
    """Tickets, in the order of work."""
    row = CallbackRow
    query = select(row.ticket).where(row.state.in_(LEFT), *_of(tenant), *filters.facets(of))
    if of.q:
        query = query.join(CallbackText, CallbackText.ticket == row.ticket).where(search.holds(session, of.q))
    else:
        query = query.where(*filters.shown(of.show, name, now))
    return query.order_by(row.due_at.is_(None), row.due_at, row.created_at, row.ticket)


def _handled(session: AsyncSession, of: Filter, tenant: str | None) -> Select[Any]:
    """Tickets, the latest first; of those that are looked for, the latest that came in."""
    row = CallbackRow
    closed = [row.state.in_(CLOSED), *_of(tenant), *filters.facets(of)]
    if of.q:
        # the narrow table alone is read through; the callbacks of what it holds are looked up
        found = select(CallbackText.id, CallbackText.ticket).where(search.holds(session, of.q))
        if tenant is not None:
            found = found.where(CallbackText.tenant == tenant)
        texts = found.subquery()
        return (
            select(row.ticket)
            .join(texts, texts.c.ticket == row.ticket)
            .where(*closed)
            .order_by(texts.c.id.desc())
        )
    return (
        select(row.ticket).where(row.done_at.is_not(None), *closed).order_by(row.done_at.desc(), row.ticket)
    )


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
    tickets: Select[Any],
    limit: int,
    now: datetime,
    closings: Mapping[str, Sequence[Closing]],
) -> list[Entry]:
    wanted = (await session.scalars(tickets.limit(limit))).all()
    rows = {row.ticket: row for row in await session.execute(_rows().where(CallbackRow.ticket.in_(wanted)))}
    numbers = {row.number for row in rows.values() if row.number is not None and row.state not in CLOSED}
    twins = await _several(session, numbers)
    return [_entry(rows[ticket], now, closings, twins) for ticket in wanted if ticket in rows]


async def _several(session: AsyncSession, numbers: set[str]) -> set[tuple[str, str]]:
    """(tenant, number) of which more than one is open."""
    by: tuple[Any, Any] = (CallbackRow.tenant, CallbackRow.number)
    query = select(*by).where(CallbackRow.number.in_(numbers), CallbackRow.state.in_(LEFT))
    return {(row[0], row[1]) for row in await session.execute(query.group_by(*by).having(func.count() > 1))}


def _entry(
    row: Row[Any], now: datetime, closings: Mapping[str, Sequence[Closing]], twins: set[tuple[str, str]]
) -> Entry:
    waits = row.begun_at is None and row.state not in CLOSED and row.due_at is not None
    late = waits and row.due_at < now
    return Entry(
        row=row,
        late=late,
        soon=waits and not late and row.due_at <= now + filters.SOON,
        affected=affected(row, closings.get(row.line, ())),  # type: ignore[arg-type]  # it has the columns
        twin=(row.tenant, row.number) in twins and row.state not in CLOSED,
    )
