"""着信規制 and 発信禁止, numbers that are turned away or never dialled; and customers' own agents."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import lists
from ivr.callbacks.lists import Kind
from ivr.callbacks.who import Who
from ivr.errors import Conflict
from ivr.store import audit, barred
from ivr.store.tables import BarredNumber, DedicatedAgent, Line
from ivr.web.api.fields import Given, Moment, Name, Short, Time, Told, Words
from ivr.web.api.operation import Operation
from ivr.web.callbacks.actions import colleagues
from ivr.web.callbacks.doing import one_of, who_asks
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.refusals import BadRequest
from ivr.web.trail import looked_at

NO_TENANT = "is needed with a token of no company"


class BarredQuery(Given):
    kind: Kind


class Barred(Told):
    id: int
    tenant: str
    kind: Kind
    number: str
    reason: str
    asked_by: str
    asked_at: Time
    approved_by: str | None
    approved_at: Time | None
    """Null: a supervisor is to decide. `outgoing` holds all the same, `incoming` does not."""
    expires_at: Time | None
    ended_at: Time | None

    @classmethod
    def of(cls, row: BarredNumber) -> "Barred":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class NewBarred(Given):
    kind: Kind
    number: Short
    """As people write it, or E.164."""
    reason: Words
    expires_at: Moment | None = None
    """Null: never."""
    tenant: Name | None = None
    """Only with a token of no company."""


async def list_barred(request: web.Request, query: BarredQuery) -> list[Barred]:
    """What stands on one of the two lists, approved or not, the newest first."""
    now, viewer = request.app[CLOCK].now(), request[VIEWER]
    async with request.app[STORE].read() as db:
        rows = await lists.listing(db, query.kind, who=who_asks(request), now=now)
    await looked_at(request, "list", query.kind, tenant=viewer.tenant)
    return [Barred.of(row) for row in rows]


async def bar_number(request: web.Request, body: NewBarred) -> Barred:
    """Puts a number on a list. A supervisor's token approves it at once."""
    now, who, tenant = request.app[CLOCK].now(), who_asks(request), _company(request, body.tenant)
    async with request.app[STORE].write() as db:
        await _require_line(db, tenant)
        row = await lists.ask(
            db,
            body.kind,
            body.number,
            tenant=tenant,
            who=who,
            reason=body.reason,
            now=now,
            expires_at=body.expires_at,
        )
        await _note(request, db, tenant, f"{row.kind} {row.id}", "ask")
    return Barred.of(row)


def _company(request: web.Request, said: str | None) -> str:
    own = request[VIEWER].tenant
    if own is not None and said not in (None, own):
        raise Conflict("ほかの契約企業のお客様には設定できません。", id="choice")
    tenant = own or said
    if tenant is None:
        raise BadRequest(f"tenant: {NO_TENANT}", [("tenant", NO_TENANT)])
    return tenant


async def _require_line(db: AsyncSession, tenant: str) -> None:
    if not await db.scalar(select(Line.key).where(Line.tenant == tenant).limit(1)):
        raise Conflict("契約企業を選んでください。", id="choice")


async def approve_barred(request: web.Request) -> Barred:
    """Approves what an agent asked for."""
    now, entry = request.app[CLOCK].now(), int(request.match_info["entry"])
    async with request.app[STORE].write() as db:
        row = await lists.approve(db, entry, who=who_asks(request), now=now)
        await _note(request, db, row.tenant, f"{row.kind} {row.id}", "approve")
    return Barred.of(row)


async def end_barred(request: web.Request) -> Barred:
    """Takes a number off its list, or refuses what an agent asked for."""
    now, entry = request.app[CLOCK].now(), int(request.match_info["entry"])
    async with request.app[STORE].write() as db:
        row = await lists.end(db, entry, who=who_asks(request), now=now)
        await _note(request, db, row.tenant, f"{row.kind} {row.id}", "end")
    return Barred.of(row)


async def _note(request: web.Request, db: AsyncSession, tenant: str, about: str, what: str) -> None:
    now, who = request.app[CLOCK].now(), request[VIEWER].name
    await audit.note(db, who=who, tenant=tenant, what="change", kind="list", about=about, at=now, detail=what)


# -- customers' own agents -------------------------------------------------------------------


class Dedicated(Told):
    """専任担当: of the next callbacks of this customer."""

    tenant: str
    number: str
    agent: str
    deputy: str | None
    since: Time
    by: str

    @classmethod
    def of(cls, row: DedicatedAgent) -> "Dedicated":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class NewDedicated(Given):
    number: Short
    agent: Name
    deputy: Name | None = None
    """Who stands in."""
    tenant: Name | None = None
    """Only with a token of no company."""


class NoLonger(Given):
    number: Short
    tenant: Name | None = None
    """Only with a token of no company."""


async def list_dedicated(request: web.Request) -> list[Dedicated]:
    """Customers with an agent of their own."""
    async with request.app[STORE].read() as db:
        rows = await lists.dedicated(db, who=who_asks(request))
    await looked_at(request, "list", "dedicated", tenant=request[VIEWER].tenant)
    return [Dedicated.of(row) for row in rows]


async def dedicate(request: web.Request, body: NewDedicated) -> Dedicated:
    """Gives a customer an agent of their own, and takes the place of the one before."""
    now, who, tenant = request.app[CLOCK].now(), who_asks(request), _company(request, body.tenant)
    async with request.app[STORE].write() as db:
        here = await colleagues(db, tenant, Who("", tenant))
        for name in (body.agent, *([body.deputy] if body.deputy else ())):
            one_of(name, here, "専任の方と代理の方は、この契約企業の利用者から選んでください。")
        if body.agent == body.deputy:
            raise Conflict("代理の方は、専任の方とは別の方にしてください。", id="choice")
        await lists.dedicate(
            db, body.number, tenant=tenant, agent=body.agent, deputy=body.deputy, who=who, now=now
        )
        await _note(request, db, tenant, "dedicated", "ask")
        number = lists.known(body.number)
        found = await barred.dedicated(db, tenant, number)
        assert found is not None
    return Dedicated.of(found)


async def end_dedicated(request: web.Request, body: NoLonger) -> None:
    """The customer has no agent of their own any more."""
    who, tenant = who_asks(request), _company(request, body.tenant)
    async with request.app[STORE].write() as db:
        await lists.free(db, lists.known(body.number), tenant=tenant, who=who)
        await _note(request, db, tenant, "dedicated", "end")


OPERATIONS = [
    Operation("GET", "/api/v1/barred", list_barred, "lists"),
    Operation("POST", "/api/v1/barred", bar_number, "lists", status=201, conflicts=True),
    Operation(
        "POST", "/api/v1/barred/{entry}/approve", approve_barred, "lists", manages=True, conflicts=True
    ),
    Operation("POST", "/api/v1/barred/{entry}/end", end_barred, "lists", manages=True),
    Operation("GET", "/api/v1/dedicated", list_dedicated, "lists"),
    Operation("PUT", "/api/v1/dedicated", dedicate, "lists", manages=True, conflicts=True),
    Operation(
        "POST", "/api/v1/dedicated/end", end_dedicated, "lists", manages=True, conflicts=True, missing=True
    ),
]
