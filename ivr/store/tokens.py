"""Tokens of other programs. Only their digest is kept."""

import hashlib
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import TokenRow
from ivr.store.users import Role


def digest(token: str) -> str:
    """Plain SHA-256 is enough: a token is long and random, so nobody can try them all."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


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
