"""着信規制 and 発信禁止: numbers that are turned away, and numbers that are never dialled."""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import lists
from ivr.callbacks.lists import Kind
from ivr.store import audit
from ivr.store.tables import BarredNumber
from ivr.web.api.fields import Given, Moment, Name, Short, Time, Told, Words
from ivr.web.api.operation import Operation
from ivr.web.api.trail import looked_at
from ivr.web.callbacks.doing import who_asks
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.refusals import BadRequest

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
    await looked_at(request, "list", query.kind, viewer.tenant)
    return [Barred.of(row) for row in rows]


async def bar_number(request: web.Request, body: NewBarred) -> Barred:
    """Puts a number on a list. A supervisor's token approves it at once."""
    now, who = request.app[CLOCK].now(), who_asks(request)
    tenant = body.tenant or who.tenant
    if tenant is None:
        raise BadRequest(f"tenant: {NO_TENANT}", [("tenant", NO_TENANT)])
    async with request.app[STORE].write() as db:
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
        await _note(request, db, row, "ask")
    return Barred.of(row)


async def approve_barred(request: web.Request) -> Barred:
    """Approves what an agent asked for."""
    now, entry = request.app[CLOCK].now(), int(request.match_info["entry"])
    async with request.app[STORE].write() as db:
        row = await lists.approve(db, entry, who=who_asks(request), now=now)
        await _note(request, db, row, "approve")
    return Barred.of(row)


async def end_barred(request: web.Request) -> Barred:
    """Takes a number off its list, or refuses what an agent asked for."""
    now, entry = request.app[CLOCK].now(), int(request.match_info["entry"])
    async with request.app[STORE].write() as db:
        row = await lists.end(db, entry, who=who_asks(request), now=now)
        await _note(request, db, row, "end")
    return Barred.of(row)


async def _note(request: web.Request, db: AsyncSession, row: BarredNumber, what: str) -> None:
    now, who = request.app[CLOCK].now(), request[VIEWER].name
    about = {"who": who, "tenant": row.tenant, "about": str(row.id)}
    await audit.note(db, **about, what="change", kind="list", at=now, detail=f"{what} {row.kind}")


OPERATIONS = [
    Operation("GET", "/api/v1/barred", list_barred, "lists", manages=True),
    Operation("POST", "/api/v1/barred", bar_number, "lists", status=201, conflicts=True),
    Operation(
        "POST", "/api/v1/barred/{entry}/approve", approve_barred, "lists", manages=True, conflicts=True
    ),
    Operation("POST", "/api/v1/barred/{entry}/end", end_barred, "lists", manages=True),
]
