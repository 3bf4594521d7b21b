"""A year of a line's hours with the reason of each day, and the next seven days as callers will hear them."""

import asyncio
from datetime import datetime

from aiohttp import web
from markupsafe import Markup

from ivr import year
from ivr.dialplan.pick import zone_of
from ivr.errors import CalendarError, DialplanError
from ivr.lines import LiveLine
from ivr.web.admin.lines import fresh_lines, the_line
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK

TAB = "/calendar"
DAYS = 7


async def show(request: web.Request) -> web.Response:
    """`hours`: one of the line's, the first if there is no such; `year`: this one if it is none."""
    line = await the_line(request)
    live = await asyncio.to_thread(LiveLine.read, line.key, line.source)
    names = list(live.dialplan.hours)
    if not names:
        return render_line(request, "admin/calendar.html", line, TAB, hours=None, names=[])
    hours = request.query.get("hours", "")
    hours = hours if hours in names else names[0]
    now = request.app[CLOCK].now().astimezone(zone_of(live.dialplan))
    which, wrong = _year(request, now)
    try:
        _, rows = await asyncio.to_thread(year.rows, live.dialplan, hours, which)
    except (CalendarError, DialplanError):
        which, wrong = now.year, "その年の営業日は表示できません。今年を表示しています。"
        _, rows = await asyncio.to_thread(year.rows, live.dialplan, hours, which)
    calendar = (await fresh_lines(request)).calendar(line.key, hours)
    return render_line(
        request,
        "admin/calendar.html",
        line,
        TAB,
        names=names,
        hours=hours,
        year=which,
        wrong=wrong,
        picture=Markup(year.picture(f"{line.name} {which}年（{hours}）", rows)),
        special=[row for row in rows if row.kind not in ("open", "weekend")],
        weekdays=year.WEEKDAYS,
        marks=year.MARKS,
        ahead=year.ahead(calendar, now.date(), DAYS, now) if calendar else [],
    )


def _year(request: web.Request, now: datetime) -> tuple[int, str | None]:
    text = request.query.get("year", "")
    if not text:
        return now.year, None
    if not (text.isascii() and text.isdecimal() and len(text) == 4):
        return now.year, "年は西暦4桁で入力してください。今年を表示しています。"
    return int(text), None
