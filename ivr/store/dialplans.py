"""Dialplans: every version that was ever live, when, by whom and why, and which one each line runs on now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import Conflict, NotFound
from ivr.store.tables import DialplanVersion, Line, LineNumber, Publication
from ivr.store.upsert import insert_new


@dataclass(frozen=True, slots=True)
class LiveLine:
    """`numbers` are E.164, in the order of the dialplan; `hash` and `source` are of the live version."""

    key: str
    tenant: str
    name: str
    numbers: tuple[str, ...]
    hash: str
    source: str


LONGEST_NAME = 64  # characters of `by`; PostgreSQL refuses a longer one


async def publish(
    session: AsyncSession, line: LiveLine, *, at: datetime, by: str, why: str | None = None
) -> None:
    """Stores the version and makes it live, once more if it was before. Conflict if a number is another line's."""
    by = by[:LONGEST_NAME]
    version = {
        "hash": line.hash,
        "line": line.key,
        "source": line.source,
        "published_at": at,
        "published_by": by,
    }
    await insert_new(session, DialplanVersion, version)
    session.add(Publication(line=line.key, hash=line.hash, at=at, by=by, why=why or None))
    await session.merge(Line(key=line.key, tenant=line.tenant, name=line.name, dialplan=line.hash))
    await session.flush()
    await session.execute(delete(LineNumber).where(LineNumber.line == line.key))
    for position, number in enumerate(line.numbers):
        row = {"number": number, "line": line.key, "position": position}
        if not await insert_new(session, LineNumber, row):
            owner = await session.scalar(select(LineNumber.line).where(LineNumber.number == number))
            raise Conflict(
                f'number {number} of line "{line.key}" belongs to line "{owner}"; take it away from one of them'
            )


async def withdraw(session: AsyncSession, line: str) -> None:
    """Takes a line and its numbers out of service; its versions stay for the calls that run on them."""
    found = await session.get(Line, line)
    if found is None:
        raise NotFound(f'there is no line "{line}"')
    await session.execute(delete(LineNumber).where(LineNumber.line == line))
    await session.delete(found)


async def live(session: AsyncSession) -> list[LiveLine]:
    numbers: dict[str, list[str]] = {}
    for number in await session.scalars(select(LineNumber).order_by(LineNumber.line, LineNumber.position)):
        numbers.setdefault(number.line, []).append(number.number)
    query = (
        select(Line, DialplanVersion.source)
        .join(DialplanVersion, (DialplanVersion.line == Line.key) & (DialplanVersion.hash == Line.dialplan))
        .order_by(Line.key)
    )
    return [
        LiveLine(line.key, line.tenant, line.name, tuple(numbers.get(line.key, ())), line.dialplan, source)
        for line, source in await session.execute(query)
    ]


async def version(session: AsyncSession, line: str, hash: str) -> DialplanVersion:
    """A version that was live once, for a call that began on it."""
    found = await session.get(DialplanVersion, (hash, line))
    if found is None:
        raise NotFound(f'line "{line}" never had a dialplan {hash[:12]}')
    return found


async def find_version(session: AsyncSession, line: str, hash: str) -> DialplanVersion:
    """`hash` may be its beginning, as `git` takes it. NotFound, Conflict if several begin so."""
    query = select(DialplanVersion).where(
        DialplanVersion.line == line, DialplanVersion.hash.startswith(hash, autoescape=True)
    )
    found = (await session.scalars(query.limit(2))).all()
    if not found or not hash:
        raise NotFound(f'line "{line}" never had a dialplan "{hash}"; `ivr versions {line}` lists them')
    if len(found) > 1:
        raise Conflict(f'several versions of line "{line}" begin with "{hash}"; give more of it')
    return found[0]


async def publications(session: AsyncSession, line: str, limit: int = 100) -> Sequence[Publication]:
    """Each time that a version of the line went live, the newest first."""
    query = select(Publication).where(Publication.line == line).order_by(Publication.id.desc()).limit(limit)
    return (await session.scalars(query)).all()


async def sign(
    session: AsyncSession, *, of: str, since: datetime, by: str, why: str | None, line: str | None
) -> None:
    """Puts name and reason to what went live by `of` since then and is live yet; of one line, or of all."""
    newest = select(func.max(Publication.id)).group_by(Publication.line).scalar_subquery()
    query = update(Publication).where(
        Publication.id.in_(newest), Publication.by == of, Publication.at >= since
    )
    if line is not None:
        query = query.where(Publication.line == line)
    await session.execute(query.values(by=by[:LONGEST_NAME], why=why or None))


async def live_hash(session: AsyncSession, line: str) -> str | None:
    """Of the version that callers meet now; None if the line is not in service."""
    return await session.scalar(select(Line.dialplan).where(Line.key == line))
