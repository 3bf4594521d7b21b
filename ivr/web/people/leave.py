"""The end of a shift: what somebody still holds is handed over or freed, and then he or she is logged out."""

import logging
from datetime import datetime

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr import accounts
from ivr.callbacks import service, states
from ivr.callbacks.who import Who
from ivr.errors import Conflict, NotFound
from ivr.queues import hands
from ivr.store import audit
from ivr.store import callbacks as store
from ivr.store.tables import CallbackRow
from ivr.wake import wake
from ivr.web.auth import session
from ivr.web.callbacks.actions import colleagues, require_colleague
from ivr.web.callbacks.doing import who_asks
from ivr.web.callbacks.stream import WATCH
from ivr.web.keys import CLOCK, SEAT, SESSION, SETTINGS, STORE, VIEWER
from ivr.web.pages import render

log = logging.getLogger("ivr.web.people")

ROOM = 200  # tickets that are shown
DONE = {"offered": "引き継ぎを依頼しました。", "freed": "未対応に戻しました。"}


async def logout(request: web.Request) -> web.Response:
    """Who still holds tickets is asked first what is to become of them."""
    if VIEWER in request:
        async with request.app[STORE].read() as db:
            if await _left_over(db, request[VIEWER].name):
                raise web.HTTPSeeOther("/leave")
    return await _out(request)


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def offer(request: web.Request) -> web.Response:
    """引き継ぎ, with a memo; it stays one's own until the other accepts it."""
    form = await request.post()
    to, memo = str(form.get("to", "")), str(form.get("memo", ""))[:2000]
    who, now = who_asks(request), request.app[CLOCK].now()
    try:
        async with request.app[STORE].write() as db:
            held = await _own(request, db)
            await require_colleague(db, held.tenant, who, to)
            row = await service.offer(db, held.ticket, to=to, who=who, memo=memo, now=now)
            await _note(db, row, who, "offer", now)
    except Conflict as told:
        typed = {"ticket": request.match_info["ticket"], "to": to, "memo": memo}
        return await _page(request, str(told), typed)
    raise web.HTTPSeeOther("/leave?done=offered")


async def free(request: web.Request) -> web.Response:
    who, now = who_asks(request), request.app[CLOCK].now()
    try:
        async with request.app[STORE].write() as db:
            await _give_back(db, (await _own(request, db)).ticket, who, now)
    except Conflict as told:
        return await _page(request, str(told))
    raise web.HTTPSeeOther("/leave?done=freed")


async def leave(request: web.Request) -> web.Response:
    """All that is not handed over is freed, at once, and then the page and the telephone are left."""
    form, who, now = await request.post(), who_asks(request), request.app[CLOCK].now()
    try:
        async with request.app[STORE].write() as db:
            for row in await _held(db, who.name, limit=None):
                if row.offered_to is None:
                    await _give_back(db, row.ticket, who, now)
            if "away" in form and SEAT in request:
                await hands.set_state(db, request[SEAT].name, "away", "勤務終了", now)
    except Conflict as told:
        return await _page(request, str(told))
    for process in hands.WOKEN:
        wake(request.app[SETTINGS].run, process)
    log.info("somebody left", extra={"user": who.name})
    return await _out(request)


async def _give_back(db: AsyncSession, ticket: str, who: Who, now: datetime) -> None:
    row = await store.get(db, ticket, tenant=who.tenant, to_change=True)
    if row.state in states.ON_THE_LINE:
        raise Conflict(
            f"受付 {row.ticket} は、発信中か通話中です。結果を記録してから、もう一度操作してください。"
        )
    await _note(db, await service.give_back(db, ticket, who=who, now=now), who, "give-back", now)


async def _note(db: AsyncSession, row: CallbackRow, who: Who, detail: str, now: datetime) -> None:
    facts = {"who": who.name, "tenant": row.tenant, "what": "change", "about": row.ticket}
    await audit.note(db, **facts, kind="callback", at=now, detail=detail)


async def _out(request: web.Request) -> web.Response:
    if VIEWER in request:
        async with request.app[STORE].write() as db:
            user = await accounts.one(db, request[VIEWER].name, tenant=None)
            await accounts.note(db, user, "logout", user.name, request.app[CLOCK].now())
    request.app[WATCH].log_out(request[SESSION])
    answer = web.Response(status=303, headers={"Location": "/login"})
    answer.del_cookie(session.COOKIE, path="/")
    return answer


async def _held(db: AsyncSession, name: str, limit: int | None = ROOM) -> list[CallbackRow]:
    mine = (CallbackRow.agent == name, CallbackRow.state.not_in(states.CLOSED))
    query = select(CallbackRow).where(*mine).order_by(CallbackRow.due_at, CallbackRow.ticket).limit(limit)
    return list((await db.scalars(query)).all())


async def _left_over(db: AsyncSession, name: str) -> int:
    """What is neither done nor offered to somebody."""
    query = select(func.count()).where(CallbackRow.agent == name, CallbackRow.offered_to.is_(None))
    return await db.scalar(query.where(CallbackRow.state.not_in(states.CLOSED))) or 0


async def _own(request: web.Request, db: AsyncSession) -> CallbackRow:
    """The callback of the address, to be changed; NotFound unless who asks holds it."""
    viewer = request[VIEWER]
    row = await store.get(db, request.match_info["ticket"], tenant=viewer.tenant, to_change=True)
    if row.agent != viewer.name:
        raise NotFound(f"callback {row.ticket} is not held by who asks")
    return row


async def _page(request: web.Request, problem: str = "", typed: dict[str, str] | None = None) -> web.Response:
    async with request.app[STORE].read() as db:
        rows = await _held(db, request[VIEWER].name)
        tenants = {row.tenant for row in rows}
        others = {tenant: await colleagues(db, tenant, who_asks(request)) for tenant in tenants}
        owed = (await store.owed(db, tenant=request[VIEWER].tenant)).get(request[VIEWER].name, ())
    return render(
        request,
        "people/leave.html",
        status=409 if problem else 200,
        rows=rows,
        on_the_line=[row for row in rows if row.state in states.ON_THE_LINE],
        left=sum(row.offered_to is None for row in rows),
        colleagues=others,
        owed=[ticket for ticket in owed if ticket not in {row.ticket for row in rows}],
        typed=typed or {},
        problem=problem,
        done=DONE.get(request.query.get("done", "")) if not problem else None,
    )


ROUTES = [
    web.post("/logout", logout),
    web.get("/leave", show),
    web.post("/leave", leave),
    web.post("/leave/{ticket}/offer", offer),
    web.post("/leave/{ticket}/free", free),
]
