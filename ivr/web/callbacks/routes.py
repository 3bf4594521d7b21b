"""Where the forms of a ticket lead."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from ivr.errors import Conflict
from ivr.store import callbacks as store
from ivr.web.callbacks import actions, message, views
from ivr.web.callbacks.doing import Act, NotDone, do, still_working, who_asks
from ivr.web.callbacks.ticket import FAILED
from ivr.web.keys import CLOCK, STORE, VIEWER

ONE = "/callbacks/{ticket}"
TOLD = "text/plain"  # what ticket.js accepts of a claim: who loses is told, and no page is made for it


def _form(name: str, act: Act, *, seen: bool) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await do(request, name, act, seen=seen)
        except NotDone as told:
            if request.headers.get("Accept") == TOLD:
                return web.Response(text=told.failed.why, status=409)
            # The ticket as it is now, with why and with what had been typed.
            request[FAILED] = told.failed
            return await views.show_one(request)

    return handle


async def active(request: web.Request) -> web.Response:
    """What ticket.js says while somebody types or listens; 409 with who has the ticket by now."""
    ticket, who = request.match_info["ticket"], who_asks(request)
    async with request.app[STORE].read() as db:
        row = await store.get(db, ticket, tenant=request[VIEWER].tenant)
    try:
        await still_working(request.app[STORE], row.ticket, who, request.app[CLOCK].now())
    except Conflict as told:
        return web.Response(text=str(told), status=409)
    return web.Response(status=204)


async def back(request: web.Request) -> web.Response:
    """Who loads the answer to a form again."""
    raise web.HTTPSeeOther(f"/callbacks/{request.match_info['ticket']}")


_SEEN, _UNSEEN = {**actions.SEEN, **message.SEEN}, {**actions.UNSEEN, **message.UNSEEN}
ROUTES = [
    *(web.post(f"{ONE}/{name}", _form(name, act, seen=True)) for name, act in _SEEN.items()),
    *(web.post(f"{ONE}/{name}", _form(name, act, seen=False)) for name, act in _UNSEEN.items()),
    *(web.get(f"{ONE}/{name}", back) for name in (*_SEEN, *_UNSEEN)),
    web.post(f"{ONE}/active", active),
]
