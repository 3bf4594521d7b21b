"""/supervise: what only a supervisor decides, and many callbacks given to somebody at once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service, supervising
from ivr.callbacks.states import CLOSED, STATES, WORDS
from ivr.errors import Conflict, NotFound
from ivr.store import audit, callbacks, users
from ivr.store.tables import CallbackRow
from ivr.web.admin.lines import fresh_lines
from ivr.web.callbacks.doing import Form, who_asks
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.managing import for_supervisors, own_lines
from ivr.web.pages import render
from ivr.web.trail import looked_at

ROOM = 200  # callbacks on the page; "all of the list" means all that there are, up to MOST
MOST = 1000
OPEN = tuple(state for state in STATES if state not in CLOSED)
NOBODY = "-"  # in an address: callbacks that no agent has


@dataclass(frozen=True, slots=True)
class Filter:
    line: str = ""
    agent: str = ""
    state: str = ""
    late: str = ""

    @property
    def address(self) -> str:
        given = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}
        return f"/supervise?{urlencode(given)}" if given else "/supervise"

    def where(self, tenant: str | None, now: datetime) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [CallbackRow.state.in_(OPEN)]
        if tenant is not None:
            found.append(CallbackRow.tenant == tenant)
        if self.line:
            found.append(CallbackRow.line == self.line)
        if self.state:
            found.append(CallbackRow.state == self.state)
        if self.agent:
            found.append(
                CallbackRow.agent.is_(None) if self.agent == NOBODY else CallbackRow.agent == self.agent
            )
        if self.late:
            found += [CallbackRow.due_at < now, CallbackRow.begun_at.is_(None)]
        return found


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one ticket; `why` None: it was done."""

    ticket: str
    why: str | None = None


def _filter(given: Any) -> Filter:
    found = Filter(*(str(given.get(name, ""))[:64] for name in Filter.__slots__))
    return Filter(found.line, found.agent, found.state if found.state in OPEN else "", found.late)


@for_supervisors
async def show(request: web.Request) -> web.Response:
    answer = await _page(request, _filter(request.query))
    await looked_at(request, "list", "supervise", tenant=request[VIEWER].tenant, once_in=None)
    return answer


async def _page(
    request: web.Request, of: Filter, told: Sequence[Told] = (), *, to: str = "", status: int = 200
) -> web.Response:
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    lines = own_lines(request, await fresh_lines(request))
    mine = of.where(viewer.tenant, now)
    every = Filter().where(viewer.tenant, now)
    async with request.app[STORE].read() as db:
        rows = await _rows(db, mine, ROOM)
        count = await db.scalar(select(func.count()).select_from(CallbackRow).where(*mine)) or 0
        undecided = await _rows(db, [*every, CallbackRow.exhausted_at.is_not(None)], ROOM)
        complaints = await _rows(db, [*every, CallbackRow.complaint.is_(True)], ROOM)
        busy = select(CallbackRow.agent, func.count()).where(*every, CallbackRow.agent.is_not(None))
        agents = [(name, held) for name, held in await db.execute(busy.group_by(CallbackRow.agent))]
        people = await _people(db, viewer.tenant)
    return render(
        request,
        "supervise.html",
        status=status,
        filter=of,
        rows=rows,
        count=count,
        most=MOST,
        undecided=undecided,
        complaints=complaints,
        agents=sorted(agents),
        people=people,
        lines=lines,
        open_states={state: WORDS[state] for state in OPEN},
        nobody=NOBODY,
        told=told,
        to=to,
        now=now,
    )


async def _rows(db: AsyncSession, where: Sequence[ColumnElement[bool]], limit: int) -> Sequence[CallbackRow]:
    """What is due first comes first."""
    order = (CallbackRow.due_at.is_(None), CallbackRow.due_at, CallbackRow.created_at, CallbackRow.ticket)
    return (await db.scalars(select(CallbackRow).where(*where).order_by(*order).limit(limit))).all()


async def _people(db: AsyncSession, tenant: str | None) -> list[tuple[str, str | None]]:
    """Name and company of who may be given a callback; without a company: who sees them all."""
    found = [row for row in await users.listing(db, tenant=tenant) if row.disabled_at is None]
    return [(row.name, row.tenant) for row in found]


