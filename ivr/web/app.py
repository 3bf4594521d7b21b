"""Builds the web application: pages for agents, the API for programs, health for watchers."""

from pathlib import Path

from aiohttp import web

from ivr.clock import Clock
from ivr.lines import Lines
from ivr.settings import Settings
from ivr.store.database import Store
from ivr.web import guard, health, keys, metrics, pages, silent
from ivr.web.admin.routes import FOR_SUPERVISORS, FORM_LIMITS, ROUTES
from ivr.web.api import routes as api
from ivr.web.audio import message_heard, message_original, message_playback
from ivr.web.auth import views as auth
from ivr.web.auth import way_back
from ivr.web.callbacks import inbox, stream
from ivr.web.callbacks import routes as ticket_routes
from ivr.web.callbacks import views as callbacks
from ivr.web.lists import views as lists
from ivr.web.live import views as live
from ivr.web.people import routes as people
from ivr.web.proxy import seen_through
from ivr.web.reports import views as reports
from ivr.web.request import door
from ivr.web.request import views as request_form
from ivr.web.supervise import views as supervise

BIGGEST_FORM = 64 * 1024  # bytes


def build_app(store: Store, settings: Settings, clock: Clock, *, session_key: bytes) -> web.Application:
    """`session_key`: at least 32 random bytes, the same at every start, or everybody is logged out."""
    if len(session_key) < 32:
        raise ValueError("the session key must have 32 bytes or more")
    app = web.Application(middlewares=[seen_through, guard.admit], client_max_size=BIGGEST_FORM)
    app[keys.STORE] = store
    app[keys.SETTINGS] = settings
    app[keys.CLOCK] = clock
    app[keys.SESSION_KEY] = session_key
    app[keys.TEMPLATES] = pages.environment()
    app[keys.LINES] = Lines()
    app[keys.FORM_LIMITS] = FORM_LIMITS
    app[keys.FOR_SUPERVISORS] = FOR_SUPERVISORS | people.FOR_SUPERVISORS
    app[keys.PUBLIC] = auth.PUBLIC | way_back.PUBLIC | request_form.PUBLIC
    app[keys.RENEWS] = request_form.RENEWS
    app[door.DOOR] = door.opened(store, clock)
    app[callbacks.ONCE] = inbox.Once()
    app[callbacks.ROWS] = {}
    stream.set_up(app)
    app.on_response_prepare.append(guard.add_headers)
    app.router.add_static("/static/", Path(__file__).parent / "static")
    app.add_routes(
        [
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/metrics", metrics.metrics),
            web.get("/", _home),
            *auth.ROUTES,
            *way_back.ROUTES,
            *request_form.ROUTES,
            *people.ROUTES,
            *callbacks.ROUTES,
            *ticket_routes.ROUTES,
            *ROUTES,
            *live.ROUTES,
            *reports.ROUTES,
            *supervise.ROUTES,
            *lists.ROUTES,
            web.get("/silent", silent.show),
            web.post("/silent/{id}/promote", silent.promote),
            web.get("/messages/{id}/audio", message_playback),
            web.post("/messages/{id}/heard", message_heard),
            web.get("/messages/{id}/original", message_original),
            *api.ROUTES,
        ]
    )
    return app


async def _home(request: web.Request) -> web.Response:
    raise web.HTTPSeeOther(auth.HOME)
