"""What happened; feeds the pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import Event


async def put(session: AsyncSession, kind: str, subject: str, data: dict[str, Any], at: datetime) -> int:
    """Never numbers, digits or transcripts in `data`."""
    event = Event(kind=kind, subject=subject, data=data, at=at)
    session.add(event)
    await session.flush()
    return event.id


async def latest(session: AsyncSession) -> int:
    """The id to start `since` from; 0 if nothing ever happened."""
    return await session.scalar(select(func.max(Event.id))) or 0


async def since(session: AsyncSession, event_id: int, limit: int = 100) -> Sequence[Event]:
    """Oldest first. On PostgreSQL a late commit may be missed: a signal to look again, not a ledger."""
    return (
        await session.scalars(select(Event).where(Event.id > event_id).order_by(Event.id).limit(limit))
    ).all()
