"""What reports are counted from: rows of a period, read in pieces or counted by the hour in the database.

A hundred thousand callbacks are read in little memory, and others have their turn between two pieces.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, String, Text, case, cast, func, null, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from ivr.store.tables import CallbackRow, CallRow, ContactRow, DialRow, MessageRow

PIECE = 500  # rows
Query = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Span:
    """The period [begin, end) of some lines, from midnight to midnight of `zone`. `lines` None: all but `others`."""

    begin: datetime
    end: datetime
    zone: ZoneInfo
    lines: tuple[str, ...] | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one kind: all that is shown of them, among it their time as `at`, and what of it a count goes by."""

    query: Query
    at: InstrumentedAttribute[Any]
    line: InstrumentedAttribute[str]
    tenant: InstrumentedAttribute[str]
    counted_by: tuple[str, ...] = ()

    def within(self, span: Span, tenant: str | None) -> Query:
        found = self.query.where(self.at >= span.begin, self.at < span.end)
        if tenant is not None:
            found = found.where(self.tenant == tenant)
        if span.lines is not None:
            return found.where(self.line.in_(span.lines))
        return found.where(self.line.not_in(span.others)) if span.others else found


# Calls that are over; `path`, as JSON, of abandoned ones only.
CALLS = Source(
    select(
        CallRow.id,
        CallRow.line,
        CallRow.started_at.label("at"),
        CallRow.ended_at,
        CallRow.outcome,
        CallRow.cause,
        CallRow.agent,
        CallRow.number,
        CallRow.withheld,
        case((CallRow.outcome == "abandoned", cast(CallRow.path, Text)), else_=null()).label("path"),
    ).where(CallRow.ended_at.is_not(None)),
    CallRow.started_at,
    CallRow.line,
    CallRow.tenant,
    ("line", "outcome", "cause", "path", "agent"),
)
# Who asked to be rung back, with the ticket as it stands now.
CONTACTS = Source(
    select(
        ContactRow.id,
        ContactRow.ticket,
        ContactRow.told_ticket,
        ContactRow.line,
        ContactRow.source,
        ContactRow.priority,
        ContactRow.created_at.label("at"),
        ContactRow.due_at,
        ContactRow.begun_at,
        ContactRow.reply_wanted,
        ContactRow.number,
        ContactRow.withheld,
        ContactRow.name,
        ContactRow.company,
        CallbackRow.state,
        CallbackRow.agent,
        CallbackRow.done_at,
        CallbackRow.resolution_due_at,
    ).join(CallbackRow, CallbackRow.ticket == ContactRow.ticket),
    ContactRow.created_at,
    ContactRow.line,
    ContactRow.tenant,
)
DIALS = Source(
    select(
        DialRow.id,
        DialRow.ticket,
        DialRow.line,
        DialRow.agent,
        DialRow.by_hand,
        DialRow.number,
        DialRow.began_at.label("at"),
        DialRow.ended_at,
        DialRow.outcome,
    ),
    DialRow.began_at,
    DialRow.line,
    DialRow.tenant,
    ("agent", "by_hand", "outcome"),
)
# Callbacks that are done, with the number of their dials.
DONE = Source(
    select(
        CallbackRow.ticket,
        CallbackRow.line,
        CallbackRow.agent,
        CallbackRow.name,
        CallbackRow.company,
        CallbackRow.created_at,
        CallbackRow.done_at.label("at"),
        CallbackRow.outcome,
        select(func.count())
        .where(DialRow.ticket == CallbackRow.ticket)
        .correlate(CallbackRow)
        .scalar_subquery()
        .label("dials"),
    ).where(CallbackRow.state == "done"),
    CallbackRow.done_at,
    CallbackRow.line,
    CallbackRow.tenant,
    ("agent", "dials"),
)
# Messages in which somebody spoke, each with the ticket that it belongs to.
MESSAGES = Source(
    select(
        MessageRow.id,
        MessageRow.line,
        MessageRow.created_at.label("at"),
        MessageRow.duration,
        MessageRow.cause,
        MessageRow.number,
        MessageRow.withheld,
        ContactRow.ticket,
    )
    .outerjoin(ContactRow, ContactRow.message_id == MessageRow.id)
    .where(MessageRow.state == "stored"),
    MessageRow.created_at,
    MessageRow.line,
    MessageRow.tenant,
)


async def rows(
    session: AsyncSession, source: Source, span: Span, tenant: str | None, *, by_time: bool = False
) -> AsyncIterator[Sequence[Row[Any]]]:
    """In pieces; `by_time`: the oldest first. `tenant` None: of all; so below."""
    query = source.within(span, tenant).execution_options(yield_per=PIECE)
    if by_time:
        query = query.order_by(source.at)
    async for piece in (await session.stream(query)).partitions():
        yield piece


async def counted(
    session: AsyncSession, source: Source, span: Span, tenant: str | None
) -> AsyncIterator[tuple[Any, datetime, int]]:
    """Rows that agree in the hour and in all that they are counted by: one of them, in which hour, how many."""
    inner = source.within(span, tenant).subquery()
    # A time as text begins like "2026-11-24 03:05" in both databases. Where hours begin between those of UTC, minutes count.
    hours = all(at.astimezone(UTC).minute == 0 for at in (span.begin, span.end))
    begins = func.substr(cast(inner.c.at, String), 1, 13 if hours else 16)
    alike = [inner.c[name] for name in source.counted_by]
    query = select(begins.label("begins"), *alike, func.count().label("many")).group_by(begins, *alike)
    async for piece in (await session.stream(query.execution_options(yield_per=PIECE))).partitions():
        for row in piece:
            text = row.begins if len(row.begins) > 13 else f"{row.begins}:00"
            yield row, datetime.fromisoformat(text).replace(tzinfo=UTC), row.many


async def calls_of_lines(session: AsyncSession, span: Span, tenant: str | None) -> dict[tuple[str, str], int]:
    """(tenant, line) -> calls that began in the period, are over, and were for a line."""
    inner = CALLS.within(span, tenant).add_columns(CallRow.tenant).subquery()
    query = (
        select(inner.c.tenant, inner.c.line, func.count())
        .where(inner.c.outcome != "rejected")
        .group_by(inner.c.tenant, inner.c.line)
    )
    return {(owner, line): count for owner, line, count in await session.execute(query)}
