"""Closing a line at once and opening it again (臨時休業): by command, by page, by telephone.

What is written takes effect for the next call: the engine takes it in by an order, and the jobs process
has the sentence with the reason spoken and writes the fallback's bundle. Until it is spoken, callers hear a
sentence without the reason. Calls that run are untouched, and the line opens again by the clock.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from ivr import pins
from ivr.clock import Clock
from ivr.dialplan.greeting import closed_greeting
from ivr.dialplan.pick import moment, zone_of
from ivr.errors import ClosingError, DialplanError, NotFound
from ivr.hours.table import instant
from ivr.hours.text import DAY
from ivr.lines import Lines, LiveLine
from ivr.prompts.readable import unreadable
from ivr.prompts.reading import normalise
from ivr.staff import LineToday, Unlocked
from ivr.steps.hours import HoursStep
from ivr.store import closures, orders
from ivr.store.database import Store
from ivr.store.tables import Closure
from ivr.wake import wake

LONGEST_REASON = 40  # characters: it is heard by every caller


async def close_line(
    session: AsyncSession,
    line: str,
    begins: datetime,
    ends: datetime | None,
    reason: str,
    by: str,
    at: datetime,
    tenant: str | None = None,
) -> Closure:
    """Closes it, orders included; `announce` after the commit. `ends` None: until it is opened by hand.

    `tenant`: of who asks; None sees all. ClosingError says what to write instead; NotFound: no such line.
    """
    if ends is not None and ends <= max(begins, at):
        raise ClosingError(
            f"the closing would end at {ends:%Y-%m-%d %H:%M}, which is past or before its beginning"
        )
    closure = await closures.add(
        session, line, begins=begins, ends=ends, reason=as_reason(reason), by=by, at=at, tenant=tenant
    )
    await _order(session, at)
    return closure


async def reopen_line(
    session: AsyncSession,
    line: str,
    by: str,
    at: datetime,
    *,
    only: int | None = None,
    tenant: str | None = None,
) -> int:
    """Ends the closings that stand, or `only` the one with this id, which may be still to come. How many."""
    if only is None:
        ended = await closures.end_standing(session, line, by=by, at=at, tenant=tenant)
    else:
        ended = await closures.end_one(session, line, only, by=by, at=at, tenant=tenant)
    if ended:
        await _order(session, at)
    return ended


async def _order(session: AsyncSession, at: datetime) -> None:
    """To both at once: a closing does not wait for its sentence to be spoken."""
    await orders.put(session, "engine", "reload", {}, at)
    await orders.put(session, "jobs", "closings", {}, at)


def announce(run: Path) -> None:
    """Wakes those who carry the orders out; `run`: the directory of IVR_DATA in which their ports stand."""
    wake(run, "engine")
    wake(run, "jobs")


def as_reason(text: str) -> str:
    """As it is said in 「本日は、{reason}のため、」; ClosingError if it cannot be."""
    reason = unicodedata.normalize("NFKC", text).strip().rstrip("。、").removesuffix("のため").strip()
    if not reason:
        raise ClosingError("callers hear the reason: write one like 台風")
    if len(reason) > LONGEST_REASON:
        raise ClosingError(f"the reason has {len(reason)} characters; callers hear at most {LONGEST_REASON}")
    if re.search(r"[{}\n]", reason):
        raise ClosingError("the reason is said as it stands: no braces and no second line")
    if problem := unreadable(normalise(reason, None)):
        raise ClosingError(f"the reason cannot be said: {problem}")
    return reason


# -- until when -----------------------------------------------------------------------------


def closable(lines: Lines, key: str) -> LiveLine:
    """The live line; NotFound if there is none, ClosingError if a closing of it would change nothing."""
    line = lines.get(key)
    if line is None:
        raise NotFound(f'there is no line "{key}"; there are {", ".join(lines.keys()) or "none yet"}')
    if not any(isinstance(step, HoursStep) for step in line.dialplan.steps.values()):
        raise ClosingError(f'line "{key}" asks no hours: add a step of type hours, or it cannot be closed')
    return line


def zone(line: LiveLine) -> ZoneInfo:
    return zone_of(line.dialplan)


def end_of_day(line: LiveLine, day: date) -> datetime:
    """The midnight after it, or the end of the hours that run on into the next day."""
    closes = [calendar.day(day).intervals[-1:] for calendar in line.usual.values()]
    minutes = max((interval[1] for last in closes for interval in last), default=DAY)
    return instant(zone(line), day, max(minutes, DAY))


def read_until(text: str, line: LiveLine, begins: datetime) -> datetime | None:
    """ "today", "open-ended" (None), "2026-11-24T17:00", "2026-11-24" (to its end). ClosingError otherwise."""
    match text.strip():
        case "open-ended":
            return None
        case "today":
            return end_of_day(line, begins.astimezone(zone(line)).date())
        case day if re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            return end_of_day(line, moment(day, zone(line)).date())
    try:
        return moment(text, zone(line))
    except DialplanError as error:
        raise DialplanError(f"{error}, a date like 2026-11-24, today or open-ended") from None


# -- by telephone ---------------------------------------------------------------------------


class StoreClosings:
    """`Closings` of ivr/staff.py on the store. `lines`: as this process sees them."""

    def __init__(self, store: Store, lines: Lines, clock: Clock, announce: Callable[[], None]) -> None:
        self._store = store
        self._lines = lines
        self._clock = clock
        self._announce = announce

    async def unlock(self, line: str, tenant: str, pin: str) -> Unlocked:
        try:
            self._line(line, tenant)
        except (NotFound, ClosingError):
            return "unavailable"
        return await pins.unlock(self._store, self._clock, line, pin)

    def today(self, line: str, tenant: str) -> LineToday:
        live = self._line(line, tenant)
        now = self._clock.now()
        closed = any(closing.covers(now) for closing in live.closings)
        calendar = next(iter(live.calendars.values()))
        return LineToday(
            now.astimezone(zone(live)).date(), closed, closed_greeting(calendar, now) if closed else ""
        )

    async def close(self, line: str, tenant: str, last: date, reason: str, by: str) -> None:
        live, now = self._line(line, tenant), self._clock.now()
        await pins.in_time(self._close(line, tenant, now, end_of_day(live, last), reason, by))
        self._announce()

    async def reopen(self, line: str, tenant: str, by: str) -> None:
        self._line(line, tenant)
        await pins.in_time(self._reopen(line, tenant, by))
        self._announce()

    def _line(self, line: str, tenant: str) -> LiveLine:
        live = closable(self._lines, line)
        if live.dialplan.line.tenant != tenant:
            raise NotFound(f'there is no line "{line}"')
        return live

    async def _close(
        self, line: str, tenant: str, now: datetime, ends: datetime, reason: str, by: str
    ) -> None:
        async with self._store.write() as session:
            await close_line(session, line, now, ends, reason, by, now, tenant)

    async def _reopen(self, line: str, tenant: str, by: str) -> None:
        async with self._store.write() as session:
            await reopen_line(session, line, by, self._clock.now(), tenant=tenant)
