"""Lines: when they are open, and what closes them at once."""

from datetime import datetime
from typing import Literal

from aiohttp import web

from ivr import closings
from ivr.errors import NotFound
from ivr.hours.calendar import Calendar
from ivr.lines import Lines
from ivr.store import closures, dialplans
from ivr.store.tables import Closure
from ivr.web.admin.lines import fresh_lines
from ivr.web.admin.read import lines_of, one_line
from ivr.web.api.fields import Given, Moment, Short, Time, Told
from ivr.web.api.operation import Operation
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER


class Hours(Told):
    name: str
    open: bool
    reason: str
    """Why: `open`, or the kind of what closes it: weekend, holiday, sudden …"""
    day: str | None
    """The holiday, or the reason of a closing, as callers hear it."""
    until: Time | None
    """When it next changes; null: never, as far as is known."""
    next_open: Time | None


class Line(Told):
    key: str
    tenant: str
    name: str
    numbers: list[str]
    hours: list[Hours]


class At(Given):
    at: Moment | None = None
    """Left out: now."""


class Closing(Told):
    """臨時休業"""

    id: int
    line: str
    begins_at: Time
    ends_at: Time | None
    """Null: until somebody opens the line."""
    stands: bool
    reason: str
    by: str


class NewClosing(Given):
    reason: Short
    """Callers hear it: 「本日は、…のため」."""
    begins_at: Moment | None = None
    """Null: now."""
    until: Literal["today", "open-ended"] | Moment


async def list_lines(request: web.Request) -> list[Line]:
    """Lines (窓口), and whether each is open now."""
    lines, now = await fresh_lines(request), request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        found = await lines_of(db, request[VIEWER])
    return [_line(row, lines, now) for row in found]


async def get_line(request: web.Request, query: At) -> Line:
    """One line, and whether it is open: why, until when. 409 `calendar` for a time that no calendar knows."""
    lines, now = await fresh_lines(request), request.app[CLOCK].now()
    return _line(await _own(request), lines, query.at or now)


def _line(row: dialplans.LiveLine, lines: Lines, at: datetime) -> Line:
    live = lines.get(row.key)
    calendars = live.calendars if live else {}
    return Line(
        key=row.key,
        tenant=row.tenant,
        name=row.name,
        numbers=list(row.numbers),
        hours=[_hours(name, calendar, at) for name, calendar in calendars.items()],
    )


def _hours(name: str, calendar: Calendar, at: datetime) -> Hours:
    state = calendar.state(at)
    return Hours(
        name=name,
        open=state.open,
        reason=state.reason.kind,
        day=state.reason.name,
        until=state.until,
        next_open=calendar.next_open(at) if state.open else state.until,
    )


async def _own(request: web.Request) -> dialplans.LiveLine:
    """NotFound past the wall."""
    async with request.app[STORE].read() as db:
        return await one_line(db, request.match_info["line"], request[VIEWER])


async def list_closings(request: web.Request) -> list[Closing]:
    """臨時休業: what closes a line now, and what is still to come."""
    line, now = await _own(request), request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        rows = await closures.listing(db, now, line=line.key)
    return [_closing(row, now) for row in rows]


async def close_line(request: web.Request, body: NewClosing) -> Closing:
    """Closes a line at once, or from a moment on. 409 `closing` says what to write instead."""
    line, viewer, now = await _own(request), request[VIEWER], request.app[CLOCK].now()
    live = closings.closable(await fresh_lines(request), line.key)
    begins = max(body.begins_at or now, now)
    ends = body.until if isinstance(body.until, datetime) else closings.read_until(body.until, live, begins)
    async with request.app[STORE].write() as db:
        made = await closings.close_line(
            db, line.key, begins, ends, body.reason, viewer.name, now, viewer.tenant
        )
    closings.announce(request.app[SETTINGS].run)
    return _closing(made, now)


async def end_closing(request: web.Request) -> None:
    """Opens the line again, or takes back a closing that is still to come."""
    line, viewer, now = await _own(request), request[VIEWER], request.app[CLOCK].now()
    entry = int(request.match_info["entry"])
    async with request.app[STORE].write() as db:
        ended = await closings.reopen_line(db, line.key, viewer.name, now, only=entry, tenant=viewer.tenant)
    if not ended:
        raise NotFound(f"there is no closing {entry} of this line")
    closings.announce(request.app[SETTINGS].run)


def _closing(row: Closure, now: datetime) -> Closing:
    names = ("id", "line", "begins_at", "ends_at", "reason", "by")
    return Closing(**{name: getattr(row, name) for name in names}, stands=row.begins_at <= now)


_ONE = "/api/v1/lines/{line}"
OPERATIONS = [
    Operation("GET", "/api/v1/lines", list_lines, "lines", conflicts=True),
    Operation("GET", _ONE, get_line, "lines", conflicts=True),
    Operation("GET", f"{_ONE}/closings", list_closings, "lines"),
    Operation("POST", f"{_ONE}/closings", close_line, "lines", status=201, manages=True, conflicts=True),
    Operation("DELETE", f"{_ONE}/closings/{{entry}}", end_closing, "lines", manages=True),
]
