"""/reports: the figures of a period, each of which leads to its rows; /reports/months: calls of each line and month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from ivr.clock import JAPAN
from ivr.errors import BadPeriod, NotFound
from ivr.lines import Lines
from ivr.reports.facts import KINDS, Kind
from ivr.reports.months import months
from ivr.reports.period import Period, period, spans
from ivr.reports.tally import Asked, rows_of, share, tally
from ivr.web import sheet
from ivr.web.admin.lines import fresh_lines
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.managing import for_supervisors, own_lines, zones
from ivr.web.pages import render
from ivr.web.reports import congestion, labels, listing
from ivr.web.reports.listing import Item
from ivr.web.reports.tables import Table, tables
from ivr.web.trail import looked_at

PERIODS = (
    ("today", "今日"),
    ("yesterday", "昨日"),
    ("7d", "7日間"),
    ("30d", "30日間"),
    ("month", "今月"),
    ("last-month", "先月"),
)
USUAL = "7d"
SHOWN = 500  # rows of a figure on the page; a spreadsheet gets all
MONTHS = 13
PIECE = 500  # rows


@dataclass(frozen=True, slots=True)
class Choice:
    """What the address asks for. `line` empty: all lines; `wrong`: why the period is another one than was asked for."""

    line: str
    since: str
    period: Period
    asked: Asked
    lines: dict[str, str]
    wrong: str | None

    def address(self, path: str, **more: str) -> str:
        first, last = str(self.period.first), str(self.period.last)
        given = {"line": self.line, "since": first, "until": last, **more}
        return f"{path}?{urlencode({name: value for name, value in given.items() if value})}"

    def rows(self, name: str, scope: str) -> str:
        return self.address("/reports/rows", name=name, scope=scope)

    @property
    def title(self) -> str:
        return f"{self.period.first}_{self.period.last}{f'_{self.line}' if self.line else ''}"


async def _choice(request: web.Request) -> Choice:
    """NotFound for a line that is not the user's."""
    lines, now = await fresh_lines(request), request.app[CLOCK].now()
    names, known = own_lines(request, lines), zones(lines)
    line = request.query.get("line", "")
    if line and line not in names:
        raise NotFound(f'there is no line "{line}"')
    since, wrong = request.query.get("since", "") or USUAL, None
    today = now.astimezone(known[line] if line else JAPAN).date()
    try:
        found = period(since, request.query.get("until", ""), today)
    except BadPeriod as error:
        since, wrong = USUAL, f"{error}7日間を表示しています。"
        found = period(since, "", today)
    asked = _asked(request, lines, found, line, now)
    return Choice(line, since, found, asked, names, wrong)


def _asked(request: web.Request, lines: Lines, of: Period, line: str, now: datetime) -> Asked:
    return Asked(spans(of, zones(lines), line or None), request[VIEWER].tenant, now, lines.in_queue)


@for_supervisors
async def show(request: web.Request) -> web.Response:
    choice = await _choice(request)
    async with request.app[STORE].read() as db:
        found = await tally(db, choice.asked)
    kept, broken = found.n("ask.kept"), found.n("ask.broken")
    offered = found.n("call.offered")
    return render(
        request,
        "reports.html",
        choice=choice,
        periods=PERIODS,
        tally=found,
        promise=labels.percent(share(kept, kept + broken)),
        answered=labels.percent(share(found.n("call.answered"), offered)),
        gone=labels.percent(share(found.n("call.gone"), offered)),
        tables=tables(found, choice.period),
        congestion=congestion.table(found),
        picture=congestion.picture(found, choice.rows),
    )


@for_supervisors
async def figures_csv(request: web.Request) -> web.Response:
    """All tables below each other, each with its title."""
    choice = await _choice(request)
    async with request.app[STORE].read() as db:
        found = await tally(db, choice.asked)
    await looked_at(
        request,
        "report",
        f"figures {choice.title}",
        tenant=request[VIEWER].tenant,
        what="download",
        once_in=None,
    )
    body = sheet.BOM
    for table in (*tables(found, choice.period), congestion.table(found)):
        body += sheet.lines([*_plain(table), []])
    return _file(body, f"report_{choice.title}")


