"""Tries that came to nothing: kept in the store, so that a restart forgets none and all web processes count together.

Of what was typed as a name only a digest is kept: people type passwords into the wrong field.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import Try
from ivr.store.tokens import digest

Kind = Literal["login", "reset", "code"]
KEPT = timedelta(days=1)
LONGEST = 64  # characters of an address


async def add(session: AsyncSession, kind: Kind, name: str, address: str, at: datetime) -> int:
    """Its id."""
    await session.execute(delete(Try).where(Try.at <= at - KEPT))
    row = Try(kind=kind, name=digest(name), address=address[:LONGEST], at=at)
    session.add(row)
    await session.flush()
    return row.id


async def count(
    session: AsyncSession, kind: Kind, name: str | None, address: str | None, *, since: datetime, but: int = 0
) -> int:
    """Tries after `since`, without the one with the id `but`; `name` None: of any; `address` None: from anywhere."""
    query = select(func.count()).where(Try.kind == kind, Try.at > since, Try.id != but)
    if name is not None:
        query = query.where(Try.name == digest(name))
    if address is not None:
        query = query.where(Try.address == address[:LONGEST])
    return await session.scalar(query) or 0


async def of_names(
    session: AsyncSession, kind: Kind, names: Sequence[str], since: datetime
) -> Sequence[tuple[str, str, int]]:
    """Name, address and how often somebody failed there after `since`."""
    kept = {digest(name): name for name in names}
    query = select(Try.name, Try.address, func.count()).group_by(Try.name, Try.address)
    rows = await session.execute(query.where(Try.kind == kind, Try.name.in_(kept), Try.at > since))
    return [(kept[name], address, number) for name, address, number in rows]


async def withdraw(session: AsyncSession, id: int) -> None:
    """One that does not count: refused before anybody looked at it, or not wrong."""
    await session.execute(delete(Try).where(Try.id == id))


async def forget(
    session: AsyncSession, name: str, address: str | None = None, *, kind: Kind | None = None
) -> None:
    """`address`: only those from there; `kind`: only these."""
    query = delete(Try).where(Try.name == digest(name))
    if kind is not None:
        query = query.where(Try.kind == kind)
    if address is not None:
        query = query.where(Try.address == address[:LONGEST])
    await session.execute(query)
