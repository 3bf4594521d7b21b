"""The PIN of each line, for staff on a telephone, and how often it was guessed wrong. Only its hash is kept."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import NotFound
from ivr.store.tables import Line, Pin

TRIES = 5
LOCKED = timedelta(minutes=15)


async def set_digest(
    session: AsyncSession, line: str, digest: str, *, at: datetime, tenant: str | None = None
) -> None:
    """A new PIN, which nobody has guessed at yet. NotFound if there is no such line."""
    found = await session.get(Line, line)
    if found is None or tenant not in (None, found.tenant):
        raise NotFound(f'there is no line "{line}"')
    await session.merge(Pin(line=line, digest=digest, failures=0, locked_until=None, changed_at=at))


async def get(session: AsyncSession, line: str) -> Pin | None:
    return await session.get(Pin, line)


async def admit(session: AsyncSession, line: str, at: datetime) -> str | None:
    """Counts a try before the PIN is looked at, so that tries at the same time count too.

    The digest to compare with, or None while the PIN is locked. NotFound if the line has none. The last
    try locks it; a right one is forgiven by `forgive`.
    """
    pin = await session.get(Pin, line, with_for_update=True)
    if pin is None:
        raise NotFound(f'line "{line}" has no PIN')
    if pin.locked_until is not None and pin.locked_until > at:
        return None
    tried = (0 if pin.locked_until is not None else pin.failures) + 1
    pin.failures = tried
    pin.locked_until = at + LOCKED if tried >= TRIES else None
    return pin.digest


async def forgive(session: AsyncSession, line: str, digest: str) -> None:
    """The PIN was right; not if it was changed meanwhile."""
    mine = (Pin.line == line, Pin.digest == digest)
    await session.execute(update(Pin).where(*mine).values(failures=0, locked_until=None))
