"""Publishing from a page: the jobs process is asked, and the page waits for what it says."""

import asyncio
import logging
import re
from datetime import timedelta

from aiohttp import web

from ivr import editing, wake
from ivr.errors import NotFound
from ivr.store import orders
from ivr.store.dialplans import LiveLine
from ivr.store.tables import Order
from ivr.web.admin import read
from ivr.web.admin.lines import the_line
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER

log = logging.getLogger("ivr.web.admin")

AT_ONCE = 15  # looks at the order before the page is shown all the same
LOOK_EVERY = 0.1  # seconds
SLOW = timedelta(seconds=60)
_OF_A_FILE = re.compile(r"\S+\.yaml:\d+:\d+: ")


async def ask(request: web.Request, line: LiveLine, why: str | None) -> web.HTTPSeeOther:
    """Orders that the files go live; what to raise, so that the browser sees how it went."""
    settings, by = request.app[SETTINGS], request[VIEWER].name
    async with request.app[STORE].write() as db:
        data = {"by": by, "why": why, "line": line.key}
        order = await orders.put(db, "jobs", "publish", data, request.app[CLOCK].now())
    wake.wake(settings.run, "jobs")
    log.info("a dialplan was saved on a page", extra={"line": line.key, "by": by})
    return web.HTTPSeeOther(f"/admin/lines/{line.key}/orders/{order}")


async def show(request: web.Request) -> web.Response:
    """Without JavaScript: an answer soon, and a page that asks again while there is none."""
    line = await the_line(request)
    order = await _ended(request, line)
    line = await the_line(request)  # as it is after the order
    async with request.app[STORE].read() as db:
        live = await editing.version_files(db, line.key, line.hash)
    refused = refused_here(request, line, order.error or "")
    answer = render_line(
        request,
        "admin/order.html",
        line,
        "/edit",
        waiting=order.done_at is None,
        slow=request.app[CLOCK].now() - order.created_at > SLOW,
        live=not refused and await asyncio.to_thread(read.is_on_disk, request.app[SETTINGS], live),
        refused=refused,
    )
    if order.done_at is None:
        answer.headers["Refresh"] = "1"
    return answer


async def _ended(request: web.Request, line: LiveLine) -> Order:
    """The order of the address, done if that does not take long; NotFound if it is not of this line."""
    number = request.match_info["order"]
    looks = 0
    while True:
        async with request.app[STORE].read() as db:
            order = await orders.get(db, int(number)) if re.fullmatch(r"[0-9]{1,9}", number) else None
        if order is None or order.kind != "publish" or order.data.get("line") != line.key:
            raise NotFound(f"there is no order {number}")
        looks += 1
        if order.done_at is not None or looks == AT_ONCE:
            return order
        await asyncio.sleep(LOOK_EVERY)


def refused_here(request: web.Request, line: LiveLine, error: str) -> list[str]:
    """Of what was refused, what concerns this line: files of others are nobody's business here."""
    own = read.own_files(request.app[SETTINGS], line.key)
    return [said for said in error.splitlines() if said.startswith(own) or not _OF_A_FILE.match(said)]
