"""What a person takes over into a callback out of what may have been said. Nothing of it is taken over by itself."""

from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.who import Who
from ivr.store.tables import CallbackRow

Field = Literal["number", "name", "company", "addressee", "preferred_time", "reply_wanted"]
FIELDS: Final[tuple[Field, ...]] = get_args(Field)


async def fill(
    session: AsyncSession, ticket: str, field: Field, value: str | bool, *, who: Who, why: str, now: datetime
) -> CallbackRow:
    """`number` as +81…: where to ring back; who withheld another one is rung there, too. `why` says what it was.

    Conflict if another agent has the callback, or nothing is left to do.
    """
    row = await service.own(session, ticket, who)
    service.require_free(row, who, now)
    if getattr(row, field) == value:
        return row
    changes: dict[str, Any] = {field: value}
    return await service.change(session, row, None, who=who, what="filled", now=now, why=why, changes=changes)
