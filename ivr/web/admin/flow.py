"""The live flow of a line as a picture, with the callers of a period on it, and what surveys said."""

import asyncio
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup

from ivr.dialplan import draw
from ivr.dialplan.pick import beginning, zone_of
from ivr.errors import DialplanError
from ivr.lines import LiveLine
from ivr.store import calls
from ivr.traffic import Traffic, count, grades
from ivr.web.admin.lines import the_line
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK, STORE

TAB = "/flow"
PERIODS = (("today", "今日"), ("yesterday", "昨日から"), ("7d", "7日間"), ("30d", "30日間"))
MOST = 20_000  # calls; the newest, for the page must not keep others waiting


async def show(request: web.Request) -> web.Response:
    """`since` (and `until`): one of PERIODS, or dates as a browser's form sends them."""
    line = await the_line(request)
    live = await asyncio.to_thread(LiveLine.read, line.key, line.source)
    zone = zone_of(live.dialplan)
    wrong = None
    try:
        since, until = _period(request, zone)
    except DialplanError:
        wrong = "期間を読み取れませんでした。7日間を表示しています。"
        since, until = beginning("7d", request.app[CLOCK].now(), zone), request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        passages = await calls.passages(db, line.key, since, until, newest=MOST, gone_on=True)
        answers = await calls.answers(db, line.key, since, until, newest=MOST)
    traffic = await asyncio.to_thread(count, live.dialplan, passages)
    picture = await asyncio.to_thread(draw.svg, live.dialplan, *traffic.labels())
    return render_line(
        request,
        "admin/flow.html",
        line,
        TAB,
        picture=Markup(picture),
        traffic=traffic,
        rows=_rows(live, traffic),
        surveys=grades(answers),
        periods=PERIODS,
        chosen=request.query.get("since", "7d"),
        since=since.astimezone(zone),
        until=until.astimezone(zone),
        most=MOST if len(passages) == MOST else None,
        wrong=wrong,
    )


def _period(request: web.Request, zone: ZoneInfo) -> tuple[datetime, datetime]:
    now = request.app[CLOCK].now()
    since = beginning(request.query.get("since") or "7d", now, zone)
    until = beginning(request.query["until"], now, zone) if request.query.get("until") else now
    if since >= until:
        raise DialplanError("the period is empty")
    return since, until


def _rows(live: LiveLine, traffic: Traffic) -> list[dict[str, Any]]:
    """The picture in words, for those who cannot see it."""
    return [
        {
            "step": name,
            "type": draw.TYPES.get(step.type, step.type),
            "calls": traffic.visited.get(name, 0),
            "left": traffic.left.get(name, 0),
            "seconds": traffic.seconds.get(name),
            "ways": [
                (draw.label(way) or "次へ", target, traffic.ways.get((name, target), 0))
                for way, target in step.exits().items()
            ],
        }
        for name, step in live.dialplan.steps.items()
    ]
