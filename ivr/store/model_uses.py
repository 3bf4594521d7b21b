"""Which Vosk model the recordings of a line are for, by the name of its directory."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import ModelUse
from ivr.store.upsert import dialect_of, insert

ALL = ""  # stands for the lines that have none of their own


async def of_lines(session: AsyncSession) -> dict[str, str]:
    """Line -> model; `ALL` is among them if one was chosen."""
    return {row.line: row.model for row in await session.scalars(select(ModelUse).order_by(ModelUse.line))}


async def use(session: AsyncSession, model: str, *, line: str | None, at: datetime, by: str) -> None:
    """None: for all lines, also those that had one of their own."""
    if line is None:
        await session.execute(delete(ModelUse))
    values = {"model": model, "at": at, "by": by}
    statement = insert(dialect_of(session), ModelUse).values(line=line or ALL, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["line"], set_=values))
