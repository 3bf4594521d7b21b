"""/lists: 着信規制, 発信禁止, and customers' own agents. Agents ask, supervisors approve and end."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import lists
from ivr.callbacks.lists import KINDS, Kind
from ivr.clock import JAPAN
from ivr.errors import Conflict, NotFound
from ivr.store import audit, users
from ivr.store.tables import Line
from ivr.web.callbacks.doing import Form, who_asks
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.pages import render
from ivr.web.trail import looked_at

DEDICATED = "dedicated"
TITLES: Final = {**{str(kind): word for kind, word in lists.WORDS.items()}, DEDICATED: "専任担当"}
ABOUT: Final = {
    "incoming": "承認されると、この番号からのお電話には、おつなぎできない旨のご案内だけが流れます。",
    "outgoing": "登録すると、承認の前から、この番号には発信できません。",
    DEDICATED: "次の折り返しに、専任の方の名前が付きます。お電話では、窓口の設定により、専任の方、代理の方の順に先に呼び出します。",
}
FIELDS = ("number", "reason", "until", "tenant", "agent", "deputy")


async def home(request: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/lists/incoming")


async def show(request: web.Request) -> web.Response:
    answer = await _page(request, _which(request))
    await looked_at(request, "list", _which(request), tenant=request[VIEWER].tenant, once_in=None)
    return answer


def _which(request: web.Request) -> str:
    which = request.match_info["list"]
    if which not in TITLES:
        raise NotFound(f'there is no list "{which}"')
    return which


def _kind(which: str) -> Kind:
    found = next((kind for kind in KINDS if kind == which), None)
    if found is None:
        raise NotFound(f'there is no list "{which}" of numbers')
    return found


async def _page(
    request: web.Request, which: str, problem: str | None = None, form: Form | None = None
) -> web.Response:
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        rows: Any
        if which == DEDICATED:
            rows = await lists.dedicated(db, who=who_asks(request))
        else:
            rows = await lists.listing(db, _kind(which), who=who_asks(request), now=now)
        people = [
            row for row in await users.listing(db) if row.disabled_at is None and row.tenant is not None
        ]
        tenants = sorted(set(await db.scalars(select(Line.tenant))))
    return render(
        request,
        "lists.html",
        status=409 if problem else 200,
        which=which,
        titles=TITLES,
        about=ABOUT[which],
        rows=rows,
        waiting=sum(row.approved_at is None for row in rows) if which != DEDICATED else 0,
        people=[(row.name, row.tenant) for row in people if viewer.tenant in (None, row.tenant)],
        tenants=tenants,
        problem=problem,
        given={name: form.text(name) if form else "" for name in FIELDS},
        today=now.astimezone(JAPAN).date(),
        last_day=last_day,
    )


def last_day(expires: datetime) -> str:
    return f"{(expires - timedelta(seconds=1)).astimezone(JAPAN):%Y-%m-%d}"


async def ask(request: web.Request) -> web.Response:
    """A number onto one of the lists, or an agent of a customer's own."""
    which, form, who = _which(request), Form(await request.post()), who_asks(request)
    now, tenant = request.app[CLOCK].now(), request[VIEWER].tenant or form.text("tenant")
    try:
        async with request.app[STORE].write() as db:
            if not await db.scalar(select(Line.key).where(Line.tenant == tenant).limit(1)):
                raise Conflict("契約企業を選んでください。")
            if which == DEDICATED:
                await _dedicate(db, form, tenant, request)
                about = DEDICATED
            else:
                kind, expires = _kind(which), _until(form.text("until"), now)
                about_number = {"reason": form.text("reason")[:200], "expires_at": expires}
                row = await lists.ask(
                    db,
                    kind,
                    form.text("number"),
                    tenant=tenant,
                    who=who,
                    now=now,
                    **about_number,  # type: ignore[arg-type]
                )
                about = f"{which} {row.id}"
            await audit.note(
                db, who=who.name, tenant=tenant, what="change", kind="list", about=about, at=now, detail="ask"
            )
    except Conflict as told:
        return await _page(request, which, str(told), form)
    raise web.HTTPSeeOther(f"/lists/{which}")


def _until(text: str, now: datetime) -> datetime | None:
    """The end of that day in Japan; None: for ever."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        found = datetime.combine(day, time(), JAPAN) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise Conflict("期限は、2026-11-24のように入力してください。") from None
    if found <= now:
        raise Conflict("期限は、今日か、それより後の日にしてください。")
    return found


async def _dedicate(db: AsyncSession, form: Form, tenant: str, request: web.Request) -> None:
    here = {row.name for row in await users.listing(db) if row.tenant == tenant and row.disabled_at is None}
    agent, deputy = form.text("agent"), form.text("deputy") or None
    if agent not in here or (deputy is not None and deputy not in here):
        raise Conflict("専任の方と代理の方は、この契約企業の利用者から選んでください。")
    if agent == deputy:
        raise Conflict("代理の方は、専任の方とは別の方にしてください。")
    who, now = who_asks(request), request.app[CLOCK].now()
    await lists.dedicate(db, form.text("number"), tenant=tenant, agent=agent, deputy=deputy, who=who, now=now)


async def approve(request: web.Request) -> web.Response:
    return await _decide(request, "approve")


async def end(request: web.Request) -> web.Response:
    return await _decide(request, "end")


async def _decide(request: web.Request, what: str) -> web.Response:
    """By a supervisor."""
    which, who, now = _which(request), who_asks(request), request.app[CLOCK].now()
    kind, id = _kind(which), request.match_info["id"]
    try:
        async with request.app[STORE].write() as db:
            act = lists.approve if what == "approve" else lists.end
            row = await act(db, _number(id), who=who, now=now)
            if row.kind != kind:
                raise NotFound(f"{id} is not on the list {which}")
            about = {"tenant": row.tenant, "about": f"{which} {row.id}", "detail": what}
            await audit.note(db, who=who.name, what="change", kind="list", at=now, **about)
    except Conflict as told:
        return await _page(request, which, str(told))
    raise web.HTTPSeeOther(f"/lists/{which}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise NotFound(f"there is no entry {text}")
    return int(text)


async def free(request: web.Request) -> web.Response:
    """The customer has no agent of their own any more."""
    form, who, now = Form(await request.post()), who_asks(request), request.app[CLOCK].now()
    tenant = request[VIEWER].tenant or form.text("tenant")
    try:
        async with request.app[STORE].write() as db:
            await lists.free(db, form.text("number"), tenant=tenant, who=who)
            await audit.note(
                db,
                who=who.name,
                tenant=tenant,
                what="change",
                kind="list",
                about=DEDICATED,
                at=now,
                detail="end",
            )
    except Conflict as told:
        return await _page(request, DEDICATED, str(told))
    raise web.HTTPSeeOther(f"/lists/{DEDICATED}")


ROUTES = [
    web.get("/lists", home),
    web.get("/lists/{list}", show),
    web.post("/lists/{list}", ask),
    web.post("/lists/dedicated/end", free),
    web.post("/lists/{list}/{id}/approve", approve),
    web.post("/lists/{list}/{id}/end", end),
]
