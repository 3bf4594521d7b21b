"""What the API shows, read from the store."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import asking
from ivr.store import callbacks, dials
from ivr.store.tables import CallbackRow, ContactRow, MessageRow
from ivr.web.api.shapes import Callback, CallbackFull, Dial, Event


async def all_of(db: AsyncSession, rows: Sequence[CallbackRow]) -> list[Callback]:
    contacts, messages = await _with(db, rows)
    return [Callback(**Callback.values(row, contacts.get(row.ticket, ()), messages)) for row in rows]


async def whole(db: AsyncSession, row: CallbackRow) -> CallbackFull:
    contacts, messages = await _with(db, [row])
    return CallbackFull(
        **Callback.values(row, contacts.get(row.ticket, ()), messages),
        events=[Event.of(one) for one in await callbacks.events(db, row.ticket)],
        dials=[Dial.of(one) for one in await dials.of_ticket(db, row.ticket)],
        others=[one.ticket for one in await asking.others(db, row)],
    )


async def _with(
    db: AsyncSession, rows: Sequence[CallbackRow]
) -> tuple[dict[str, list[ContactRow]], dict[str, MessageRow]]:
    """Contacts by ticket, the first one first, and messages by id."""
    tickets = [row.ticket for row in rows]
    query = select(ContactRow).where(ContactRow.ticket.in_(tickets))
    contacts: dict[str, list[ContactRow]] = {}
    for one in await db.scalars(query.order_by(ContactRow.created_at, ContactRow.id)):
        contacts.setdefault(one.ticket, []).append(one)
    wanted = {row.message_id for row in rows}
    wanted |= {one.message_id for of in contacts.values() for one in of}
    found = await db.scalars(select(MessageRow).where(MessageRow.id.in_(wanted)))
    return contacts, {message.id: message for message in found}
