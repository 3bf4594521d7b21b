"""Dials, and the lock by number: one row while somebody dials it, whatever the ticket."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import DialLock, DialRow
from ivr.store.upsert import dialect_of, insert


async def lock(session: AsyncSession, row: dict[str, Any], now: datetime) -> bool:
    """Takes the lock of `row["number"]` until `row["until"]`; False if another dial holds it."""
    given = insert(dialect_of(session), DialLock).values(row)
    rest = {name: value for name, value in row.items() if name not in ("tenant", "number")}
    statement = given.on_conflict_do_update(
        index_elements=["tenant", "number"], set_=rest, where=DialLock.until <= now
    ).returning(DialLock.dial)
    return (await session.execute(statement)).first() is not None


async def locked(session: AsyncSession, tenant: str, number: str, now: datetime) -> DialLock | None:
    query = select(DialLock).where(DialLock.tenant == tenant, DialLock.number == number, DialLock.until > now)
    return await session.scalar(query.execution_options(populate_existing=True))


async def keep(session: AsyncSession, key: str, until: datetime) -> bool:
    """The dial goes on: its lock holds until then. False if it has lost it."""
    statement = update(DialLock).where(DialLock.dial == key).values(until=until).returning(DialLock.dial)
    return (await session.execute(statement.execution_options(synchronize_session=False))).first() is not None


async def keep_by_hand(session: AsyncSession, ticket: str, until: datetime) -> None:
    """The same for a dial that no engine sees."""
    key = select(DialRow.key).where(DialRow.ticket == ticket, DialRow.by_hand, DialRow.ended_at.is_(None))
    statement = update(DialLock).where(DialLock.dial.in_(key), DialLock.until < until).values(until=until)
    await session.execute(statement.execution_options(synchronize_session=False))


async def unlock(session: AsyncSession, key: str) -> None:
    await session.execute(
        delete(DialLock).where(DialLock.dial == key).execution_options(synchronize_session=False)
    )


async def on_the_line(session: AsyncSession, line: str, now: datetime) -> int:
    """How many customers of the line are rung or talked to."""
    query = select(func.count()).where(DialLock.line == line, DialLock.until > now)
    return await session.scalar(query) or 0


async def add(session: AsyncSession, row: dict[str, Any]) -> DialRow:
    made = DialRow(**row)
    session.add(made)
    await session.flush()
    return made


async def by_key(session: AsyncSession, key: str) -> DialRow | None:
    query = select(DialRow).where(DialRow.key == key)
    return await session.scalar(query.execution_options(populate_existing=True))


async def of_ticket(session: AsyncSession, ticket: str) -> Sequence[DialRow]:
    """The first one first."""
    query = select(DialRow).where(DialRow.ticket == ticket).order_by(DialRow.began_at, DialRow.id)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def of_engine(session: AsyncSession, engine: str) -> Sequence[DialRow]:
    """Those that are not over."""
    query = select(DialRow).where(DialRow.engine == engine, DialRow.ended_at.is_(None)).order_by(DialRow.id)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def since(session: AsyncSession, tenant: str, number: str, begin: datetime) -> int:
    """How many dials to a number began since then, save those that never rang there."""
    told = or_(DialRow.answered_at.is_not(None), DialRow.outcome.is_not(None))
    rang = or_(DialRow.ended_at.is_(None), told, DialRow.by_hand.is_(True))  # as `never_rang`
    query = select(func.count()).where(
        DialRow.tenant == tenant, DialRow.number == number, DialRow.began_at >= begin, rang
    )
    return await session.scalar(query) or 0
