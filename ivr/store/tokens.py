"""Tokens of other programs. Only their digest is kept."""

import hashlib
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import TokenRow


def digest(token: str) -> str:
    """Plain SHA-256 is enough: a token is long and random, so nobody can try them all."""
    return hashlib.sha256(token.encode()).hexdigest()


async def add(session: AsyncSession, token: str, *, name: str, tenant: str | None, at: datetime) -> None:
    session.add(TokenRow(digest=digest(token), name=name, tenant=tenant, created_at=at))
    await session.flush()


async def find(session: AsyncSession, token: str) -> TokenRow | None:
    return await session.get(TokenRow, digest(token))
