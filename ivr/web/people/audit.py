"""操作の記録: who viewed, heard, downloaded or changed what; for supervisors and admins, of their company."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.clock import JAPAN
from ivr.store import audit
from ivr.store.tables import AuditRow
from ivr.web import sheet, words
from ivr.web.callbacks import filters
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.lists import views as lists
from ivr.web.pages import render
from ivr.web.people.words import ACTS, CHANGES, KINDS, ROLES
from ivr.web.people.words import WHOLES as PLACES
from ivr.web.reports import labels

Times = tuple[datetime | None, datetime | None]

WHOLES = PLACES | lists.TITLES
FIGURES = {"figures": "集計", "months": "月ごとの通話数", **labels.NAMES}
SHOWN: dict[str, str] = {str(code): word for code, word in filters.WORDS.items()}
PAGE, CHUNK = 100, 1000  # rows of a page, and of one read for a file
COLUMNS = ("日時", "利用者", "操作", "対象の種類", "対象", "内容", "契約企業")
UNREADABLE = "日時を読み取れませんでした。例：2026-11-24 09:00"


@dataclass(frozen=True, slots=True)
class Filter:
    """As it was typed; times as of a field for date and time, in Japanese time."""

    who: str
    ticket: str
    since: str
    until: str

    def query(self, **more: str) -> str:
        typed = {"who": self.who, "ticket": self.ticket, "since": self.since, "until": self.until, **more}
        return urlencode({name: value for name, value in typed.items() if value})


def read(request: web.Request) -> Filter:
    def one(name: str) -> str:
        return unicodedata.normalize("NFKC", request.query.get(name, ""))[:64].strip()

    return Filter(one("who"), one("ticket"), one("since"), one("until"))


async def show(request: web.Request) -> web.Response:
    of, before = read(request), request.query.get("before", "")
    problem, rows, tickets = "", [], {}
    try:
        times = _times(of)
    except ValueError:
        problem = UNREADABLE
    else:
        last = int(before) if before.isdecimal() and before.isascii() and len(before) < 10 else None
        async with request.app[STORE].read() as db:
            rows = list(await _rows(request, db, of, times, last, PAGE + 1))
            tickets = await audit.tickets_of(db, {row.about for row in rows if row.kind == "message"})
    more = of.query(before=str(rows[PAGE - 1].id)) if len(rows) > PAGE else None
    return render(
        request,
        "people/audit.html",
        status=422 if problem else 200,
        rows=[_said(row, tickets) for row in rows[:PAGE]],
        of=of,
        more=more,
        problem=problem,
        later=bool(before),
    )


async def download(request: web.Request) -> web.StreamResponse:
    """The same as a file; that it was taken is noted before the first row leaves."""
    of, viewer, now = read(request), request[VIEWER], request.app[CLOCK].now()
    try:
        times = _times(of)
    except ValueError:
        raise web.HTTPBadRequest from None
    async with request.app[STORE].write() as db:
        facts = {"who": viewer.name, "what": "download", "about": "audit"}
        await audit.note(db, **facts, kind="list", tenant=viewer.tenant, at=now)
    name = f"audit-{now.astimezone(JAPAN):%Y%m%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    answer = web.StreamResponse(headers=headers)
    answer.content_type, answer.charset = "text/csv", "utf-8"
    await answer.prepare(request)
    await answer.write(sheet.BOM + sheet.lines([COLUMNS]))
    before = None
    while True:
        async with request.app[STORE].read() as db:
            rows = await _rows(request, db, of, times, before, CHUNK)
        if not rows:
            break
        await answer.write(sheet.lines([_cells(row) for row in rows]))
        before = rows[-1].id
    await answer.write_eof()
    return answer


async def _rows(
    request: web.Request, db: AsyncSession, of: Filter, times: Times, before: int | None, limit: int
) -> Sequence[AuditRow]:
    """A company's supervisors see what was done to its data, whoever did it."""
    about: Collection[str] | None = await audit.names_of(db, of.ticket) if of.ticket else None
    since, until = times
    return await audit.listing(
        db,
        tenant=request[VIEWER].tenant,
        who=of.who or None,
        about=about,
        since=since,
        until=until,
        before=before,
        limit=limit,
    )


def _times(of: Filter) -> Times:
    """ValueError for what is no time. To the end of the minute, or of the day if there is no minute."""
    return _moment(of.since), _moment(of.until, end=True)


def _moment(text: str, *, end: bool = False) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text.replace("/", "-"))
    moment = moment.replace(tzinfo=JAPAN) if moment.tzinfo is None else moment
    return moment + (timedelta(days=1) if len(text) <= 10 else timedelta(minutes=1)) if end else moment


def _said(row: AuditRow, tickets: dict[str, str]) -> dict[str, Any]:
    shown = {
        "at": row.at,
        "who": row.who,
        "act": ACTS.get(row.what, row.what),
        "kind": KINDS.get(row.kind, row.kind),
        "about": _about(row),
        "detail": _detail(row),
        "tenant": row.tenant,
        "link": None,
    }
    if row.kind == "callback" and row.about not in WHOLES:
        shown["link"] = f"/callbacks/{row.about}"
    elif row.kind == "message" and row.about in tickets:
        shown |= {"about": tickets[row.about], "link": f"/callbacks/{tickets[row.about]}"}
    elif row.kind == "user":
        shown["link"] = f"/admin/audit?{urlencode({'ticket': row.about})}"
    return shown


def _about(row: AuditRow) -> str:
    """A list may be followed by an entry, a figure of the reports by its scope and period."""
    if row.kind == "report":
        name, *rest = row.about.split(" ")
        return " ".join(
            filter(None, (FIGURES.get(name, name), *(labels.scope_said(one) or one for one in rest)))
        )
    first, _, entry = row.about.partition(" ")
    return f"{WHOLES.get(first, first)} {entry}".rstrip()


def _detail(row: AuditRow) -> str:
    detail = row.detail or ""
    if row.kind in ("user", "token"):  # a role, or one and the next
        return " → ".join(ROLES.get(one, one) for one in detail.split(" > "))
    if row.about == "callbacks":  # which part of the list
        return SHOWN.get(detail, detail)
    act, _, stage = detail.partition(" ")
    return f"{CHANGES.get(act, act)} {words.STAGES.get(stage, stage)}".rstrip()


def _cells(row: AuditRow) -> list[str]:
    at = f"{row.at.astimezone(JAPAN):%Y/%m/%d %H:%M:%S}"
    act, kind = ACTS.get(row.what, row.what), KINDS.get(row.kind, row.kind)
    return [at, row.who, act, kind, _about(row), _detail(row), row.tenant or ""]


ROUTES = [web.get("/admin/audit", show), web.get("/admin/audit.csv", download)]
