"""臨時休業: a line closed now until a moment because of something, in one action; and opened again."""

import asyncio
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from ivr import closings
from ivr.dialplan.greeting import closed_greeting
from ivr.dialplan.pick import moment
from ivr.errors import ClosingError, DialplanError, NotFound
from ivr.hours.calendar import Calendar
from ivr.hours.closings import Closing
from ivr.lines import LiveLine
from ivr.store import closures
from ivr.web.admin.lines import fresh_lines, the_line
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER

TAB = "/closing"
REASONS = ("台風", "大雪", "停電", "設備の点検", "システム障害", "社内行事")
UNTIL = (
    ("today", "今日の終わりまで"),
    ("moment", "日時を指定"),
    ("open-ended", "開けるまで（終わりを決めない）"),
)
NO_HOURS = "この窓口のコールフローは営業時間を確かめないため、臨時休業にできません。"


class BadMoment(ClosingError):
    """Japanese, for the page."""


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def close(request: web.Request) -> web.Response:
    """Takes effect for the next call; what cannot be said or has passed comes back with the form."""
    line = await the_line(request)
    form = await request.post()
    given = {name: str(form.get(name, "")) for name in ("reason", "begins", "until", "ends")}
    now, viewer = request.app[CLOCK].now(), request[VIEWER]
    try:
        live = closings.closable(await fresh_lines(request), line.key)
        begins = _begins(given, live, now)
        ends = _ends(given, live, begins)
        if ends is not None and ends <= now:
            raise BadMoment("終わりの日時が過ぎています。")
        async with request.app[STORE].write() as db:
            await closings.close_line(
                db, line.key, begins, ends, given["reason"], viewer.name, now, viewer.tenant
            )
    except (ClosingError, NotFound) as error:
        return await _page(request, given, status=422, notice=_said(error, given["reason"].strip()))
    closings.announce(request.app[SETTINGS].run)
    raise web.HTTPSeeOther(f"/admin/lines/{line.key}{TAB}")


def _said(error: Exception, reason: str) -> str:
    """What of the form must be written in another way."""
    if not reason:
        return "理由を入力してください。お客様にお伝えする言葉です。"
    if len(reason) > closings.LONGEST_REASON:
        return f"理由は{closings.LONGEST_REASON}文字までで入力してください。"
    if isinstance(error, BadMoment):
        return str(error)
    if isinstance(error, NotFound):
        return "この窓口は公開されていません。"
    return "この理由は読み上げられません。記号や絵文字を除いて、言葉で入力してください。"


async def reopen(request: web.Request) -> web.Response:
    """Ends the one of the form; ending what is over does nothing."""
    line = await the_line(request)
    text = str((await request.post()).get("closure", ""))
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
    now, viewer = request.app[CLOCK].now(), request[VIEWER]
    if number is not None:
        async with request.app[STORE].write() as db:
            await closings.reopen_line(db, line.key, viewer.name, now, only=number, tenant=viewer.tenant)
        closings.announce(request.app[SETTINGS].run)
    raise web.HTTPSeeOther(f"/admin/lines/{line.key}{TAB}")


async def _page(
    request: web.Request, given: dict[str, str] | None = None, *, status: int = 200, notice: str | None = None
) -> web.Response:
    line = await the_line(request)
    now = request.app[CLOCK].now()
    try:
        live = closings.closable(await fresh_lines(request), line.key)
    except (ClosingError, NotFound):
        return render_line(request, "admin/closing.html", line, TAB, status=status, impossible=NO_HOURS)
    async with request.app[STORE].read() as db:
        rows = await closures.listing(db, now, line=line.key, tenant=request[VIEWER].tenant)
    zone = closings.zone(live)
    heard = await asyncio.to_thread(_heard, live, now)
    return render_line(
        request,
        "admin/closing.html",
        line,
        TAB,
        status=status,
        impossible=None,
        notice=notice,
        given=given or {"reason": "", "begins": "", "until": "today", "ends": ""},
        reasons=REASONS,
        choices=UNTIL,
        rows=[_row(row, now, zone) for row in rows],
        heard=heard,
    )


def _row(row: Any, now: datetime, zone: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "stands": row.begins_at <= now,
        "begins": row.begins_at.astimezone(zone),
        "ends": row.ends_at.astimezone(zone) if row.ends_at else None,
        "reason": row.reason,
        "by": row.by,
    }


def _heard(live: LiveLine, now: datetime) -> str:
    """What a caller would hear if the line were closed at once, to be read before it is done."""
    example = Closing(now, closings.end_of_day(live, now.astimezone(closings.zone(live)).date()), "○○")
    model = next(iter(live.dialplan.hours.values()))
    return closed_greeting(Calendar(model, [example]), now)


def _moment(text: str, live: LiveLine, what: str) -> datetime:
    try:
        return moment(unicodedata.normalize("NFKC", text), closings.zone(live))
    except DialplanError:
        raise BadMoment(f"{what}を読み取れませんでした。") from None


def _begins(given: dict[str, str], live: LiveLine, now: datetime) -> datetime:
    """The minute that a clock shows has begun already; another day is a slip."""
    if not given["begins"].strip():
        return now
    begins = _moment(given["begins"], live, "開始の日時")
    if begins < now - timedelta(hours=1):
        raise BadMoment("開始の日時が過ぎています。今すぐ休業にするときは、空欄にしてください。")
    return max(begins, now)


def _ends(given: dict[str, str], live: LiveLine, begins: datetime) -> datetime | None:
    if given["until"] != "moment":
        return closings.read_until("open-ended" if given["until"] == "open-ended" else "today", live, begins)
    if not given["ends"].strip():
        raise BadMoment("終わりの日時を入力してください。")
    ends = _moment(given["ends"], live, "終わりの日時")
    if ends <= begins:
        raise BadMoment("終わりの日時が、開始より前になっています。")
    return ends
