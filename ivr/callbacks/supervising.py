"""What a supervisor decides about a customer who was not reached."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.lists import known
from ivr.callbacks.who import Who
from ivr.errors import Conflict
from ivr.store.tables import CallbackRow


async def once_more(
    session: AsyncSession, ticket: str, *, who: Who, now: datetime, why: str, number: str | None = None
) -> CallbackRow:
    """連絡不能 is not decided: it is rung again, at `number` (as people write it) if there is a new one.

    One miss more, and it is to be decided again. Conflict if nobody is to decide about it, or at a number that was wrong for this ticket.
    """
    service.require_supervisor(who, "連絡不能の判断")
    row = await service.own(session, ticket, who)
    if row.exhausted_at is None:
        raise Conflict("この折り返しは、連絡不能の判断待ちではありません。")
    if not why.strip():
        raise Conflict("理由を入力してください。")
    to = known(number) if number else row.number
    if to is not None and to == row.wrong_number:
        raise Conflict("この番号は「番号違い」でした。新しい番号を入力してください。")
    changes: dict[str, Any] = {
        "number": to,
        "exhausted_at": None,
        "next_at": None,
    }
    return await service.change(
        session, row, None, who=who, what="once_more", now=now, why=why, changes=changes
    )
