"""The audit, sealed in parts: each seal holds what its rows and all seals before were, so that whoever changes, takes
away or puts in between is seen. It stays when its rows are no longer kept.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import AuditRow, AuditSeal

SETTLED = timedelta(minutes=1)  # whoever writes a row has committed it by then
EVERY = timedelta(minutes=10)
MOST = 5000  # rows of one seal
FIRST = "0" * 64


async def seal(session: AsyncSession, now: datetime) -> AuditSeal | None:
    """The next one; None if nothing waits for long. By one process at a time."""
    waiting = select(AuditRow).where(AuditRow.seal.is_(None), AuditRow.at <= now - SETTLED)
    rows = (await session.scalars(waiting.order_by(AuditRow.id).limit(MOST))).all()
    if not rows or (len(rows) < MOST and min(row.at for row in rows) > now - EVERY):
        return None
    last = await session.scalar(select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1))
    made = AuditSeal(
        number=last.number + 1 if last else 1,
        at=now,
        newest=max(row.at for row in rows),
        rows=len(rows),
        content=content(rows),
    )
    made.digest = digest(made, last.digest if last else FIRST)
    session.add(made)
    for row in rows:
        row.seal = made.number
    await session.flush()
    return made


def content(rows: Sequence[AuditRow]) -> str:
    """In the order of their ids."""
    hashed = hashlib.sha256()
    for row in rows:
        facts = [row.id, _utc(row.at), row.who, row.tenant, row.what, row.kind, row.about, row.detail]
        hashed.update(json.dumps(facts).encode() + b"\n")
    return hashed.hexdigest()


def digest(seal: AuditSeal, before: str) -> str:
    facts = [before, seal.number, _utc(seal.at), _utc(seal.newest), seal.rows, seal.content]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


async def clear(session: AsyncSession, before: datetime, now: datetime) -> int:
    """The rows of the oldest seal that has some, if the newest of them is older than `before`. How many it were."""
    query = select(AuditSeal).where(AuditSeal.cleared_at.is_(None)).order_by(AuditSeal.number).limit(1)
    oldest = await session.scalar(query)
    if oldest is None or oldest.newest >= before:
        return 0
    await session.execute(delete(AuditRow).where(AuditRow.seal == oldest.number))
    oldest.cleared_at = now
    await session.flush()
    return oldest.rows


async def in_order(session: AsyncSession) -> AsyncIterator[tuple[AuditSeal, Sequence[AuditRow]]]:
    """Each seal with the rows that say that they are in it."""
    for number in (await session.scalars(select(AuditSeal.number).order_by(AuditSeal.number))).all():
        seal = await session.get_one(AuditSeal, number)
        rows = await session.scalars(select(AuditRow).where(AuditRow.seal == number).order_by(AuditRow.id))
        yield seal, rows.all()
        session.expunge_all()


async def unsealed(session: AsyncSession) -> tuple[int, datetime | None]:
    """How many rows are in no seal, and since when the oldest of them waits; those of a seal that is gone are, too."""
    lost = AuditRow.seal.not_in(select(AuditSeal.number))
    query = select(func.count(), func.min(AuditRow.at)).where(AuditRow.seal.is_(None) | lost)
    number, since = (await session.execute(query)).one()
    return number, since
