"""What one process asks of another. The wake-up beside it is `ivr.wake`'s."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import Order


async def put(session: AsyncSession, recipient: str, kind: str, data: dict[str, Any], at: datetime) -> int:
    order = Order(recipient=recipient, kind=kind, data=data, created_at=at)
    session.add(order)
    await session.flush()
    return order.id


async def get(session: AsyncSession, order_id: int) -> Order | None:
    return await session.get(Order, order_id)


async def pending(session: AsyncSession, recipient: str) -> Sequence[Order]:
    """Oldest first."""
    query = select(Order).where(Order.recipient == recipient, Order.done_at.is_(None)).order_by(Order.id)
    return (await session.scalars(query)).all()


async def done(session: AsyncSession, order_id: int, at: datetime, error: str | None = None) -> None:
    """`error` for people, if the order could not be carried out. The first ending stays."""
    await session.execute(
        update(Order).where(Order.id == order_id, Order.done_at.is_(None)).values(done_at=at, error=error)
    )
