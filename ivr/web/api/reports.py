"""Figures of a period, the rows behind each, and what goes on now."""

from datetime import date, datetime
from typing import Annotated, Any, get_args

from aiohttp import web
from pydantic import Field

from ivr.clock import JAPAN
from ivr.errors import BadPeriod, NotFound
from ivr.reports.facts import Kind
from ivr.reports.months import months
from ivr.reports.period import Period, period, spans
from ivr.reports.tally import Asked, quantile, rows_of, tally
from ivr.web.admin.lines import fresh_lines
from ivr.web.api.fields import Count, Given, Key, Time, Told
from ivr.web.api.operation import Operation
from ivr.web.health import Engine
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.live.read import floor
from ivr.web.managing import own_lines, zones
from ivr.web.refusals import BadRequest
from ivr.web.reports.labels import NAMES
from ivr.web.trail import looked_at

MONTHS = 13
KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}


class PeriodQuery(Given):
    since: Annotated[str, Field(pattern=r"^(today|yesterday|7d|30d|month|last-month|20\d\d-\d\d-\d\d)$")] = (
        "7d"
    )
    """Its first day, or one of these names."""
    until: Annotated[str, Field(pattern=r"^20\d\d-\d\d-\d\d$")] | None = None
    """Its last day; left out: today."""
    line: Key | None = None


class RowQuery(PeriodQuery):
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z_.0-9]+$")]
    """Of a figure."""
    scope: Annotated[str, Field(max_length=100, pattern=r"^[^\u0000]*$")] = ""
    """Of a figure, such as `day:2026-11-24`, `slot:0-11`, `priority:high`; left out: the whole period."""
    limit: Count = 100
    """So many, the newest."""


class Figure(Told):
    name: str
    scope: str
    count: int


class Took(Told):
    """Seconds from the wish to be rung back to the begin of work (`response`) or to its end (`resolution`)."""

    what: str
    priority: str
    """Empty: all."""
    count: int
    median: float | None
    p90: float | None


class Report(Told):
    first: date
    last: date
    line: str | None
    figures: list[Figure]
    times: list[Took]


class ReportRow(Told):
    """`id`: of the call, contact, dial or message; of what is done its ticket."""

    kind: Kind
    id: str
    at: Time
    line: str
    ticket: str | None
    number: str | None


class Month(Told):
    month: str
    tenant: str
    line: str
    calls: int


class LineNow(Told):
    key: str
    name: str
    waiting: int | None
    """Null: nobody knows, for the engine is not there."""
    since: Time | None
    """From when on the one waits who has waited longest."""
    talking: int | None
    free: int | None
    """受付可, with a telephone that is registered."""
    overdue: int
    near: int
    calls: dict[str, int]
    """Figures of today's calls, by the names of reports."""


class Seat(Told):
    name: str
    state: str
    """As of agents, or `ringing`."""
    since: Time | None
    reason: str | None


class Live(Told):
    engine: Engine
    seen: Time | None
    lines: list[LineNow]
    agents: list[Seat]


async def get_report(request: web.Request, query: PeriodQuery) -> Report:
    """The figures of a period: promises kept, response and resolution, attempts, load, lost calls by cause."""
    of, asked = await _asked(request, query)
    async with request.app[STORE].read() as db:
        found = await tally(db, asked)
    await looked_at(request, "report", f"figures {of.first}_{of.last}", tenant=request[VIEWER].tenant)
    figures = [Figure(name=name, scope=scope, count=n) for (name, scope), n in sorted(found.counts.items())]
    times = [
        Took(what=what, priority=priority, count=len(took), median=quantile(took, 50), p90=quantile(took, 90))
        for (what, priority), took in sorted(found.seconds.items())
    ]
    return Report(first=of.first, last=of.last, line=query.line, figures=figures, times=times)


async def list_report_rows(request: web.Request, query: RowQuery) -> list[ReportRow]:
    """The rows of a figure, the newest first: from them it can be counted again."""
    if query.name not in NAMES:
        raise NotFound(f'there is no figure "{query.name}"')
    first = "ask" if query.name == "again" else query.name.partition(".")[0]
    kind, (of, asked) = KINDS[first], await _asked(request, query)
    found: list[tuple[datetime, ReportRow]] = []
    async with request.app[STORE].read() as db:
        async for row, at in rows_of(db, asked, kind, query.name, query.scope):
            found.append((at, _row(kind, row, at)))
            if len(found) >= 2 * query.limit:
                found = _newest(found, query.limit)
    await looked_at(request, "report", f"{query.name} {of.first}_{of.last}", tenant=request[VIEWER].tenant)
    return [row for _, row in _newest(found, query.limit)]


def _row(kind: Kind, row: Any, at: datetime) -> ReportRow:
    ticket = getattr(row, "ticket", None)
    id, number = getattr(row, "id", ticket), getattr(row, "number", None)
    return ReportRow(kind=kind, id=str(id), at=at, line=row.line, ticket=ticket, number=number)


def _newest(found: list[tuple[datetime, ReportRow]], limit: int) -> list[tuple[datetime, ReportRow]]:
    return sorted(found, key=lambda one: one[0], reverse=True)[:limit]


async def _asked(request: web.Request, query: PeriodQuery) -> tuple[Period, Asked]:
    """NotFound for a line that is not one's own."""
    lines, now = await fresh_lines(request), request.app[CLOCK].now()
    known = zones(lines)
    if query.line is not None and query.line not in own_lines(request, lines):
        raise NotFound(f'there is no line "{query.line}"')
    today = now.astimezone(known[query.line] if query.line else JAPAN).date()
    try:
        of = period(query.since, query.until or "", today)
    except BadPeriod as error:
        raise BadRequest(f"since, until: {error}", [("since", str(error))]) from None
    return of, Asked(spans(of, known, query.line), request[VIEWER].tenant, now, lines.in_queue)


async def list_months(request: web.Request) -> list[Month]:
    """Calls of each line in each of the last 13 months, the latest first."""
    lines, now = await fresh_lines(request), request.app[CLOCK].now()
    today = now.astimezone(JAPAN).date()
    async with request.app[STORE].read() as db:
        found = await months(db, today, MONTHS, zones(lines), tenant=request[VIEWER].tenant)
    return [
        Month(month=month, tenant=tenant, line=line, calls=count)
        for month, calls in found
        for (tenant, line), count in sorted(calls.items())
    ]


async def get_live(request: web.Request) -> Live:
    """What goes on now: who waits on which line, the agents, what is overdue, the calls of today."""
    lines, now, tenant = await fresh_lines(request), request.app[CLOCK].now(), request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        seen = await floor(db, lines, own_lines(request, lines), tenant=tenant, now=now)
    plain = ("key", "name", "waiting", "since", "talking", "free", "overdue", "near")
    found = [
        LineNow(**{name: getattr(one, name) for name in plain}, calls=dict(one.calls)) for one in seen.lines
    ]
    seats = [Seat(name=one.name, state=one.state, since=one.since, reason=one.reason) for one in seen.seats]
    return Live(engine=seen.engine, seen=seen.seen, lines=found, agents=seats)


OPERATIONS = [
    Operation("GET", "/api/v1/reports", get_report, "reports", manages=True, missing=True),
    Operation("GET", "/api/v1/reports/rows", list_report_rows, "reports", manages=True, missing=True),
    Operation("GET", "/api/v1/reports/months", list_months, "reports", manages=True),
    Operation("GET", "/api/v1/live", get_live, "reports", manages=True),
]
