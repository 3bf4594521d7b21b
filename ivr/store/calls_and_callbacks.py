"""Calls that are over, and what callbacks of the same number do not know of them yet."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import CallbackRow, CallRow, ContactRow

MANY = 500
# These have made a contact of their own, or are not over, or nobody was let in.
OWN = ("message", "callback", "in_progress", "turned_away", "rejected", "failed")


def _ended(since: datetime) -> Select[CallRow]:
    return select(CallRow).where(
        CallRow.started_at >= since, CallRow.ended_at.is_not(None), CallRow.number.is_not(None)
    )


async def lines_left(session: AsyncSession, since: datetime) -> Sequence[str]:
    """On which callers gave up waiting."""
    query = select(CallRow.line).where(CallRow.started_at >= since, CallRow.outcome == "abandoned")
    return (await session.scalars(query.distinct())).all()


async def abandoned(session: AsyncSession, since: datetime, lines: Sequence[str]) -> Sequence[CallRow]:
    """Of which no contact was made; the newest first. So below."""
    known = exists().where(ContactRow.call_id == CallRow.id)
    query = _ended(since).where(CallRow.outcome == "abandoned", CallRow.line.in_(lines), ~known)
    return (await session.scalars(query.order_by(CallRow.started_at.desc()).limit(MANY))).all()


async def got_through(session: AsyncSession, since: datetime, closed: Sequence[str]) -> Sequence[CallRow]:
    """Answered calls of who has an open callback because of an abandoned call before."""
    waits = exists().where(
        _of_the_caller(),
        CallbackRow.state.not_in(closed),
        ContactRow.ticket == CallbackRow.ticket,
        ContactRow.source == "abandoned",
        ContactRow.created_at <= CallRow.started_at,
    )
    query = _ended(since).where(CallRow.outcome == "answered", waits)
    return (await session.scalars(query.order_by(CallRow.started_at.desc()).limit(MANY))).all()


async def rang_again(session: AsyncSession, since: datetime, closed: Sequence[str]) -> Sequence[CallRow]:
    """Calls of who has an open callback, of which it knows nothing."""
    open_before = exists().where(
        _of_the_caller(), CallbackRow.state.not_in(closed), CallbackRow.created_at < CallRow.started_at
    )
    known = exists().where(ContactRow.call_id == CallRow.id)
    query = _ended(since).where(CallRow.outcome.not_in(OWN), open_before, ~known)
    return (await session.scalars(query.order_by(CallRow.started_at.desc()).limit(MANY))).all()


def _of_the_caller() -> ColumnElement[bool]:
    return and_(
        CallbackRow.tenant == CallRow.tenant,
        CallbackRow.line == CallRow.line,
        CallbackRow.number == CallRow.number,
    )
