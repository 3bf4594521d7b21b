"""What `ivr user` does to accounts, and `ivr token` to those of programs."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr import accounts
from ivr.clock import SystemClock, iso
from ivr.settings import Settings
from ivr.store import audit, tokens, users
from ivr.store.database import opened
from ivr.store.tables import UserRow
from ivr.store.users import Role
from ivr.wake import wake
from ivr.web.auth.passwords import make_hash


@dataclass(frozen=True, slots=True)
class Link:
    """Good once, for so many hours."""

    address: str
    hours: int


Change = Callable[[AsyncSession, UserRow, datetime], Awaitable[None]]


async def listing(settings: Settings) -> list[dict[str, Any]]:
    async with opened(settings.database_url) as store, store.read() as session:
        return [_json(row) for row in await users.listing(session)]


async def add(settings: Settings, name: str, tenant: str | None = None, *, role: Role = "agent") -> str:
    """The password, which is kept nowhere else."""
    password = secrets.token_urlsafe(12)
    async with opened(settings.database_url) as store, store.write() as session:
        now = SystemClock(settings.clock_offset).now()
        await users.add(session, name, make_hash(password), tenant=tenant, at=now, role=role)
    return password


async def invite(
    settings: Settings, name: str, *, role: Role, tenant: str | None, mail: str | None, by: str
) -> Link | None:
    """To be handed over; None: it goes by mail."""
    now = _now(settings)
    async with opened(settings.database_url) as store, store.write() as session:
        email = accounts.mail_address(mail or "")
        user = await accounts.invite(session, name, role=role, tenant=tenant, email=email, by=by, now=now)
        return await _hand_over(settings, session, user, by, now)


async def reset(settings: Settings, name: str, *, by: str) -> Link | None:
    """As `invite`, of somebody who is there already."""
    now = _now(settings)
    async with opened(settings.database_url) as store, store.write() as session:
        user = await accounts.one(session, name, tenant=None)
        return await _hand_over(settings, session, user, by, now)


async def change(settings: Settings, name: str, *, role: Role | None, mail: str | None, by: str) -> None:
    """`mail` empty: none any more."""

    async def both(session: AsyncSession, user: UserRow, now: datetime) -> None:
        if role is not None:
            await accounts.set_role(session, user, role, by=by, now=now)
        if mail is not None:
            await accounts.set_mail(session, user, accounts.mail_address(mail), by=by, now=now)

    await _changed(settings, name, both)


async def disable(settings: Settings, name: str, *, by: str) -> None:
    await _changed(settings, name, lambda session, user, now: accounts.disable(session, user, by=by, now=now))


async def enable(settings: Settings, name: str, *, by: str) -> None:
    await _changed(settings, name, lambda session, user, now: accounts.enable(session, user, by=by, now=now))


async def unlock(settings: Settings, name: str, *, by: str) -> None:
    await _changed(settings, name, lambda session, user, now: accounts.unlock(session, user, by=by, now=now))


async def drop_factor(settings: Settings, name: str, *, by: str) -> None:
    await _changed(
        settings, name, lambda session, user, now: accounts.drop_factor(session, user, by=by, now=now)
    )


# -- programs ---------------------------------------------------------------------------------


async def add_token(
    settings: Settings,
    name: str,
    tenant: str | None = None,
    *,
    role: Role = "agent",
    expires_at: datetime | None = None,
    by: str,
) -> str:
    """The token, of which only a digest is kept."""
    token, now = secrets.token_urlsafe(32), _now(settings)
    async with opened(settings.database_url) as store, store.write() as session:
        await tokens.add(session, token, name=name, tenant=tenant, at=now, role=role, expires_at=expires_at)
        facts = {"who": by, "what": "token_add", "about": name, "detail": role}
        await audit.note(session, **facts, kind="token", tenant=tenant, at=now)
    return token


async def token_list(settings: Settings) -> list[dict[str, Any]]:
    async with opened(settings.database_url) as store, store.read() as session:
        return [
            {
                "id": tokens.id_of(row),
                "name": row.name,
                "role": row.role,
                "tenant": row.tenant,
                "since": iso(row.created_at),
                "until": iso(row.expires_at) if row.expires_at else None,
                "used": iso(row.used_at) if row.used_at else None,
            }
            for row in await tokens.listing(session)
        ]


async def revoke_token(settings: Settings, id: str, *, by: str) -> None:
    async with opened(settings.database_url) as store, store.write() as session:
        await accounts.revoke_token(session, id, tenant=None, by=by, now=_now(settings))


async def _changed(settings: Settings, name: str, change: Change) -> None:
    async with opened(settings.database_url) as store, store.write() as session:
        user = await accounts.one(session, name, tenant=None)
        await change(session, user, _now(settings))


async def _hand_over(
    settings: Settings, session: AsyncSession, user: UserRow, by: str, now: datetime
) -> Link | None:
    if settings.smtp is not None and user.email is not None:
        await accounts.mail_link(session, user, by=by, now=now)
        wake(settings.run, "jobs")
        return None
    token = await accounts.link(session, user, by=by, now=now)
    return Link(f"{settings.pages_url}/password/{token}", accounts.hours_of_link(user))


def _now(settings: Settings) -> datetime:
    return SystemClock(settings.clock_offset).now()


def _json(row: UserRow) -> dict[str, Any]:
    state = "disabled" if row.disabled_at else "active" if row.password else "invited"
    return {
        "name": row.name,
        "state": state,
        "role": row.role,
        "tenant": row.tenant,
        "mail": row.email,
        "second_factor": row.totp_secret is not None,
        "since": iso(row.created_at),
    }