def _plain(table: Table) -> list[Sequence[str]]:
    return [
        [table.title],
        table.head,
        *([title, *(cell.text for cell in cells)] for title, cells in table.rows),
    ]


@for_supervisors
async def rows(request: web.Request) -> web.Response:
    choice = await _choice(request)
    kind, name, scope = _figure(request)
    newest: list[Item] = []
    count = 0
    async with request.app[STORE].read() as db:
        async for row, local in rows_of(db, choice.asked, kind, name, scope):
            count += 1
            newest.append(listing.item(kind, row, local, choice.lines))
            if len(newest) == 2 * SHOWN:
                newest = _newest(newest)
    await looked_at(
        request, "report", f"{name} {scope} {choice.title}", tenant=request[VIEWER].tenant, once_in=None
    )
    return render(
        request,
        "report_rows.html",
        choice=choice,
        title=labels.NAMES[name],
        scope_said=labels.scope_said(scope),
        head=listing.head(kind),
        rows=_newest(newest),
        count=count,
        csv=choice.address("/reports/rows.csv", name=name, scope=scope),
    )


def _newest(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda one: one.at, reverse=True)[:SHOWN]


@for_supervisors
async def rows_csv(request: web.Request) -> web.Response:
    choice = await _choice(request)
    kind, name, scope = _figure(request)
    body, piece = bytearray(sheet.BOM + sheet.lines([listing.head(kind)])), []
    async with request.app[STORE].read() as db:
        async for row, local in rows_of(db, choice.asked, kind, name, scope):
            piece.append(listing.plain(listing.item(kind, row, local, choice.lines)))
            if len(piece) == PIECE:
                body += sheet.lines(piece)
                piece.clear()
    await looked_at(
        request,
        "report",
        f"{name} {scope} {choice.title}",
        tenant=request[VIEWER].tenant,
        what="download",
        once_in=None,
    )
    return _file(bytes(body + sheet.lines(piece)), f"{name}_{choice.title}")


def _figure(request: web.Request) -> tuple[Kind, str, str]:
    """NotFound for one that there is not; a scope in which nothing is has no rows."""
    name = request.query.get("name", "")
    if name not in labels.NAMES:
        raise NotFound(f'there is no figure "{name}"')
    first = "ask" if name == "again" else name.partition(".")[0]
    kind = next(kind for kind in KINDS if kind == first)
    return kind, name, request.query.get("scope", "")


# -- months ---------------------------------------------------------------------------------------


@for_supervisors
async def show_months(request: web.Request) -> web.Response:
    found, names = await _months(request)
    return render(
        request, "report_months.html", months=found, names=names, several=request[VIEWER].tenant is None
    )


@for_supervisors
async def months_csv(request: web.Request) -> web.Response:
    found, names = await _months(request)
    await looked_at(request, "report", "months", tenant=request[VIEWER].tenant, what="download", once_in=None)
    rows = [
        [month, tenant, line, names.get(line, line), str(count)]
        for month, calls in found
        for (tenant, line), count in sorted(calls.items())
    ]
    head = ["月", "契約企業", "窓口", "窓口の名前", "通話"]
    return _file(sheet.BOM + sheet.lines([head, *rows]), "months")


async def _months(
    request: web.Request,
) -> tuple[list[tuple[str, dict[tuple[str, str], int]]], dict[str, str]]:
    lines, viewer = await fresh_lines(request), request[VIEWER]
    today = request.app[CLOCK].now().astimezone(JAPAN).date()
    async with request.app[STORE].read() as db:
        found = await months(db, today, MONTHS, zones(lines), tenant=viewer.tenant)
    return [(month, dict(calls)) for month, calls in found], own_lines(request, lines)


def _file(body: bytes, name: str) -> web.Response:
    disposition = f'attachment; filename="{name}.csv"'
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)


ROUTES = [
    web.get("/reports", show),
    web.get("/reports/figures.csv", figures_csv),
    web.get("/reports/rows", rows),
    web.get("/reports/rows.csv", rows_csv),
    web.get("/reports/months", show_months),
    web.get("/reports/months.csv", months_csv),
]
