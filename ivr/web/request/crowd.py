"""How crowded a line is: now, and at which hours of the week it usually is (made from its calls)."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Literal

from ivr.clock import Clock
from ivr.errors import CalendarError, StoreError
from ivr.hours.calendar import Calendar
from ivr.lines import LiveLine, groups_of
from ivr.store import agents, crowd, health
from ivr.store.crowd import Hour
from ivr.store.database import Store
from ivr.web import health as process

log = logging.getLogger("ivr.web")

Level = Literal["free", "busy", "very_busy", "closed"]
Usual = Literal["easy", "normal", "crowded"]
PERIOD = timedelta(weeks=8)
FEWEST = 100  # calls in open hours; with fewer there is no table
CROWDED_LOST, EASY_LOST = 1 / 3, 0.1  # share of the callers who reached nobody
CROWDED_LOAD, EASY_LOAD = 1.5, 0.75  # calls in an hour, of what the mean hour has
NOW_FOR, USUAL_FOR = 5.0, 1800.0  # seconds that an answer is kept
HALF = timedelta(minutes=30)
DAYS: Final = "月火水木金土日"


@dataclass(frozen=True, slots=True)
class Now:
    """`opens`: when, of a line that is closed. `free`: an agent could be rung for somebody at once."""

    level: Level
    free: bool = False
    opens: datetime | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """`cells`: hour of the day -> Monday to Sunday; None: closed then."""

    calls: int
    since: date
    until: date
    cells: dict[int, tuple[Usual | None, ...]]


# -- now ------------------------------------------------------------------------------------------


async def look(store: Store, live: LiveLine, calendar: Calendar | None, now: datetime) -> Now | None:
    """None: the line is open, and no engine says who could answer. StoreError if the store does not answer."""
    line = live.dialplan
    if calendar is not None and not (state := calendar.state(now)).open:
        return Now("closed", opens=state.until)
    async with store.read() as session:
        groups = [
            await agents.staffing(session, group, now, tenant=line.line.tenant)
            for group in sorted(groups_of(line))
        ]
        engine = await health.get(session, "engine")
    if engine is None or process.engine(engine, now) != "alive":
        return None
    seen = engine.detail.get("queues", {}).get(line.key, {})
    waiting, talking = int(seen.get("waiting", 0)), int(seen.get("talking", 0))
    free = any(group.available for group in groups)
    present = sum(group.available + group.reserved + group.talking + group.wrap_up for group in groups)
    if waiting + talking >= line.line.capacity or waiting > max(2, present):
        return Now("very_busy", free)
    return Now("free" if free and not waiting else "busy", free and not waiting)


# -- usually --------------------------------------------------------------------------------------


def week(hours: Sequence[Hour], calendar: Calendar, since: datetime, until: datetime) -> Week | None:
    """Of what rang in [since, until) while the line was open; None if that is too little to say anything."""
    opened = _opened(calendar, since, until)
    rang, lost = dict.fromkeys(opened, 0), dict.fromkeys(opened, 0)
    for hour in hours:
        local = hour.begins.astimezone(calendar.zone)
        if (place := (local.hour, local.weekday())) in rang:
            rang[place] += hour.calls
            lost[place] += hour.lost
    calls = sum(rang.values())
    if calls < FEWEST:
        return None
    mean = calls / sum(opened.values())
    levels = {place: _usual(rang[place], lost[place], opened[place], mean) for place in opened}
    first, last = min(hour for hour, _ in opened), max(hour for hour, _ in opened)
    cells = {hour: tuple(levels.get((hour, day)) for day in range(7)) for hour in range(first, last + 1)}
    days = [moment.astimezone(calendar.zone).date() for moment in (since, until)]
    return Week(calls, days[0], days[1], cells)


def _opened(calendar: Calendar, since: datetime, until: datetime) -> dict[tuple[int, int], int]:
    """(hour, weekday) -> in how many weeks the line was open in some of it."""
    found: dict[tuple[int, int], int] = {}
    at = since.replace(minute=0, second=0, microsecond=0)
    while at < until:
        if any(calendar.state(moment).open for moment in (at, at + HALF)):
            local = at.astimezone(calendar.zone)
            place = (local.hour, local.weekday())
            found[place] = found.get(place, 0) + 1
        at += timedelta(hours=1)
    return found


def _usual(calls: int, lost: int, times: int, mean: float) -> Usual:
    """`times`: how often that hour of the week came."""
    load = calls / times / mean
    share = lost / calls if calls else 0.0
    if calls and (share >= CROWDED_LOST or load >= CROWDED_LOAD):
        return "crowded"
    return "easy" if load <= EASY_LOAD and share <= EASY_LOST else "normal"


# -- kept for a while -----------------------------------------------------------------------------


@dataclass
class Crowd:
    """Answers for pages that anybody may open as often as he likes."""

    store: Store
    clock: Clock
    _now: dict[str, tuple[float, Now]] = field(default_factory=dict)
    _weeks: dict[str, tuple[float, Week | None]] = field(default_factory=dict)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def now(self, live: LiveLine, calendar: Calendar | None) -> Now | None:
        """None while nobody can tell."""
        key, clock = live.dialplan.key, self.clock.monotonic()
        kept = self._now.get(key)
        if kept is not None and clock < kept[0] + NOW_FOR:
            return kept[1]
        try:
            found = await look(self.store, live, calendar, self.clock.now())
        except (StoreError, CalendarError) as error:
            log.warning("nobody can tell how crowded a line is", extra={"line": key, "reason": str(error)})
            return None
        if found is not None:
            self._now[key] = (clock, found)
        return found

    async def usual(self, line: str, calendar: Calendar | None) -> Week | None:
        """None if there are too few calls, or the line has no hours."""
        if calendar is None:
            return None
        async with self._one:  # who comes meanwhile waits for the same answer
            clock = self.clock.monotonic()
            kept = self._weeks.get(line)
            if kept is not None and clock < kept[0] + USUAL_FOR:
                return kept[1]
            until = self.clock.now()
            since = until - PERIOD
            try:
                async with self.store.read() as session:
                    hours = await crowd.by_hour(session, line, since, until)
                found = week(hours, calendar, since, until)
            except (StoreError, CalendarError) as error:
                log.warning("there is no table of busy hours", extra={"line": line, "reason": str(error)})
                return None
            self._weeks[line] = (clock, found)
            return found
