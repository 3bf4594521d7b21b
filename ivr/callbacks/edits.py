"""What people put right and note on a ticket. No promise moves by it."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.lists import known
from ivr.callbacks.who import Who
from ivr.errors import Conflict
from ivr.store import callbacks as store
from ivr.store import search
from ivr.store.tables import CallbackEvent, CallbackRow

Field = Literal[
    "name",
    "company",
    "addressee",
    "member",
    "matter",
    "preferred_time",
    "email",
    "number",
    "reply_wanted",
]
FIELDS: Final[tuple[Field, ...]] = get_args(Field)
AGAIN = timedelta(minutes=1)  # a memo that is sent twice, over a broken line or by two clicks
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


async def edit(
    session: AsyncSession,
    ticket: str,
    said: Mapping[Field, str | bool | None],
    *,
    who: Who,
    now: datetime,
    taken: str | None = None,
) -> CallbackRow:
    """`said`: what the callback holds from now on; a number as people write it, who withheld another is rung there.

    `taken`: which suggestion was taken over so. Conflict if another agent has the callback, if nothing is left to do, or if
    nobody can be rung at the number. Nothing happens where nothing is new.
    """
    row = await service.own(session, ticket, who)
    if not who.supervisor:
        service.require_free(row, who, now)
    plain = {name: text.strip() or None if isinstance(text, str) else text for name, text in said.items()}
    changes: dict[str, Any] = {
        name: _checked(name, value) for name, value in plain.items() if value != getattr(row, name)
    }
    changes = {name: value for name, value in changes.items() if value != getattr(row, name)}
    if not changes:
        return row
    what = "filled" if taken else "number" if set(changes) == {"number"} else "edit"
    why = taken or ", ".join(changes)
    return await service.change(session, row, None, who=who, what=what, now=now, why=why, changes=changes)


def _checked(name: str, value: str | bool | None) -> str | bool | None:
    if name == "number":
        return known(str(value or ""))
    if name == "email" and value and not _MAIL.fullmatch(str(value)):
        raise Conflict("メールアドレスの形が正しくありません。", id="email")
    return value


async def memo(session: AsyncSession, ticket: str, text: str, *, who: Who, now: datetime) -> None:
    """Into the history, whatever the state. It takes no version: notes never conflict. The same twice within AGAIN is one."""
    row = await store.get(session, ticket, tenant=who.tenant, to_change=True)
    if not text.strip():
        raise Conflict("メモが空です。")
    last = await store.last_event(session, row.ticket)
    if (last.what, last.who, last.why) == ("memo", who.name, text.strip()) and now - last.at < AGAIN:
        return
    session.add(
        CallbackEvent(
            ticket=row.ticket,
            at=now,
            who=who.name,
            what="memo",
            why=text.strip(),
            before=row.state,
            after=row.state,
        )
    )
    await search.keep(session, row.ticket)


async def flag(
    session: AsyncSession,
    ticket: str,
    *,
    who: Who,
    now: datetime,
    careful: bool | None = None,
    complaint: bool | None = None,
) -> CallbackRow:
    """要注意 and クレーム; None leaves one as it is. A complaint is taken back by a supervisor alone."""
    row = await service.own(session, ticket, who)
    if complaint is False and row.complaint:
        service.require_supervisor(who, "クレームの取下げ")
    changes = {
        "careful": row.careful if careful is None else careful,
        "complaint": row.complaint if complaint is None else complaint,
    }
    why = "・".join(
        word for word, on in (("要注意", changes["careful"]), ("クレーム", changes["complaint"])) if on
    )
    return await service.change(session, row, None, who=who, what="flag", now=now, why=why, changes=changes)


async def read(session: AsyncSession, ticket: str, *, who: Who, now: datetime) -> CallbackRow:
    """折り返し不要 was 未対応 until somebody has read it. Another callback is not done by reading."""
    row = await service.own(session, ticket, who)
    if row.reply_wanted is not False or row.state != "open":
        return row
    return await service.close(session, ticket, who=who, now=now)


async def want_reply(
    session: AsyncSession, ticket: str, *, due: datetime | None, who: Who, now: datetime
) -> CallbackRow:
    """不要 becomes 要, to be rung by `due`; also of one that was read."""
    row = await service.own(session, ticket, who)
    if row.reply_wanted is not False:
        return row
    changes = {**service.FREE, "reply_wanted": True, "due_at": due, "begun_at": None, "done_at": None}
    after: Any = "open" if row.state == "done" else None
    return await service.change(session, row, after, who=who, what="wanted", now=now, changes=changes)
