"""Callbacks, to be read."""

from aiohttp import web

from ivr.callbacks.states import State
from ivr.errors import NotFound
from ivr.store import callbacks
from ivr.web.api import read
from ivr.web.api.fields import Count, Given, Key, Ticket
from ivr.web.api.operation import Operation
from ivr.web.api.shapes import Callback, CallbackFull
from ivr.web.api.trail import looked_at
from ivr.web.keys import STORE, VIEWER
from ivr.web.refusals import BadRequest


class CallbackQuery(Given):
    limit: Count = 100
    after: Ticket | None = None
    """The `ticket` of the last one that was given before."""
    line: Key | None = None
    state: State | None = None


def no_such_row(after: str, name: str) -> BadRequest:
    told = f'there is none; give the "{name}" of the last row that you were given'
    return BadRequest(f"after={after}: {told}", [("after", told)])


async def list_callbacks(request: web.Request, query: CallbackQuery) -> list[Callback]:
    """Callbacks: what is due first comes first, then what arrived first."""
    tenant = request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        if query.after is not None:
            try:
                await callbacks.get(db, query.after, tenant=tenant)
            except NotFound:
                raise no_such_row(query.after, "ticket") from None
        rows = await callbacks.listing(
            db, limit=query.limit, after=query.after, line=query.line, state=query.state, tenant=tenant
        )
        told = await read.all_of(db, rows)
    await looked_at(request, "callback", "list", tenant)
    return told


async def get_callback(request: web.Request) -> CallbackFull:
    """One callback with who asked for it, its history, its dials and its ETag."""
    async with request.app[STORE].read() as db:
        row = await callbacks.get(db, request.match_info["ticket"], tenant=request[VIEWER].tenant)
        told = await read.whole(db, row)
    await looked_at(request, "callback", row.ticket, row.tenant)
    return told


OPERATIONS = [
    Operation("GET", "/api/v1/callbacks", list_callbacks, "callbacks"),
    Operation("GET", "/api/v1/callbacks/{ticket}", get_callback, "callbacks"),
]
