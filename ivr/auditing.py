"""The audit kept: sealed, deleted when it is old enough, and proved to be whole (docs/decisions/audit-chain.md)."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ivr.clock import Clock, SystemClock, iso
from ivr.errors import BadArgument, StoreError
from ivr.settings import Settings
from ivr.store import audit, seals
from ivr.store.database import Store, opened
from ivr.store.tables import AuditSeal

log = logging.getLogger("ivr.audit")

EVERY = 60.0  # seconds
LATE = timedelta(hours=1)  # rows that wait for longer tell that nobody seals
BY = "retention"  # who deleted, in the audit


class Keeper:
    """In one process. `days`: how long rows are kept; 0: for ever."""

    def __init__(self, store: Store, clock: Clock, days: int) -> None:
        self._store = store
        self._clock = clock
        self._days = days

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.round()
            except StoreError:
                log.exception("the audit was not sealed, which is tried again")
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """Everything that is due now."""
        now, made = self._clock.now(), True
        while made:
            async with self._store.write() as session:
                seal = await seals.seal(session, now)
                made = seal is not None
            if seal is not None:  # a copy of the log elsewhere keeps who owns the store honest
                log.info("the audit was sealed", extra={"seal": seal.number, "digest": seal.digest})
        count = 0
        while self._days and (some := await self._clear(now)):
            count += some
        if count:
            async with self._store.write() as session:
                facts = {"who": BY, "what": "clear", "about": "audit", "detail": str(count)}
                await audit.note(session, **facts, kind="list", tenant=None, at=now)
            log.info("rows of the audit were kept long enough", extra={"deleted": count})

    async def _clear(self, now: datetime) -> int:
        async with self._store.write() as session:
            return await seals.clear(session, now - timedelta(days=self._days), now)


@dataclass
class Report:
    """`head`: the last seal, NUMBER:DIGEST; `waiting`: rows that are in no seal yet."""

    seals: int = 0
    rows: int = 0
    deleted: int = 0
    waiting: int = 0
    head: str | None = None
    problems: list[str] = field(default_factory=list)


async def verify(settings: Settings, head: str | None) -> Report:
    """`head`: one that was noted before: it must still be there. BadArgument if it is none."""
    if head is not None and not head.partition(":")[0].isdecimal():
        raise BadArgument(f'"{head}" is no head; write one as `ivr audit verify` printed it, NUMBER:DIGEST')
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store:
        return await proved(store, head, settings.audit_days, now)


async def proved(store: Store, head: str | None, days: int, now: datetime) -> Report:
    report, before, kept = Report(), seals.FIRST, False
    async with store.read() as session:
        async for seal, rows in seals.in_order(session):
            report.seals += 1
            if seal.number != report.seals or seals.digest(seal, before) != seal.digest:
                report.problems.append(f"seal {seal.number}: it was changed, or one before it is missing")
                report.seals = seal.number
            before, this = seal.digest, f"{seal.number}:{seal.digest}"
            if head is not None and head.partition(":")[0] == str(seal.number) and head != this:
                report.problems.append(f"seal {seal.number}: it is not the one that was noted")
            if seal.cleared_at is not None:
                report.deleted += seal.rows
                young = not days or seal.newest >= seal.cleared_at - timedelta(days=days)
                if rows or kept or young:
                    said = f"seal {seal.number}: its rows went before IVR_AUDIT_DAYS were over, or some came back"
                    report.problems.append(said)
            else:
                kept = True
                report.rows += len(rows)
                if len(rows) != seal.rows or seals.content(rows) != seal.content:
                    report.problems.append(_about(seal, len(rows)))
            report.head = this
        report.waiting, since = await seals.unsealed(session)
    if head is not None and int(head.partition(":")[0]) > report.seals:
        report.problems.append(f"seal {head.partition(':')[0]}: it was noted, and is gone")
    if since is not None and since < now - LATE:
        report.problems.append(f"rows since {iso(since)} are in no seal: does the jobs process run?")
    return report


def _about(seal: AuditSeal, found: int) -> str:
    what = "rows were changed" if found == seal.rows else f"{found} rows instead of {seal.rows}"
    return f"seal {seal.number}, up to {iso(seal.newest)}: {what}"
