"""The console: filters, the list, and one ticket beside it; the list as a file."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import results, states
from ivr.clock import JAPAN
from ivr.store import audit, callbacks
from ivr.store.tables import CallbackEvent
from ivr.web import sheet, words
from ivr.web.callbacks import filters, inbox, stream, ticket
from ivr.web.callbacks.filters import Filter
from ivr.web.callbacks.inbox import Counts, Entry
from ivr.web.keys import CLOCK, STORE, TEMPLATES, VIEWER
from ivr.web.pages import html, render

FRESH: Final = 10  # seconds for which a list may be shown again, whatever happened that is not in its version
MANY_ROWS: Final = 5000
ONCE = web.AppKey("once", inbox.Once)
ROWS: web.AppKey[dict[Hashable, Markup]] = web.AppKey("rows")  # as they are shown


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows as they are shown, and what is to be known of them. `next`: the first that somebody could work on."""

    rows: str
    count: int  # of what was looked for, or is to do
    more: bool
    tickets: Sequence[str]
    workable: str | None
    own: dict[str, str]  # agent -> the first of theirs that is to be worked on now

    def shown(self, chosen: str) -> Markup:
        """The rows are one piece of text for all consoles; which one is chosen is put in here."""
        link = f'id="link-{chosen}"'
        return Markup(self.rows.replace(link, f'{link} aria-current="true"', 1))


async def show_list(request: web.Request) -> web.Response:
    """With the next thing to do beside it; who has room for that is noted when live.js keeps it fresh."""
    async with request.app[STORE].read() as db:
        board = await _board(request, db)
        chosen = _next(board["listed"], board["owed"], request[VIEWER].name)
        values = await ticket.values(request, db, chosen) if chosen else {}
    answer = render(request, "console.html", **board, **values, chosen=chosen, pane="list")
    return await ticket.list_shown(request, answer, board["of"].show)


async def show_one(request: web.Request) -> web.Response:
    """`?part=ticket`: its pane alone, for a page that keeps itself fresh."""
    await ticket.notice_opened(request)
    part = request.query.get("part") == "ticket"
    async with request.app[STORE].read() as db:
        values = await ticket.values(request, db, request.match_info["ticket"])
        board = {"owed": await _owed(request, db)} if part else await _board(request, db)
    row, status = values["view"].callback, 409 if values["failed"] else 200
    page = {} if part else {"chosen": row.ticket, "pane": "ticket"}
    template = "console_part.html" if part else "console.html"
    return await ticket.shown(
        request, render(request, template, status=status, **board, **values, **page), row
    )


async def show_part(request: web.Request) -> web.Response:
    """Filters and list, for a page that keeps itself fresh."""
    async with request.app[STORE].read() as db:
        board = await _board(request, db)
    chosen = request.query.get("chosen", "")
    return render(request, "console_list.html", **board, chosen=chosen if chosen.isalnum() else "")


async def _owed(request: web.Request, db: AsyncSession) -> Sequence[str]:
    """Tickets of which the person has not said how the call went."""
    theirs = await callbacks.owed(db, tenant=request[VIEWER].tenant)
    return theirs.get(request[VIEWER].name, ())


