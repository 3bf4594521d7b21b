"""One row a process, written each second."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import Health
from ivr.store.upsert import dialect_of, insert

STALE = timedelta(seconds=3)


def is_fresh(row: Health | None, now: datetime) -> bool:
    """A row from later than now is of an instance whose clock stood elsewhere."""
    return row is not None and -STALE <= now - row.at <= STALE


async def beat(
    session: AsyncSession, process: str, at: datetime, *, ok: bool, detail: dict[str, Any]
) -> None:
    row = {"at": at, "ok": ok, "detail": detail}
    statement = insert(dialect_of(session), Health).values(process=process, **row)
    await session.execute(statement.on_conflict_do_update(index_elements=["process"], set_=row))


async def get(session: AsyncSession, process: str) -> Health | None:
    return await session.get(Health, process)
