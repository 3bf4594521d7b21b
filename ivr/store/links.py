"""Links that let somebody set a password: an invitation, or a way back. Only what a link hashes to is kept."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import UserLink
from ivr.store.tokens import digest

Kind = Literal["invite", "reset"]
GOOD_FOR: dict[Kind, timedelta] = {"invite": timedelta(hours=24), "reset": timedelta(hours=1)}


async def make(session: AsyncSession, kind: Kind, user: str, *, by: str, at: datetime) -> str:
    """What stands in the link and nowhere else. Links made before stay good: a mail may be on its way."""
    token = secrets.token_urlsafe(32)
    facts = {"kind": kind, "user": user, "made_by": by, "created_at": at}
    session.add(UserLink(digest=digest(token), expires_at=at + GOOD_FOR[kind], **facts))
    await session.execute(delete(UserLink).where(UserLink.expires_at <= at))
    await session.flush()
    return token


async def find(session: AsyncSession, token: str, now: datetime) -> UserLink | None:
    """None for one that was used, is too old or never was."""
    found = await session.get(UserLink, digest(token))
    return found if found is not None and found.expires_at > now else None


async def take(session: AsyncSession, token: str, now: datetime) -> UserLink | None:
    """As `find`, and nobody else finds it again: the first of two who use it at the same time has it."""
    query = delete(UserLink).where(UserLink.digest == digest(token), UserLink.expires_at > now)
    return await session.scalar(query.returning(UserLink))


async def withdraw(session: AsyncSession, user: str) -> None:
    """Every link of somebody: a password was set, or the mail address is another now."""
    await session.execute(delete(UserLink).where(UserLink.user == user))


async def standing(session: AsyncSession, now: datetime) -> Sequence[UserLink]:
    """The newest first."""
    query = select(UserLink).where(UserLink.expires_at > now)
    return (await session.scalars(query.order_by(UserLink.created_at.desc()))).all()
