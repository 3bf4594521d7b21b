"""What the handlers find on the application and on a request."""

from dataclasses import dataclass

import jinja2
from aiohttp import web

from ivr.clock import Clock
from ivr.settings import Settings
from ivr.store.database import Store
from ivr.web.auth.lockout import Lockout
from ivr.web.auth.session import Session

STORE = web.AppKey("store", Store)
SETTINGS = web.AppKey("settings", Settings)
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
SESSION_KEY = web.AppKey("session_key", bytes)
TEMPLATES = web.AppKey("templates", jinja2.Environment)
LOCKOUT = web.AppKey("lockout", Lockout)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a user of the pages or a program with a token. Tenant None sees every tenant."""

    name: str
    tenant: str | None


VIEWER = web.RequestKey("viewer", Viewer)
SESSION = web.RequestKey("session", Session)
