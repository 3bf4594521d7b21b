"""Who looked at, heard, downloaded or changed what. Rows are added and read, never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import AuditRow

Kind = Literal["callback", "message", "call", "user", "line", "list", "report"]


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
    kind: str | None = None,
    about: str | None = None,
    who: str | None = None,
    limit: int = 100,
) -> Sequence[AuditRow]:
    """The newest first; `before`: the id of the last row of the page before."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    wanted = ((AuditRow.tenant, tenant), (AuditRow.kind, kind), (AuditRow.about, about), (AuditRow.who, who))
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(AuditRow.id < before)
    return (await session.scalars(query)).all()


async def looked_at(session: AsyncSession, *, who: str, kind: Kind, about: str, since: datetime) -> bool:
    """Whether a `view` of it by this person was noted since then."""
    query = select(AuditRow.id).where(AuditRow.kind == kind, AuditRow.about == about, AuditRow.who == who)
    recent = query.where(AuditRow.what == "view", AuditRow.at > since).limit(1)
    return await session.scalar(recent) is not None
