"""受付可, 離席, 後処理: set from the bar of every page."""

from aiohttp import web

from ivr.errors import Conflict, NotFound
from ivr.queues import hands
from ivr.store import agents
from ivr.store.agents import State
from ivr.wake import wake
from ivr.web.auth.views import inside
from ivr.web.keys import CLOCK, SEAT, SETTINGS, STORE
from ivr.web.pages import render
from ivr.web.people.seat import REASONS

_WANTED: dict[str, tuple[State, str | None]] = {
    "available": ("available", None),
    **{f"away:{reason}": ("away", reason) for reason in REASONS},
}


async def show(request: web.Request) -> web.Response:
    """Only the control, for a script that keeps it true."""
    _telephone(request)
    return render(request, "people/state.html")


async def change(request: web.Request) -> web.Response:
    """Answers a script with the control as it is now, a plain form with the page that it was sent from."""
    name, form = _telephone(request), await request.post()
    wanted = _WANTED.get(str(form.get("state", "")))
    if wanted is None:
        raise web.HTTPBadRequest
    now = request.app[CLOCK].now()
    try:
        async with request.app[STORE].write() as db:
            await hands.set_state(db, name, *wanted, now)
    except Conflict:
        pass  # a call has come meanwhile: the control shows it
    else:
        for process in hands.WOKEN:
            wake(request.app[SETTINGS].run, process)
    if request.headers.get("X-Part") != "state":
        raise web.HTTPSeeOther(inside(str(form.get("next", ""))))
    async with request.app[STORE].read() as db:
        request[SEAT] = await agents.get(db, name)
    return render(request, "people/state.html")


def _telephone(request: web.Request) -> str:
    if SEAT not in request:
        raise NotFound("the user has no telephone")
    return request[SEAT].name


ROUTES = [web.get("/me/state", show), web.post("/me/state", change)]
