"""What the page of one callback shows, read with its messages and its line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks.states import CLOSED
from ivr.errors import NotFound
from ivr.store import messages, stages
from ivr.store.tables import AliasRow, CallbackRow, ContactRow, Line, MessageRow

PLAYABLE = ("stored", "silent")  # states of a message whose recording is finished


@dataclass(frozen=True, slots=True)
class View:
    """One callback as a person sees it. `contacts`: each time that somebody asked, with the message; the first one first."""

    callback: CallbackRow
    message: MessageRow | None
    contacts: Sequence[tuple[ContactRow, MessageRow | None]]
    line: Line | None
    late: bool

    @property
    def line_name(self) -> str:
        return self.line.name if self.line else self.callback.line

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


async def one(session: AsyncSession, ticket: str, *, tenant: str | None, now: datetime) -> View:
    """`ticket` may be a number that was merged into another. NotFound if there is none, or it is another tenant's."""
    merged = select(AliasRow.ticket).where(AliasRow.number == ticket).scalar_subquery()
    query = select(CallbackRow, Line).outerjoin(Line, Line.key == CallbackRow.line)
    found = (await session.execute(query.where(CallbackRow.ticket == func.coalesce(merged, ticket)))).first()
    if found is None or (tenant is not None and found[0].tenant != tenant):
        raise NotFound(f"there is no callback {ticket}")
    row, line = found
    contacts = await _contacts(session, row.ticket)
    # Nearly always one of those, which the session has by now.
    message = await session.get(MessageRow, row.message_id) if row.message_id else None
    return View(row, message, contacts, line, _is_late(row, now))


async def _contacts(session: AsyncSession, ticket: str) -> Sequence[tuple[ContactRow, MessageRow | None]]:
    query = (
        select(ContactRow, MessageRow)
        .outerjoin(MessageRow, MessageRow.id == ContactRow.message_id)
        .where(ContactRow.ticket == ticket)
        .order_by(ContactRow.created_at, ContactRow.id)
    )
    return [(contact, message) for contact, message in await session.execute(query)]


def _is_late(callback: CallbackRow, now: datetime) -> bool:
    waits = callback.begun_at is None and callback.state not in CLOSED
    return waits and callback.due_at is not None and callback.due_at < now


async def message(session: AsyncSession, message_id: str, *, tenant: str | None) -> MessageRow:
    """NotFound if there is none, or it is another tenant's."""
    found = await messages.get(session, message_id)
    if tenant is not None and found.tenant != tenant:
        raise NotFound(f"there is no message {message_id}")
    return found