async def _board(request: web.Request, db: AsyncSession) -> dict[str, Any]:
    viewer, now, once = request[VIEWER], request.app[CLOCK].now(), request.app[ONCE]
    of = filters.read(request.query)
    state = (viewer.tenant, await inbox.version(db), int(now.timestamp()) // FRESH)
    counts = await once.of(("counts", state), lambda: inbox.counts(db, viewer.tenant, now))
    names = await once.of(("lines", state), lambda: inbox.line_names(db, viewer.tenant))
    key = ("list", state, of, viewer.name if of.personal else None)
    listed = await once.of(key, lambda: _listed(request, db, of, names, now))
    theirs = await once.of(("owed", state), lambda: callbacks.owed(db, tenant=viewer.tenant))
    return {
        "of": of,
        "counts": counts,
        "lines": names,
        "listed": listed,
        "owed": theirs.get(viewer.name, ()),
        "filters": filters,
        "facets": _facets(counts, names),
    }


async def _listed(
    request: web.Request, db: AsyncSession, of: Filter, names: dict[str, str], now: datetime
) -> Listed:
    viewer = request[VIEWER]
    found = await inbox.find(db, of, tenant=viewer.tenant, name=viewer.name, now=now)
    own: dict[str, str] = {}
    for entry in found.todo:
        row = entry.row
        if row.agent and row.state in ("claimed", "working") and (row.next_at is None or row.next_at <= now):
            own.setdefault(row.agent, row.ticket)
    rows = html(request, "console_rows.html", found=found, over=of.over, row=_Row(request, of, names, now))
    return Listed(
        rows=rows,
        count=len(found.todo) + (len(found.handled) if of.q or of.over else 0),
        more=found.more,
        tickets=[entry.row.ticket for entry in (*found.todo, *found.handled)],
        workable=next((entry.row.ticket for entry in found.todo if entry.workable(now)), None),
        own=own,
    )


class _Row:
    """Makes one row; that of a callback nothing happened to is made once for a while."""

    def __init__(self, request: web.Request, of: Filter, names: dict[str, str], now: datetime) -> None:
        self._kept = request.app[ROWS]
        self._about = (int(now.timestamp()) // FRESH, of, len(names) > 1)
        template = request.app[TEMPLATES].get_template("console_row.html")
        module: Any = template.make_module(
            {
                "of": of,
                "several_lines": len(names) > 1,
                "moment": partial(words.moment, now=now),
                "time_left": partial(words.time_left, now=now),
            }
        )
        self._make = module.row

    def __call__(self, entry: Entry) -> Markup:
        key = (entry.look, *self._about)
        made = self._kept.get(key)
        if made is None:
            if len(self._kept) >= MANY_ROWS:
                self._kept.clear()
            made = self._kept[key] = Markup(self._make(entry))
        return made


def _next(listed: Listed, owed: Sequence[str], name: str) -> str | None:
    """A result is told first; then what is begun is gone on with, unless something more urgent waits."""
    wanted = {*owed} & {*listed.tickets} or {listed.workable, listed.own.get(name)} - {None}
    first = next((one for one in listed.tickets if one in wanted), None)
    return first or next(iter(listed.tickets), None)


def _facets(counts: Counts, names: dict[str, str]) -> dict[str, list[tuple[str, str, int]]]:
    """Name -> (value, as it is shown, how many), of those that have a choice."""
    said: dict[str, dict[str, str]] = {
        "line": names,
        "branch": {filters.NO_BRANCH: "振り分け待ち"},
        "state": {str(state): word for state, word in states.WORDS.items()},
        "cause": words.CAUSES,
    }
    return {
        name: [(value, said[name].get(value, value), count) for value, count in counts.facets[name]]
        for name in filters.FACETS
        if name != "line" or len(names) > 1
    }


# -- the list as a file ---------------------------------------------------------------------------

COLUMNS: Final = (
    "受付番号", "状態", "期限", "優先度", "お名前", "会社名", "電話番号", "宛先", "担当", "理由", "ご用件", "お問い合わせ回数", "架電回数",
    "次回", "希望時間帯", "折り返し", "目印", "結果", "結果のメモ", "メモ", "窓口", "メニュー", "受付日時", "対応日時",
)  # fmt: skip


async def download(request: web.Request) -> web.StreamResponse:
    """CSV in UTF-8 with a BOM, for spreadsheets; that it was taken is noted before the first row leaves."""
    now, viewer = request.app[CLOCK].now(), request[VIEWER]
    of = filters.read(request.query)
    async with request.app[STORE].write() as db:
        about = {"kind": "list", "about": "callbacks", "tenant": viewer.tenant, "detail": of.show}
        await audit.note(db, who=viewer.name, what="download", at=now, **about)  # type: ignore[arg-type]
    name = f"callbacks-{now.astimezone(JAPAN):%Y%m%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    answer = web.StreamResponse(headers=headers)
    answer.content_type, answer.charset = "text/csv", "utf-8"
    await answer.prepare(request)
    await answer.write(sheet.BOM + sheet.lines([COLUMNS]))
    async with request.app[STORE].read() as db:
        async for entries in inbox.every(db, of, tenant=viewer.tenant, name=viewer.name, now=now):
            memos = await inbox.memos(db, [entry.row.ticket for entry in entries])
            cells = [_cells(entry, memos.get(entry.row.ticket, ())) for entry in entries]
            await answer.write(sheet.lines(cells))
    await answer.write_eof()
    return answer


def _cells(entry: Entry, memos: Sequence[CallbackEvent]) -> list[str]:
    row = entry.row
    marks = (
        ("要注意", row.careful),
        ("クレーム", row.complaint),
        ("結果未記録", entry.owed),
        ("解決の期限超過", entry.unsolved),
    )
    flags = [word for word, on in marks if on]
    memo = "\n".join(f"{_time(one.at)} {one.who}：{one.why}" for one in memos if one.why)
    wanted = {None: "", True: "要", False: "不要"}[row.reply_wanted]
    named: dict[Any, str] = {**states.WORDS, **words.PRIORITIES, **results.WORDS}
    return [
        row.ticket, named.get(row.state, row.state), _time(row.due_at), named.get(row.priority, row.priority),
        row.name or "", row.company or "", words.phone(row.number, row.withheld), row.addressee or "", row.agent or "",
        words.CAUSES.get(row.cause, row.cause), row.text or "", str(row.contacts), str(row.attempts), _time(row.next_at),
        row.preferred_time or "", wanted, "・".join(flags), named.get(row.outcome, ""), row.result or "", memo,
        row.line_name, row.branch or "", _time(row.created_at), _time(row.done_at),
    ]  # fmt: skip


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(JAPAN):%Y/%m/%d %H:%M}"


ROUTES: Final = [
    web.get("/callbacks", show_list),
    web.get("/callbacks.csv", download),
    web.get("/callbacks/list", show_part),
    web.get("/callbacks/stream", stream.follow),
    web.get("/callbacks/{ticket}", show_one),
]
