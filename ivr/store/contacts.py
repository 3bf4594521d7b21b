"""Contacts of callbacks: each time that somebody asked, and which ticket it belongs to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store import search
from ivr.store.tables import CallbackRow, ContactRow


async def add(session: AsyncSession, row: dict[str, Any]) -> ContactRow:
    contact = ContactRow(**row)
    session.add(contact)
    await search.keep(session, contact.ticket)
    return contact


async def of_ticket(session: AsyncSession, ticket: str) -> Sequence[ContactRow]:
    """The first one first."""
    query = (
        select(ContactRow).where(ContactRow.ticket == ticket).order_by(ContactRow.created_at, ContactRow.id)
    )
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def by_message(session: AsyncSession, message_id: str) -> ContactRow | None:
    return await session.scalar(select(ContactRow).where(ContactRow.message_id == message_id))


async def by_request(session: AsyncSession, request_id: str) -> ContactRow | None:
    return await session.scalar(select(ContactRow).where(ContactRow.request_id == request_id))


async def took_message(session: AsyncSession, contact: ContactRow, message_id: str) -> None:
    """Another message is the one of this contact, and its ticket's if it had the one before."""
    await session.execute(
        update(CallbackRow)
        .where(CallbackRow.ticket == contact.ticket, CallbackRow.message_id == contact.message_id)
        .values(message_id=message_id)
    )
    contact.message_id = message_id
    await search.keep(session, contact.ticket)


async def begun(session: AsyncSession, ticket: str, at: datetime) -> None:
    """Work begins on all that it was not begun on."""
    await session.execute(
        update(ContactRow)
        .where(ContactRow.ticket == ticket, ContactRow.begun_at.is_(None))
        .values(begun_at=at)
        .execution_options(synchronize_session=False)
    )


async def unbegun(session: AsyncSession, ticket: str, at: datetime) -> None:
    """What was begun at that moment was not begun after all."""
    await session.execute(
        update(ContactRow)
        .where(ContactRow.ticket == ticket, ContactRow.begun_at == at)
        .values(begun_at=None)
        .execution_options(synchronize_session=False)
    )


async def open_callbacks(
    session: AsyncSession,
    *,
    tenant: str,
    line: str | None,
    number: str,
    closed: Sequence[str],
    to_change: bool = False,
) -> Sequence[CallbackRow]:
    """Those of a number in a state that is not among `closed`, the oldest first; `line` None: of all lines."""
    query = select(CallbackRow).where(
        CallbackRow.tenant == tenant, CallbackRow.number == number, CallbackRow.state.not_in(closed)
    )
    if line is not None:
        query = query.where(CallbackRow.line == line)
    if to_change:
        query = query.with_for_update()
    query = query.order_by(CallbackRow.created_at, CallbackRow.ticket)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()
