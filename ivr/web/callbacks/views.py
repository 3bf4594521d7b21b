"""The list of callbacks, one ticket, and what an agent does to it."""

import logging
import re

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import asking, service, states
from ivr.callbacks.who import Who
from ivr.errors import Conflict, NotFound, StoreError
from ivr.messages.transcription import seconds_left
from ivr.store import callbacks as store
from ivr.store import deliveries, stages
from ivr.wake import wake
from ivr.web.callbacks import read
from ivr.web.callbacks.heard import heard
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER
from ivr.web.pages import render

log = logging.getLogger("ivr.web")

PROBLEMS = {
    "not_again": "いまはやり直せません。処理の途中か、もとの録音や文字がありません。",
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
        ticket = view.callback.ticket
        events = await store.events(db, ticket)
        contacts = await read.contacts_of(db, view.callback)
        others = await asking.others(db, view.callback)
        several = len(request.app[SETTINGS].transcriber)
        text_in = await seconds_left(db, view.message, several) if view.message else None
    await _seen(request, ticket)
    async with request.app[STORE].read() as db:
        notices = await deliveries.of_subject(db, ticket)
    return render(
        request,
        "callback.html",
        view=view,
        events=events,
        contacts=contacts,
        others=others,
        text_in=text_in,
        heard=heard(view.message) if view.message else None,
        notices=notices,
        can_finish=any(
            view.callback.state == s and "done" in after for s, after in states.TRANSITIONS.items()
        ),
        can_reopen=view.callback.state == "done",
        problem=PROBLEMS.get(request.query.get("problem", "")),
    )


async def _seen(request: web.Request, ticket: str) -> None:
    """The link of a notice was opened, by somebody who may see the callback. The page does not depend on it."""
    notice = request.query.get("notice", "")
    if not re.fullmatch(r"[0-9]{1,9}", notice):
        return
    try:
        async with request.app[STORE].write() as db:
            await deliveries.seen(db, int(notice), ticket, request.app[CLOCK].now())
    except StoreError:
        log.exception("it was not noted that a notice was seen")


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