@for_supervisors
async def assign(request: web.Request) -> web.Response:
    """Each ticket in a transaction of its own: one that cannot be given away holds up no other."""
    form, viewer, now = Form(await request.post()), request[VIEWER], request.app[CLOCK].now()
    of, to = _filter(await request.post()), form.text("to")
    tickets = form.every("ticket")[:MOST]
    async with request.app[STORE].read() as db:
        companies = dict(await _people(db, viewer.tenant))
        if form.text("all"):
            tickets = [row.ticket for row in await _rows(db, of.where(viewer.tenant, now), MOST)]
    if to not in companies:
        return await _page(request, of, [Told("", "担当する方を選んでください。")], status=409)
    if not tickets:
        return await _page(request, of, [Told("", "折り返しを選んでください。")], to=to, status=409)
    told = [await _given(request, ticket, to, companies[to]) for ticket in tickets]
    return await _page(request, of, told, to=to)


async def _given(request: web.Request, ticket: str, to: str, company: str | None) -> Told:
    who, now = who_asks(request), request.app[CLOCK].now()
    try:
        async with request.app[STORE].write() as db:
            row = await service.own(db, ticket, who)
            if company not in (row.tenant, who.tenant):
                raise Conflict("担当する方と契約企業が違います。")
            if row.agent == to:
                raise Conflict(f"すでに{to}さんの担当です。")
            await service.assign(db, ticket, to=to, who=who, until=now + service.LEASE, now=now)
            await _note(db, row, who.name, "assign", now)
    except Conflict as told:
        return Told(ticket, str(told))
    except NotFound:
        return Told(ticket, "見つかりません。")
    return Told(ticket)


async def _note(db: AsyncSession, row: CallbackRow, who: str, detail: str, at: datetime) -> None:
    about = {"tenant": row.tenant, "kind": "callback", "about": row.ticket, "detail": detail}
    await audit.note(db, who=who, what="change", at=at, **about)  # type: ignore[arg-type]


Act = Callable[[AsyncSession, str, Form, Any, datetime], Awaitable[Any]]


async def _give_up(db: AsyncSession, ticket: str, form: Form, who: Any, now: datetime) -> None:
    why = form.text("why")
    if not why:
        raise Conflict("連絡不能とする理由を入力してください。")
    await service.give_up(db, ticket, who=who, why=why, now=now)


async def _once_more(db: AsyncSession, ticket: str, form: Form, who: Any, now: datetime) -> None:
    number = form.text("number") or None
    await supervising.once_more(db, ticket, who=who, now=now, why=form.text("why"), number=number)


async def _close(db: AsyncSession, ticket: str, form: Form, who: Any, now: datetime) -> None:
    await service.close(db, ticket, who=who, note=form.text("note"), now=now)


def _decision(name: str, act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    @for_supervisors
    async def handle(request: web.Request) -> web.Response:
        ticket, who, now = request.match_info["ticket"], who_asks(request), request.app[CLOCK].now()
        form = Form(await request.post())
        try:
            async with request.app[STORE].write() as db:
                row = await callbacks.get(db, ticket, tenant=who.tenant, to_change=True)
                if str(row.version) != form.text("version"):
                    raise Conflict(
                        "先にほかの変更がありました。今の状態を確かめてから、もう一度操作してください。"
                    )
                await act(db, row.ticket, form, who, now)
                await _note(db, row, who.name, name, now)
        except Conflict as told:
            return await _page(request, Filter(), [Told(ticket, str(told))], status=409)
        raise web.HTTPSeeOther("/supervise")

    return handle


async def back(request: web.Request) -> web.Response:
    """Who loads the answer to a form again."""
    raise web.HTTPSeeOther("/supervise")


ROUTES = [
    web.get("/supervise", show),
    web.post("/supervise/assign", assign),
    web.get("/supervise/assign", back),
    web.post("/supervise/{ticket}/give-up", _decision("give-up", _give_up)),
    web.post("/supervise/{ticket}/once-more", _decision("once-more", _once_more)),
    web.post("/supervise/{ticket}/close", _decision("done", _close)),
]
