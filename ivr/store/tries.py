"""Tries that came to nothing: kept in the store, so that a restart forgets none and all web processes count together."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import Try

Kind = Literal["login", "reset"]
KEPT = timedelta(hours=1)
LONGEST = 64  # characters of a name or an address


async def add(session: AsyncSession, kind: Kind, name: str, address: str, at: datetime) -> int:
    """Its id."""
    await session.execute(delete(Try).where(Try.at <= at - KEPT))
    row = Try(kind=kind, name=name[:LONGEST], address=address[:LONGEST], at=at)
    session.add(row)
    await session.flush()
    return row.id


async def count(
    session: AsyncSession, kind: Kind, name: str, *, since: datetime, but: int = 0, address: str | None = None
) -> int:
    """Tries of a name after `since`, without the one with the id `but`; `address` None: from anywhere."""
    query = select(func.count()).where(
        Try.kind == kind, Try.name == name[:LONGEST], Try.at > since, Try.id != but
    )
    if address is not None:
        query = query.where(Try.address == address[:LONGEST])
    return await session.scalar(query) or 0


async def of_names(
    session: AsyncSession, names: Sequence[str], since: datetime
) -> Sequence[tuple[str, str, int]]:
    """Name, address and how often somebody failed to log in there after `since`."""
    query = select(Try.name, Try.address, func.count()).group_by(Try.name, Try.address)
    rows = await session.execute(query.where(Try.kind == "login", Try.name.in_(names), Try.at > since))
    return [(name, address, number) for name, address, number in rows]


async def withdraw(session: AsyncSession, id: int) -> None:
    """One that was refused before anybody looked at it does not count."""
    await session.execute(delete(Try).where(Try.id == id))


async def forget(session: AsyncSession, name: str, address: str | None = None) -> None:
    query = delete(Try).where(Try.name == name[:LONGEST])
    if address is not None:
        query = query.where(Try.address == address[:LONGEST])
    await session.execute(query)
