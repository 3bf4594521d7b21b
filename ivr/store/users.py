"""People who log in to the pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import Conflict, NotFound
from ivr.store.tables import UserRow
from ivr.store.upsert import insert_new

Role = Literal["agent", "supervisor", "admin"]


async def add(
    session: AsyncSession,
    name: str,
    password: str,
    *,
    tenant: str | None,
    at: datetime,
    role: Role = "agent",
) -> None:
    """`password` is an argon2 hash. Conflict if the name is taken."""
    row = {"name": name, "password": password, "tenant": tenant, "role": role, "created_at": at}
    if not await insert_new(session, UserRow, row):
        raise Conflict(f'there is a user "{name}" already; choose another name')


async def get(session: AsyncSession, name: str) -> UserRow | None:
    return await session.get(UserRow, name)


async def listing(session: AsyncSession) -> Sequence[UserRow]:
    return (await session.scalars(select(UserRow).order_by(UserRow.name))).all()


async def set_password(session: AsyncSession, name: str, password: str) -> None:
    """`password` is an argon2 hash."""
    user = await session.get(UserRow, name)
    if user is None:
        raise NotFound(f'there is no user "{name}"')
    user.password = password
