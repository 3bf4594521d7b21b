"""What an agent does to a ticket."""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.who import Who
from ivr.errors import Conflict, NotFound
from ivr.store import stages
from ivr.wake import wake
from ivr.web.callbacks import read
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER

PROBLEMS = {
    "not_again": "いまはやり直せません。処理の途中か、もとの録音や文字がありません。",
    "changed": "先にほかの変更がありました。今の状態を確かめてから、もう一度操作してください。",
}


async def finish(request: web.Request) -> web.Response:
    form = await request.post()
    result = str(form.get("result", "")).strip()[:200] or None
    now, who = request.app[CLOCK].now(), who_asks(request)
    try:
        async with request.app[STORE].write() as db:
            ticket = await as_it_was_seen(request, db)
            await service.close(db, ticket, who=who, now=now, note=result)
    except Conflict:
        raise back_to_ticket(request, "changed") from None
    raise web.HTTPSeeOther("/callbacks")


async def reopen(request: web.Request) -> web.Response:
    now, who = request.app[CLOCK].now(), who_asks(request)
    try:
        async with request.app[STORE].write() as db:
            ticket = await as_it_was_seen(request, db)
            await service.reopen(db, ticket, who=who, now=now)
    except Conflict:
        raise back_to_ticket(request, "changed") from None
    raise back_to_ticket(request)


async def run_again(request: web.Request) -> web.Response:
    """A stage of its message that is over."""
    form = await request.post()
    stage = next((one for one in stages.STAGES if one == form.get("stage")), None)
    now, tenant = request.app[CLOCK].now(), request[VIEWER].tenant
    async with request.app[STORE].write() as db:
        row = await read.own_callback(db, request.match_info["ticket"], tenant=tenant)
        if stage is None or row.message_id is None:
            raise NotFound(f"callback {row.ticket} has nothing to do again")
        begun = await stages.again(db, stage, row.message_id, now)
    if begun:
        wake(request.app[SETTINGS].run, "jobs")
    raise back_to_ticket(request, None if begun else "not_again")


def who_asks(request: web.Request) -> Who:
    viewer = request[VIEWER]
    return Who(viewer.name, viewer.tenant, supervisor=viewer.role in ("supervisor", "admin"))


async def as_it_was_seen(request: web.Request, db: AsyncSession) -> str:
    """The ticket of the form; Conflict if it changed since the form was shown, NotFound past the wall."""
    row = await read.own_callback(db, request.match_info["ticket"], tenant=request[VIEWER].tenant)
    form = await request.post()
    if str(row.version) != form.get("version"):
        raise Conflict
    return row.ticket


def back_to_ticket(request: web.Request, problem: str | None = None) -> web.HTTPSeeOther:
    query = f"?problem={problem}" if problem else ""
    return web.HTTPSeeOther(f"/callbacks/{request.match_info['ticket']}{query}")


ROUTES = [
    web.post("/callbacks/{ticket}/done", finish),
    web.post("/callbacks/{ticket}/reopen", reopen),
    web.post("/callbacks/{ticket}/run", run_again),
]
