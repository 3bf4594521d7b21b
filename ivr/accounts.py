"""Accounts of people: invited, changed, locked out of, come back to. Each function runs in the caller's transaction and
leaves a trace in the audit. `tenant` of who does it: NotFound past the wall, None sees everybody."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import AccountError, NotFound
from ivr.store import audit, deliveries, links, tokens, tries, users
from ivr.store.tables import UserRow
from ivr.store.users import Role

ROLES: tuple[Role, ...] = get_args(Role)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
_MAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)+")  # as browsers take it
AT_MOST = 5  # mails for one request, if several people share a mailbox
MAILS_AN_HOUR, MAILS_A_DAY = 3, 12  # to one person, and to one mailbox, whoever asks


def mail_address(text: str) -> str | None:
    """In small letters, so that it is found however it is typed; None for nothing. AccountError for what is no address."""
    address = text.strip().lower()
    if address and (not _MAIL.fullmatch(address) or len(address) > 254):
        raise AccountError("mail")
    return address or None


def new_password(name: str, text: str) -> str:
    """As it was typed. AccountError if it is too short or too easily guessed."""
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
        raise AccountError("short")
    if len(set(text)) < 4 or name.lower() in text.lower():
        raise AccountError("easy")
    return text


def needs_factor(required: Sequence[str], role: str, tenant: str | None) -> bool:
    """`required`: entries of IVR_SECOND_FACTOR: admin, supervisor@ecforce, *@sakura."""
    for entry in required:
        wanted, at, company = entry.partition("@")
        if wanted in ("*", role) and (not at or company == tenant):
            return True
    return False


async def one(session: AsyncSession, name: str, *, tenant: str | None) -> UserRow:
    """To be changed; nobody else does before the commit."""
    user = await users.to_change(session, name)
    if tenant is not None and user.tenant != tenant:
        raise NotFound(f'there is no user "{name}"')
    return user


async def invite(
    session: AsyncSession,
    name: str,
    *,
    role: Role,
    tenant: str | None,
    email: str | None,
    by: str,
    now: datetime,
) -> UserRow:
    """The name is taken from now on; nobody logs in with it before a link set its password. Conflict, AccountError."""
    if not NAME.fullmatch(name):
        raise AccountError("name")
    await users.add(session, name, "", tenant=tenant, at=now, role=role, email=email)
    user = await users.to_change(session, name)
    await note(session, user, "invite", by, now, role)
    return user


async def link(session: AsyncSession, user: UserRow, *, by: str, now: datetime) -> str:
    """What stands in the link: it is shown once, to be handed over. AccountError if the account is closed."""
    if user.disabled_at is not None:
        raise AccountError("disabled")
    await note(session, user, "link", by, now)
    return await links.make(session, _kind(user), user.name, by=by, at=now)


async def mail_link(session: AsyncSession, user: UserRow, *, by: str, now: datetime) -> None:
    """Into the ledger of mails, without a secret: the link is made when the mail goes out. AccountError."""
    if user.email is None:
        raise AccountError("no_mail")
    if user.disabled_at is not None:
        raise AccountError("disabled")
    row = {
        "tenant": user.tenant or "",
        "line": "",
        "event": _kind(user),
        "subject": _subject(user),
        "channel": "mail",
        "target": user.email,
        "key": secrets.token_hex(20),
        "data": {"by": by},
        "created_at": now,
        "next_at": now,
    }
    await deliveries.create(session, row)
    await note(session, user, "link", by, now)


def hours_of_link(user: UserRow) -> int:
    return int(links.GOOD_FOR[_kind(user)] / timedelta(hours=1))


def _kind(user: UserRow) -> links.Kind:
    return "reset" if user.password else "invite"


async def ask_reset(session: AsyncSession, text: str, now: datetime) -> None:
    """`text`: a name or a mail address, as somebody typed it. Whether there is such a person stays untold."""
    for user in (await users.by_name_or_mail(session, text.strip()))[:AT_MOST]:
        if user.email is None or user.disabled_at is not None:
            continue
        sharing = [_subject(one) for one in await users.by_name_or_mail(session, user.email)]
        here = await deliveries.count_of(session, [_subject(user)], now - timedelta(hours=1))
        there = await deliveries.count_of(session, sharing, now - timedelta(days=1))
        if here < MAILS_AN_HOUR and there < MAILS_A_DAY:
            await mail_link(session, user, by=user.name, now=now)


def _subject(user: UserRow) -> str:
    return f"user/{user.name}"


async def set_password(session: AsyncSession, user: UserRow, hashed: str, *, by: str, now: datetime) -> None:
    """Ends every session, and every link on its way."""
    user.password = hashed
    await links.withdraw(session, user.name)
    await tries.forget(session, user.name)
    await note(session, user, "password", by, now)


async def set_mail(
    session: AsyncSession, user: UserRow, email: str | None, *, by: str, now: datetime
) -> None:
    if email != user.email:
        user.email = email
        await links.withdraw(session, user.name)
        await note(session, user, "mail", by, now)


async def set_role(session: AsyncSession, user: UserRow, role: Role, *, by: str, now: datetime) -> None:
    """Ends every session."""
    if role != user.role:
        await note(session, user, "role", by, now, f"{user.role} > {role}")
        user.role, user.epoch = role, user.epoch + 1


async def disable(session: AsyncSession, user: UserRow, *, by: str, now: datetime) -> None:
    """From the next request on nobody is logged in with it, nor when it is enabled again; nothing of it is deleted."""
    if user.disabled_at is None:
        user.disabled_at, user.epoch = now, user.epoch + 1
        await links.withdraw(session, user.name)
        await note(session, user, "disable", by, now)


async def enable(session: AsyncSession, user: UserRow, *, by: str, now: datetime) -> None:
    if user.disabled_at is not None:
        user.disabled_at = None
        await note(session, user, "enable", by, now)


async def unlock(session: AsyncSession, user: UserRow, *, by: str, now: datetime) -> None:
    await tries.forget(session, user.name)
    await note(session, user, "unlock", by, now)


async def set_factor(
    session: AsyncSession,
    user: UserRow,
    secret: str,
    step: int,
    recovery: Sequence[str],
    *,
    by: str,
    now: datetime,
) -> None:
    """`step`: of the code that proved it; `recovery`: digests."""
    user.totp_secret, user.totp_used, user.recovery = secret, step, list(recovery)
    await note(session, user, "factor_on", by, now)


async def set_recovery(
    session: AsyncSession, user: UserRow, recovery: Sequence[str], *, by: str, now: datetime
) -> None:
    user.recovery = list(recovery)
    await note(session, user, "recovery_new", by, now)


async def drop_factor(session: AsyncSession, user: UserRow, *, by: str, now: datetime) -> None:
    """A telephone was lost. Ends every session."""
    if user.totp_secret is not None:
        user.totp_secret = user.totp_used = user.recovery = None
        await note(session, user, "factor_off", by, now)


async def revoke_token(session: AsyncSession, id: str, *, tenant: str | None, by: str, now: datetime) -> None:
    """A program's. NotFound."""
    row = await tokens.revoke(session, id, tenant=tenant)
    facts = {"who": by, "what": "token_revoke", "about": row.name, "detail": row.role}
    await audit.note(session, **facts, kind="token", tenant=row.tenant, at=now)


async def note(
    session: AsyncSession, user: UserRow, what: str, by: str, now: datetime, detail: str | None = None
) -> None:
    await audit.note(
        session, who=by, tenant=user.tenant, what=what, kind="user", about=user.name, at=now, detail=detail
    )
