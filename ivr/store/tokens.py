"""Tokens of other programs. Only their digest is kept."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import NotFound
from ivr.store.tables import TokenRow
from ivr.store.users import Role

SHOWN = 12  # characters of the digest that name a token
USE_NOTED = timedelta(minutes=5)  # a program that asks all the time is noted so often


def digest(token: str) -> str:
    """Plain SHA-256 is enough: a token is long and random, so nobody can try them all."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def id_of(row: TokenRow) -> str:
    return row.digest[:SHOWN]


async def add(
    session: AsyncSession,
    token: str,
    *,
    name: str,
    tenant: str | None,
    at: datetime,
    role: Role = "agent",
    expires_at: datetime | None = None,
) -> None:
    row = {"name": name, "tenant": tenant, "role": role, "created_at": at, "expires_at": expires_at}
    session.add(TokenRow(digest=digest(token), **row))
    await session.flush()


async def find(session: AsyncSession, token: str, now: datetime) -> TokenRow | None:
    """None if there is none, or it has expired."""
    found = await session.get(TokenRow, digest(token))
    return None if found is None or (found.expires_at and found.expires_at <= now) else found


async def used(session: AsyncSession, row: TokenRow, at: datetime) -> None:
    await session.execute(update(TokenRow).where(TokenRow.digest == row.digest).values(used_at=at))


async def listing(session: AsyncSession, *, tenant: str | None = None) -> Sequence[TokenRow]:
    """By name, also those that have expired; with a tenant, only that one's."""
    query = select(TokenRow).order_by(TokenRow.name, TokenRow.created_at)
    if tenant is not None:
        query = query.where(TokenRow.tenant == tenant)
    return (await session.scalars(query)).all()


async def revoke(session: AsyncSession, id: str, *, tenant: str | None = None) -> TokenRow:
    """It opens nothing from now on. As it was; NotFound."""
    found = next((row for row in await listing(session, tenant=tenant) if id_of(row) == id), None)
    if found is None:
        raise NotFound(f'there is no token "{id}"; `ivr token list` shows their ids')
    await session.execute(delete(TokenRow).where(TokenRow.digest == found.digest))
    return found
