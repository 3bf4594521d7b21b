"""What the page of one callback shows, read with its messages and its line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
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


async def one(session: AsyncSession, ticket: str, *, tenant: str | None, now: datetime) -> View:
    """NotFound if there is none, or it is another tenant's."""
    row = await get(session, ticket, tenant=tenant)
    message = await session.get(MessageRow, row.message_id) if row.message_id else None
    line = await session.get(Line, row.line)
    return View(row, message, line.name if line else row.line, _is_late(row, now))


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


def _is_late(callback: CallbackRow, now: datetime) -> bool:
    waits = callback.begun_at is None and callback.state not in CLOSED
    return waits and callback.due_at is not None and callback.due_at < now


async def message(session: AsyncSession, message_id: str, *, tenant: str | None) -> MessageRow:
    """NotFound if there is none, or it is another tenant's."""
    found = await messages.get(session, message_id)
    if tenant is not None and found.tenant != tenant:
        raise NotFound(f"there is no message {message_id}")
    return found
