"""Who looked at, heard, downloaded or changed what. Rows are added and read, never changed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import AliasRow, AuditRow, CallbackRow, ContactRow

Kind = Literal["callback", "message", "call", "user", "token", "line", "list", "report"]


async def note(
    session: AsyncSession,
    *,
    who: str,
    tenant: str | None,
    what: str,
    kind: Kind,
    about: str,
    at: datetime,
    detail: str | None = None,
) -> None:
    """`tenant`: whose data it was. `about`: ticket, id or name. No telephone number goes into either text."""
    session.add(AuditRow(at=at, who=who, tenant=tenant, what=what, kind=kind, about=about, detail=detail))
    await session.flush()


async def listing(
    session: AsyncSession,
    *,
    tenant: str | None,
    before: int | None = None,
    who: str | None = None,
    about: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> Sequence[AuditRow]:
    """The newest first; `before`: the id of the last row of the page before. `tenant` None: every one's."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if tenant is not None:
        query = query.where(AuditRow.tenant == tenant)
    if who is not None:
        query = query.where(AuditRow.who == who)
    if about is not None:
        query = query.where(AuditRow.about.in_(about))
    if since is not None:
        query = query.where(AuditRow.at >= since)
    if until is not None:
        query = query.where(AuditRow.at < until)
    if before is not None:
        query = query.where(AuditRow.id < before)
    return (await session.scalars(query)).all()


async def names_of(session: AsyncSession, ticket: str) -> Collection[str]:
    """Under which a ticket stands in the rows: its number, those merged into it, its messages."""
    aliased = await session.scalar(select(AliasRow.ticket).where(AliasRow.number == ticket))
    now = aliased or ticket
    merged = await session.scalars(select(AliasRow.number).where(AliasRow.ticket == now))
    asked = await session.scalars(select(ContactRow.message_id).where(ContactRow.ticket == now))
    born = await session.scalars(select(CallbackRow.message_id).where(CallbackRow.ticket == now))
    return {now, *merged, *(one for one in (*asked, *born) if one is not None)}


async def tickets_of(session: AsyncSession, message_ids: Collection[str]) -> dict[str, str]:
    """Id of a message -> the ticket that shows it."""
    found: dict[str, str] = {}
    for table in (CallbackRow, ContactRow):
        query = select(table.message_id, table.ticket).where(table.message_id.in_(message_ids))
        found |= {id: ticket for id, ticket in await session.execute(query) if id is not None}
    return found


async def looked_at(
    session: AsyncSession, *, who: str, kind: Kind, about: str, since: datetime, what: str = "view"
) -> bool:
    """Whether a `view` (or `what` else) of it by this person was noted since then."""
    query = select(AuditRow.id).where(AuditRow.kind == kind, AuditRow.about == about, AuditRow.who == who)
    recent = query.where(AuditRow.what == what, AuditRow.at > since).limit(1)
    return await session.scalar(recent) is not None
