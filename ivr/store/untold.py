"""What happened to callbacks of which nobody was told yet, and what was promised to customers and is not kept."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import CallbackEvent, CallbackRow, ContactRow, Delivery

# Alone in its ticket, the one that an agent may have added or put right there; else the own one.
_ADDRESS = case((CallbackRow.contacts == 1, CallbackRow.email), else_=ContactRow.email)


async def events(session: AsyncSession, limit: int) -> Sequence[tuple[CallbackEvent, CallbackRow]]:
    """The oldest first, each with its callback as it is now."""
    query = (
        select(CallbackEvent, CallbackRow)
        .join(CallbackRow, CallbackRow.ticket == CallbackEvent.ticket)
        .where(CallbackEvent.told_at.is_(None))
        .order_by(CallbackEvent.id)
        .limit(limit)
    )
    return [(event, callback) for event, callback in await session.execute(query)]


async def events_were_told(session: AsyncSession, ids: Sequence[int], at: datetime) -> None:
    await session.execute(
        update(CallbackEvent)
        .where(CallbackEvent.id.in_(ids))
        .values(told_at=at)
        .execution_options(synchronize_session=False)
    )


async def waiting(
    session: AsyncSession,
    lines: Collection[str],
    closed: Collection[str],
    since: datetime,
    until: datetime,
    limit: int,
) -> Sequence[ContactRow]:
    """Those that can be mailed, were promised a call in [since, until), and on which work was not begun.

    `closed`: states of a callback in which nothing is left to do.
    """
    query = (
        select(ContactRow)
        .join(CallbackRow, CallbackRow.ticket == ContactRow.ticket)
        .where(ContactRow.line.in_(lines), _ADDRESS.is_not(None), ContactRow.begun_at.is_(None))
        .where(ContactRow.due_at >= since, ContactRow.due_at < until)
        .where(CallbackRow.state.not_in(closed))
        .order_by(ContactRow.due_at)
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def known(session: AsyncSession, keys: Collection[str]) -> set[str]:
    """Those of these keys that stand in the ledger."""
    return set(await session.scalars(select(Delivery.key).where(Delivery.key.in_(keys))))
