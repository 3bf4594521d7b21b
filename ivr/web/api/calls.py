"""Calls, to be read."""

from aiohttp import web

from ivr.call import Outcome
from ivr.errors import NotFound
from ivr.store import calls
from ivr.web.api.callbacks import no_such_row
from ivr.web.api.fields import Count, Given, Key
from ivr.web.api.operation import Operation
from ivr.web.api.shapes import Call
from ivr.web.keys import STORE, VIEWER
from ivr.web.trail import looked_at


class CallQuery(Given):
    limit: Count = 100
    after: Key | None = None
    """The `id` of the last one that was given before."""
    line: Key | None = None
    state: Outcome | None = None
    """Its outcome."""


async def list_calls(request: web.Request, query: CallQuery) -> list[Call]:
    """Calls, the newest first."""
    tenant = request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        if query.after is not None:
            last = await calls.get(db, query.after)
            if last is None or tenant not in (None, last.tenant):
                raise no_such_row(query.after, "id")
        rows = await calls.listing(
            db, limit=query.limit, after=query.after, line=query.line, outcome=query.state, tenant=tenant
        )
    await looked_at(request, "call", "list", tenant=tenant)
    return [Call.of(row) for row in rows]


async def get_call(request: web.Request) -> Call:
    """One call."""
    call_id, tenant = request.match_info["call"], request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        row = await calls.get(db, call_id)
    if row is None or tenant not in (None, row.tenant):
        raise NotFound(f"there is no call {call_id}")
    await looked_at(request, "call", row.id, tenant=row.tenant)
    return Call.of(row)


OPERATIONS = [
    Operation("GET", "/api/v1/calls", list_calls, "calls"),
    Operation("GET", "/api/v1/calls/{call}", get_call, "calls"),
]
