"""What the pages and the API show of callbacks, read with their messages and lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks.states import CLOSED
from ivr.errors import NotFound
from ivr.store import messages, stages
from ivr.store.callbacks import get
from ivr.store.tables import CallbackRow, ContactRow, Line, MessageRow

PLAYABLE = ("stored", "silent")  # states of a message whose recording is finished


@dataclass(frozen=True, slots=True)
class View:
    """One callback as a person sees it."""

    callback: CallbackRow
    message: MessageRow | None
    line_name: str
    late: bool

    @property
    def handled(self) -> bool:
        return self.callback.state in CLOSED

    @property
    def stages(self) -> Sequence[tuple[stages.Stage, str, str | None]]:
        """Of its message: name, state, reason."""
        row = self.message
        return [
            (stage, getattr(row, f"{stage}_state"), getattr(row, f"{stage}_reason"))
            for stage in (stages.STAGES if row is not None and row.state == "stored" else ())
        ]

    @property
    def has_audio(self) -> bool:
        row = self.message
        return row is not None and row.state in PLAYABLE and row.audio_deleted_at is None


@dataclass(frozen=True, slots=True)
class Board:
    """`waiting` and `late` count all that is to do, also what `todo` has no room for."""

    todo: Sequence[View]
    handled: Sequence[View]
    waiting: int
    late: int

    @property
    def several_lines(self) -> bool:
        return len({view.callback.line for view in (*self.todo, *self.handled)}) > 1


async def board(
    session: AsyncSession, *, tenant: str | None, now: datetime, room: int = 200, room_handled: int = 50
) -> Board:
    """What is due first comes first; what is handled comes last, the latest first."""
    mine = [] if tenant is None else [CallbackRow.tenant == tenant]
    todo = [*mine, CallbackRow.state.not_in(CLOSED)]
    by_due = (CallbackRow.due_at.is_(None), CallbackRow.due_at, CallbackRow.created_at, CallbackRow.ticket)
    newest = (func.coalesce(CallbackRow.done_at, CallbackRow.created_at).desc(), CallbackRow.ticket)
    late = func.count().filter(CallbackRow.due_at < now, CallbackRow.begun_at.is_(None))
    counts = (await session.execute(select(func.count(), late).where(*todo))).one()
    return Board(
        todo=await _views(session, todo, by_due, room, now),
        handled=await _views(session, [*mine, CallbackRow.state.in_(CLOSED)], newest, room_handled, now),
        waiting=counts[0],
        late=counts[1],
    )


async def one(session: AsyncSession, ticket: str, *, tenant: str | None, now: datetime) -> View:
    """NotFound if there is none, or it is another tenant's."""
    row = await get(session, ticket, tenant=tenant)
    return (await _views(session, [CallbackRow.ticket == row.ticket], (CallbackRow.ticket,), 1, now))[0]


async def contacts_of(
    session: AsyncSession, row: CallbackRow
) -> Sequence[tuple[ContactRow, MessageRow | None]]:
    """Each time that somebody asked, with the message; the first one first."""
    query = (
        select(ContactRow, MessageRow)
        .outerjoin(MessageRow, MessageRow.id == ContactRow.message_id)
        .where(ContactRow.ticket == row.ticket)
        .order_by(ContactRow.created_at, ContactRow.id)
    )
    return [(contact, message) for contact, message in await session.execute(query)]


async def _views(
    session: AsyncSession,
    where: Sequence[ColumnElement[bool]],
    order: Sequence[Any],
    limit: int,
    now: datetime,
) -> list[View]:
    query = (
        select(CallbackRow, MessageRow, Line.name)
        .outerjoin(MessageRow, MessageRow.id == CallbackRow.message_id)
        .outerjoin(Line, Line.key == CallbackRow.line)
        .where(*where)
        .order_by(*order)
        .limit(limit)
    )
    return [
        View(callback, message, name or callback.line, _is_late(callback, now))
        for callback, message, name in await session.execute(query)
    ]


def _is_late(callback: CallbackRow, now: datetime) -> bool:
    waits = callback.begun_at is None and callback.state not in CLOSED
    return waits and callback.due_at is not None and callback.due_at < now


async def messages_of(session: AsyncSession, rows: Sequence[CallbackRow]) -> dict[str, MessageRow]:
    """By id."""
    wanted = [row.message_id for row in rows if row.message_id is not None]
    found = await session.scalars(select(MessageRow).where(MessageRow.id.in_(wanted)))
    return {message.id: message for message in found}


async def message(session: AsyncSession, message_id: str, *, tenant: str | None) -> MessageRow:
    """NotFound if there is none, or it is another tenant's."""
    found = await messages.get(session, message_id)
    if tenant is not None and found.tenant != tenant:
        raise NotFound(f"there is no message {message_id}")
    return found


async def own_callback(session: AsyncSession, ticket: str, *, tenant: str | None) -> CallbackRow:
    return await get(session, ticket, tenant=tenant)
