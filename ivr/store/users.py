"""People who log in to the pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import Conflict, NotFound
from ivr.store.agents import is_theirs
from ivr.store.tables import AgentRow, UserRow
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
    email: str | None = None,
) -> None:
    """`password` is an argon2 hash; empty: invited, nobody logs in yet.

    Conflict if the name is taken, also by an agent whose telephone would not be this user's: one name is one person.
    """
    agent = await session.get(AgentRow, name)
    if agent is not None and not is_theirs(agent, tenant):
        whose = f"the tenant {agent.tenant}" if agent.tenant else "all tenants"
        raise Conflict(f'there is an agent "{name}" of {whose}; choose another name')
    row = {"name": name, "password": password, "tenant": tenant, "role": role, "email": email}
    if not await insert_new(session, UserRow, {**row, "created_at": at}):
        raise Conflict(f'there is a user "{name}" already; choose another name')


async def get(session: AsyncSession, name: str) -> UserRow | None:
    return await session.get(UserRow, name)


async def with_telephone(session: AsyncSession, name: str) -> tuple[UserRow | None, AgentRow | None]:
    query = select(UserRow, AgentRow).outerjoin(AgentRow, AgentRow.name == UserRow.name)
    found = (await session.execute(query.where(UserRow.name == name))).first()
    if found is None:
        return None, None
    user, agent = found
    return user, agent if agent is not None and is_theirs(agent, user.tenant) else None


async def to_change(session: AsyncSession, name: str) -> UserRow:
    """Locked until the commit. NotFound."""
    query = select(UserRow).where(UserRow.name == name).with_for_update()
    found = await session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound(f'there is no user "{name}"; `ivr user list` shows them')
    return found


async def listing(session: AsyncSession, *, tenant: str | None = None) -> Sequence[UserRow]:
    """By name; with a tenant, only that one's."""
    query = select(UserRow).order_by(UserRow.name)
    if tenant is not None:
        query = query.where(UserRow.tenant == tenant)
    return (await session.scalars(query)).all()


async def by_name_or_mail(session: AsyncSession, text: str) -> Sequence[UserRow]:
    """Who may be meant by what somebody typed who cannot log in; one mailbox may be several people's."""
    query = select(UserRow).where(or_(UserRow.name == text, UserRow.email == text.lower()))
    return (await session.scalars(query.order_by(UserRow.name))).all()


async def set_password(session: AsyncSession, name: str, password: str) -> None:
    """`password` is an argon2 hash."""
    (await to_change(session, name)).password = password
    await session.flush()
