"""The list of callbacks, one ticket, and what an agent does to it."""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service, states
from ivr.errors import Conflict
from ivr.store import callbacks as store
from ivr.web.callbacks import read
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.pages import render

PROBLEMS = {
    "changed": "先にほかの変更がありました。今の状態を確かめてから、もう一度操作してください。",
}


async def show_list(request: web.Request) -> web.Response:
    now = request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        board = await read.board(db, tenant=request[VIEWER].tenant, now=now)
    return render(request, "callbacks.html", board=board)


async def show_one(request: web.Request) -> web.Response:
    now = request.app[CLOCK].now()
    ticket = request.match_info["ticket"]
    async with request.app[STORE].read() as db:
        view = await read.one(db, ticket, tenant=request[VIEWER].tenant, now=now)
        events = await store.events(db, ticket)
    return render(
        request,
        "callback.html",
        view=view,
        events=events,
        can_finish=any(
            view.callback.state == s and "done" in after for s, after in states.TRANSITIONS.items()
        ),
        can_reopen=view.callback.state == "done",
        problem=PROBLEMS.get(request.query.get("problem", "")),
    )


async def finish(request: web.Request) -> web.Response:
    form = await request.post()
    result = str(form.get("result", "")).strip()[:200] or None
    now, who = request.app[CLOCK].now(), request[VIEWER].name
    try:
        async with request.app[STORE].write() as db:
            ticket = await _as_it_was_seen(request, db)
            await service.mark_done(db, ticket, who, result, now)
    except Conflict:
        raise _back_to_ticket(request, "changed") from None
    raise web.HTTPSeeOther("/callbacks")


async def reopen(request: web.Request) -> web.Response:
    now, who = request.app[CLOCK].now(), request[VIEWER].name
    try:
        async with request.app[STORE].write() as db:
            ticket = await _as_it_was_seen(request, db)
            await service.reopen(db, ticket, who=who, now=now)
    except Conflict:
        raise _back_to_ticket(request, "changed") from None
    raise _back_to_ticket(request)


async def _as_it_was_seen(request: web.Request, db: AsyncSession) -> str:
    """The ticket of the form; Conflict if it changed since the form was shown, NotFound past the wall."""
    row = await read.own_callback(db, request.match_info["ticket"], tenant=request[VIEWER].tenant)
    form = await request.post()
    if str(row.version) != form.get("version"):
        raise Conflict
    return row.ticket


def _back_to_ticket(request: web.Request, problem: str | None = None) -> web.HTTPSeeOther:
    query = f"?problem={problem}" if problem else ""
    return web.HTTPSeeOther(f"/callbacks/{request.match_info['ticket']}{query}")
