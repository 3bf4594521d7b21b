"""Who on duty was rung for which callback; each turn is one row, so that nobody is rung twice for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import CallbackRow, DutyRing
from ivr.store.upsert import insert_new


async def of_ticket(session: AsyncSession, ticket: str) -> Sequence[DutyRing]:
    """By turn."""
    query = select(DutyRing).where(DutyRing.ticket == ticket).order_by(DutyRing.turn)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def begin(session: AsyncSession, row: dict[str, Any]) -> bool:
    """False if this turn was taken before."""
    return await insert_new(session, DutyRing, row)


async def end(session: AsyncSession, ticket: str, turn: int, outcome: str, at: datetime) -> bool:
    """The first end stays; False after it."""
    query = (
        update(DutyRing)
        .where(DutyRing.ticket == ticket, DutyRing.turn == turn, DutyRing.ended_at.is_(None))
        .values(ended_at=at, outcome=outcome)
        .returning(DutyRing.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(query)).first() is not None


async def move(session: AsyncSession, ticket: str, to: str) -> None:
    """After those of `to`."""
    last = await session.scalar(select(func.max(DutyRing.turn)).where(DutyRing.ticket == to))
    await session.execute(
        update(DutyRing)
        .where(DutyRing.ticket == ticket)
        .values(ticket=to, turn=DutyRing.turn + (last or 0))
        .execution_options(synchronize_session=False)
    )


async def waiting(session: AsyncSession) -> Sequence[CallbackRow]:
    """All critical callbacks that nobody has and on which no work has begun, the oldest first."""
    query = select(CallbackRow).where(
        CallbackRow.state == "open",
        CallbackRow.priority == "critical",
        CallbackRow.begun_at.is_(None),
    )
    return (await session.scalars(query.order_by(CallbackRow.created_at))).all()
