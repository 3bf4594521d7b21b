"""Messages in which nobody spoke (silence, tones, music, fax): counted, heard, and made messages after all."""

from aiohttp import web

from ivr.errors import Conflict
from ivr.messages import promote as promoting
from ivr.store import messages
from ivr.wake import wake
from ivr.web.keys import CLOCK, LINES, SETTINGS, STORE, VIEWER
from ivr.web.pages import render

SHOWN = 200
PROBLEM = "いまは移せません。すでに移されたか、録音が削除されています。"


async def show(request: web.Request) -> web.Response:
    tenant = request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        counts = await messages.silent_kinds(db, tenant)
        rows = await messages.listing(db, limit=SHOWN, state="silent", tenant=tenant)
    problem = PROBLEM if "problem" in request.query else None
    return render(request, "silent.html", counts=counts, rows=rows, problem=problem)


async def promote(request: web.Request) -> web.Response:
    """Leads to the callback that it has now."""
    app, lines = request.app, request.app[LINES]
    await lines.reload(app[STORE])
    message_id, tenant = request.match_info["id"], request[VIEWER].tenant
    try:
        ticket = await promoting.promote(app[STORE], lines, message_id, app[CLOCK].now(), tenant=tenant)
    except Conflict:
        raise web.HTTPSeeOther("/silent?problem=1") from None
    wake(app[SETTINGS].run, "jobs")
    raise web.HTTPSeeOther(f"/callbacks/{ticket}")
