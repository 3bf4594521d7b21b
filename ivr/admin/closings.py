"""What `ivr close`, `ivr reopen`, `ivr closings` and `ivr pin` do."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr import closings, pins
from ivr.clock import JAPAN, SystemClock
from ivr.dialplan.greeting import closed_greeting
from ivr.dialplan.pick import moment
from ivr.errors import ClosingError
from ivr.lines import Lines
from ivr.settings import Settings
from ivr.store import closures
from ivr.store import pins as store_pins
from ivr.store.database import Store, opened
from ivr.store.tables import Closure


@dataclass(frozen=True)
class Closed:
    """Times as they are told; `hears`: what callers hear first of it, empty if the line is closed then anyhow."""

    id: int
    begins: str
    ends: str
    hears: str


async def close(settings: Settings, key: str, until: str, reason: str, begins: str | None, by: str) -> Closed:
    """`until` and `begins` as they were typed. ClosingError says what to write instead."""
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store:
        line = closings.closable(await _lines(store), key)
        zone = closings.zone(line)
        start = moment(begins, zone) if begins else now
        if start < now:
            raise ClosingError(
                f"--from {begins} is past: it is {now.astimezone(zone):%Y-%m-%d %H:%M}; leave it out"
            )
        ends = closings.read_until(until, line, start)
        async with store.write() as session:
            row = await closings.close_line(session, key, start, ends, reason, by, now)
        closings.announce(settings.run)
        closed = closings.closable(await _lines(store), key)
    calendar = next(iter(closed.calendars.values()))
    hears = closed_greeting(calendar, start)
    return Closed(row.id, _told(start, zone), _told(ends, zone) if ends else "somebody opens it", hears)


async def reopen(settings: Settings, key: str, by: str, only: int | None) -> int:
    """How many closings ended. NotFound if there is no such line."""
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store:
        closings.closable(await _lines(store), key)
        async with store.write() as session:
            ended = await closings.reopen_line(session, key, by, now, only=only)
    closings.announce(settings.run)
    return ended


async def listing(settings: Settings, key: str | None) -> list[dict[str, Any]]:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store:
        lines = await _lines(store)
        async with store.read() as session:
            rows = await closures.listing(session, now, line=key)
    return [_json(row, lines, now) for row in rows]


def _json(row: Closure, lines: Lines, now: datetime) -> dict[str, Any]:
    line = lines.get(row.line)
    zone = closings.zone(line) if line else JAPAN
    return {
        "id": row.id,
        "line": row.line,
        "stands": row.begins_at <= now,
        "begins": row.begins_at.astimezone(zone).isoformat(timespec="seconds"),
        "ends": row.ends_at.astimezone(zone).isoformat(timespec="seconds") if row.ends_at else None,
        "reason": row.reason,
        "by": row.by,
    }


async def set_pin(settings: Settings, key: str, given: str | None) -> str:
    """The PIN, a new one unless it was `given`. Only its hash is kept."""
    now = SystemClock(settings.clock_offset).now()
    pin = pins.new() if given is None else given
    digest = await asyncio.to_thread(pins.digest, pin)
    async with opened(settings.database_url) as store, store.write() as session:
        await store_pins.set_digest(session, key, digest, at=now)
    return pin


async def _lines(store: Store) -> Lines:
    lines = Lines()
    await lines.reload(store)
    return lines


def _told(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
