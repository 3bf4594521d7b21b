"""Callbacks, to be read."""

from datetime import datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.call import Cause
from ivr.callbacks.states import CLOSED, State
from ivr.errors import NotFound
from ivr.store import callbacks, search
from ivr.store.tables import CallbackRow, CallbackText
from ivr.web.api import read
from ivr.web.api.fields import NO_NUL, Count, Flag, Given, Key, Moment, Name, Ticket
from ivr.web.api.operation import Operation
from ivr.web.api.shapes import Callback, CallbackFull, Priority
from ivr.web.callbacks import filters
from ivr.web.callbacks.filters import Filter, Show
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.refusals import BadRequest
from ivr.web.trail import looked_at

Looked = Annotated[str, Field(min_length=1, max_length=filters.LONGEST, pattern=NO_NUL)]


class CallbackQuery(Given):
    limit: Count = 100
    after: Ticket | None = None
    """The `ticket` of the last one that was given before."""
    line: Key | None = None
    state: State | None = None
    show: Show | None = None
    """A view of the console: `mine` and `handed` are of who the token is named after."""
    q: Looked | None = None
    """What is looked for in all that is known of it, as the console does: any part, in any form of writing."""
    branch: Key | None = None
    """The step that the caller's last menu key led to; `-`: none, 振り分け待ち."""
    cause: Cause | Literal["answered", "informed", "abandoned", "silent"] | None = None
    """Why nobody had answered; of a call that nothing stood in the way of, its outcome."""
    priority: Priority | None = None
    agent: Name | None = None
    number: Annotated[str, Field(pattern=r"^\+[0-9]{2,15}$")] | None = None
    """E.164."""
    complaint: Flag | None = None
    careful: Flag | None = None
    since: Moment | None = None
    """Those that came in then or later."""
    until: Moment | None = None
    """Those that came in before."""


def no_such_row(after: str, name: str) -> BadRequest:
    told = f'there is none; give the "{name}" of the last row that you were given'
    return BadRequest(f"after={after}: {told}", [("after", told)])


def _where(db: AsyncSession, query: CallbackQuery, name: str, now: datetime) -> list[ColumnElement[bool]]:
    row = CallbackRow
    narrowed = Filter(branch=query.branch or "", cause=query.cause or "")
    found = filters.facets(narrowed)
    if query.show is not None:
        left = row.state.in_(CLOSED if query.show == "handled" else filters.LEFT)
        found += [left, *filters.shown(query.show, name, now)]
    if query.q is not None:
        found.append(row.ticket.in_(select(CallbackText.ticket).where(search.holds(db, query.q))))
    for column in (row.priority, row.agent, row.number, row.complaint, row.careful):
        wanted = getattr(query, column.key)
        if wanted is not None:
            found.append(column == wanted)
    if query.since is not None:
        found.append(row.created_at >= query.since)
    if query.until is not None:
        found.append(row.created_at < query.until)
    return found


async def list_callbacks(request: web.Request, query: CallbackQuery) -> list[Callback]:
    """Callbacks: what is due first comes first, then what arrived first."""
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        if query.after is not None:
            try:
                await callbacks.get(db, query.after, tenant=viewer.tenant)
            except NotFound:
                raise no_such_row(query.after, "ticket") from None
        rows = await callbacks.listing(
            db,
            limit=query.limit,
            after=query.after,
            line=query.line,
            state=query.state,
            tenant=viewer.tenant,
            where=_where(db, query, viewer.name, now),
        )
        told = await read.all_of(db, rows)
    await looked_at(request, "callback", "list", tenant=viewer.tenant)
    return told


async def get_callback(request: web.Request) -> CallbackFull:
    """One callback with who asked for it, its history, its dials and its ETag."""
    async with request.app[STORE].read() as db:
        row = await callbacks.get(db, request.match_info["ticket"], tenant=request[VIEWER].tenant)
        told = await read.whole(db, row)
    await looked_at(request, "callback", row.ticket, tenant=row.tenant)
    return told


OPERATIONS = [
    Operation("GET", "/api/v1/callbacks", list_callbacks, "callbacks"),
    Operation("GET", "/api/v1/callbacks/{ticket}", get_callback, "callbacks"),
]
