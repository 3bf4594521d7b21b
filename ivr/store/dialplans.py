"""Dialplans: every version that was ever live, and which one each line runs on now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import Conflict, NotFound
from ivr.store.tables import DialplanVersion, Line, LineNumber
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


async def publish(session: AsyncSession, line: LiveLine, *, at: datetime, by: str) -> None:
    """Stores the version and makes it live. Conflict if a number is another line's; publishing twice is once."""
    version = {
        "hash": line.hash,
        "line": line.key,
        "source": line.source,
        "published_at": at,
        "published_by": by,
    }
    await insert_new(session, DialplanVersion, version)
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
