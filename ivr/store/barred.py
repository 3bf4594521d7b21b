"""着信規制, 発信禁止, and agents of a customer's own: what is known about a number."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import NotFound
from ivr.store.tables import BarredNumber, DedicatedAgent
from ivr.store.upsert import dialect_of, insert


async def standing(
    session: AsyncSession, kind: str, *, tenant: str | None, now: datetime, number: str | None = None
) -> Sequence[BarredNumber]:
    """What is on one of the lists, approved or not, the newest first; `number` None: of all numbers."""
    query = select(BarredNumber).where(
        BarredNumber.kind == kind,
        BarredNumber.ended_at.is_(None),
        or_(BarredNumber.expires_at.is_(None), BarredNumber.expires_at > now),
    )
    if tenant is not None:
        query = query.where(BarredNumber.tenant == tenant)
    if number is not None:
        query = query.where(BarredNumber.number == number)
    return (await session.scalars(query.order_by(BarredNumber.asked_at.desc(), BarredNumber.id.desc()))).all()


async def add(session: AsyncSession, row: dict[str, Any]) -> BarredNumber:
    made = BarredNumber(**row)
    session.add(made)
    await session.flush()
    return made


async def get(session: AsyncSession, id: int, *, tenant: str | None) -> BarredNumber:
    """To be changed. NotFound, also past the wall between tenants."""
    found = await session.scalar(select(BarredNumber).where(BarredNumber.id == id).with_for_update())
    if found is None or tenant not in (None, found.tenant):
        raise NotFound(f"there is no barred number {id}; `ivr numbers` lists them")
    return found


async def dedicated(session: AsyncSession, tenant: str, number: str) -> DedicatedAgent | None:
    return await session.get(DedicatedAgent, (tenant, number))


async def all_dedicated(session: AsyncSession, *, tenant: str | None) -> Sequence[DedicatedAgent]:
    """The newest first; `tenant` None: of all."""
    query = select(DedicatedAgent).order_by(DedicatedAgent.since.desc(), DedicatedAgent.number)
    if tenant is not None:
        query = query.where(DedicatedAgent.tenant == tenant)
    return (await session.scalars(query)).all()


async def stands_in(session: AsyncSession, agent: str) -> set[tuple[str, str]]:
    """(tenant, number) of the customers whose own agent `agent` is the deputy of."""
    query = select(DedicatedAgent.tenant, DedicatedAgent.number).where(DedicatedAgent.deputy == agent)
    return {(tenant, number) for tenant, number in await session.execute(query)}


async def set_dedicated(session: AsyncSession, row: dict[str, Any]) -> None:
    """`row`: every column of DedicatedAgent; takes the place of the one before."""
    given = insert(dialect_of(session), DedicatedAgent).values(row)
    rest = {name: value for name, value in row.items() if name not in ("tenant", "number")}
    await session.execute(given.on_conflict_do_update(index_elements=["tenant", "number"], set_=rest))
