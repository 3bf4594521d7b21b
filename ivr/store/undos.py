"""What may be taken back: one row for a ticket."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import CallbackEvent, CallbackRow, UndoRow
from ivr.store.upsert import dialect_of, insert


async def put(session: AsyncSession, row: dict[str, Any]) -> None:
    """In place of what could be taken back of this ticket before."""
    given = insert(dialect_of(session), UndoRow).values(row)
    rest = {name: value for name, value in row.items() if name != "ticket"}
    await session.execute(given.on_conflict_do_update(index_elements=["ticket"], set_=rest))


async def drop(session: AsyncSession, ticket: str, tenant: str, who: str) -> None:
    """`who` did to the ticket what cannot be taken back: what he or she did before is not, either."""
    await _drop(session, or_(UndoRow.ticket == ticket, and_(UndoRow.tenant == tenant, UndoRow.who == who)))


async def of_ticket(session: AsyncSession, ticket: str) -> UndoRow | None:
    query = select(UndoRow).where(UndoRow.ticket == ticket)
    return await session.scalar(query.execution_options(populate_existing=True))


async def of_person(session: AsyncSession, who: str, tenant: str | None, since: datetime) -> UndoRow | None:
    """The last one, unless anything happened to its ticket later. `tenant` None: of any."""
    events = select(func.max(CallbackEvent.id)).where(CallbackEvent.ticket == UndoRow.ticket)
    latest = events.correlate(UndoRow).scalar_subquery()
    query = select(UndoRow).where(UndoRow.who == who, UndoRow.at > since, UndoRow.event == latest)
    if tenant is not None:
        query = query.where(UndoRow.tenant == tenant)
    query = query.order_by(UndoRow.at.desc()).limit(1)
    return await session.scalar(query.execution_options(populate_existing=True))


async def drop_older(session: AsyncSession, than: datetime) -> None:
    await _drop(session, UndoRow.at <= than)


async def drop_of(session: AsyncSession, where: Sequence[ColumnElement[bool]]) -> None:
    """Of callbacks that are `where`."""
    await _drop(session, exists().where(CallbackRow.ticket == UndoRow.ticket, *where))


async def _drop(session: AsyncSession, where: ColumnElement[bool]) -> None:
    await session.execute(delete(UndoRow).where(where).execution_options(synchronize_session=False))
