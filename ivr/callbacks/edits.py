"""What people put right and note on a ticket. No promise moves by it."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.lists import known
from ivr.callbacks.who import Who
from ivr.errors import Conflict
from ivr.store import callbacks as store
from ivr.store.tables import CallbackEvent, CallbackRow

FIELDS = ("name", "company", "addressee", "member", "matter", "preferred_time")


async def edit(
    session: AsyncSession, ticket: str, said: dict[str, str | None], *, who: Who, now: datetime
) -> CallbackRow:
    """`said`: some of FIELDS."""
    unknown = said.keys() - set(FIELDS)
    if unknown:
        raise Conflict(f"{'・'.join(sorted(unknown))}は変更できません。")
    row = await service.own(session, ticket, who)
    changes: dict[str, Any] = {name: (text or "").strip() or None for name, text in said.items()}
    why = ", ".join(said)
    return await service.change(session, row, None, who=who, what="edit", now=now, why=why, changes=changes)


async def set_number(
    session: AsyncSession, ticket: str, number: str, *, who: Who, now: datetime
) -> CallbackRow:
    """The customer said it; as people write it. Conflict if nobody can be rung there."""
    row = await service.own(session, ticket, who)
    changes = {"number": known(number)}
    return await service.change(session, row, None, who=who, what="number", now=now, changes=changes)


async def memo(session: AsyncSession, ticket: str, text: str, *, who: Who, now: datetime) -> None:
    """Into the history, whatever the state. It takes no version: notes never conflict."""
    row = await store.get(session, ticket, tenant=who.tenant)
    if not text.strip():
        raise Conflict("メモが空です。")
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
    await session.flush()


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
