"""Sudden closings of lines (臨時休業). Several may overlap: the line is closed while any of them stands.

`tenant` None: whoever asks sees every tenant; else a line of another one does not exist.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import NotFound
from ivr.store.dialplans import LONGEST_NAME
from ivr.store.tables import Closure, Line


async def add(
    session: AsyncSession,
    line: str,
    *,
    begins: datetime,
    ends: datetime | None,
    reason: str,
    by: str,
    at: datetime,
    tenant: str | None = None,
) -> Closure:
    """NotFound if there is no such line."""
    found = await session.get(Line, line)
    if found is None or tenant not in (None, found.tenant):
        raise NotFound(f'there is no line "{line}"')
    closure = Closure(
        line=line,
        tenant=found.tenant,
        begins_at=begins,
        ends_at=ends,
        reason=reason,
        by=by[:LONGEST_NAME],
        created_at=at,
    )
    session.add(closure)
    await session.flush()
    return closure


async def listing(
    session: AsyncSession, at: datetime, *, line: str | None = None, tenant: str | None = None
) -> Sequence[Closure]:
    """Those that stand at that moment or are still to come, in the order in which they begin."""
    query = select(Closure).where(
        Closure.ended_at.is_(None), or_(Closure.ends_at.is_(None), Closure.ends_at > at)
    )
    if line is not None:
        query = query.where(Closure.line == line)
    if tenant is not None:
        query = query.where(Closure.tenant == tenant)
    return (await session.scalars(query.order_by(Closure.begins_at, Closure.id))).all()


async def standing(
    session: AsyncSession, line: str, at: datetime, *, tenant: str | None = None
) -> list[Closure]:
    return [each for each in await listing(session, at, line=line, tenant=tenant) if each.begins_at <= at]


async def by_line(session: AsyncSession) -> dict[str, list[Closure]]:
    """All that ran or will run to their end, for calendars: a message of the past is promised by them, too."""
    found: dict[str, list[Closure]] = {}
    query = select(Closure).where(Closure.ended_at.is_(None)).order_by(Closure.begins_at, Closure.id)
    for closure in await session.scalars(query):
        found.setdefault(closure.line, []).append(closure)
    return found


async def end_standing(
    session: AsyncSession, line: str, *, by: str, at: datetime, tenant: str | None = None
) -> int:
    """Ends by hand all that stand; those that are still to come stay. How many there were."""
    return await _end(session, [Closure.line == line, Closure.begins_at <= at], by, at, tenant)


async def end_one(
    session: AsyncSession, line: str, id: int, *, by: str, at: datetime, tenant: str | None = None
) -> int:
    """Ends by hand one that stands or is still to come; 0 if there is none."""
    return await _end(session, [Closure.line == line, Closure.id == id], by, at, tenant)


async def _end(
    session: AsyncSession, which: list[ColumnElement[bool]], by: str, at: datetime, tenant: str | None
) -> int:
    still = [Closure.ended_at.is_(None), or_(Closure.ends_at.is_(None), Closure.ends_at > at)]
    if tenant is not None:
        still.append(Closure.tenant == tenant)
    statement = (
        update(Closure)
        .where(*which, *still)
        .values(ended_at=at, ended_by=by[:LONGEST_NAME])
        .returning(Closure.id)
    )
    return len((await session.execute(statement)).all())
