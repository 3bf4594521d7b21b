"""What the handlers find on the application and on a request."""

from dataclasses import dataclass

import jinja2
from aiohttp import web

from ivr.clock import Clock
from ivr.lines import Lines
from ivr.settings import Settings
from ivr.store.database import Store
from ivr.store.tables import AgentRow
from ivr.web.auth.session import Session

STORE = web.AppKey("store", Store)
SETTINGS = web.AppKey("settings", Settings)
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
SESSION_KEY = web.AppKey("session_key", bytes)
TEMPLATES = web.AppKey("templates", jinja2.Environment)
LINES = web.AppKey("lines", Lines)  # the live lines, read anew by who needs them


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a user of the pages or a program with a token. Tenant None sees every tenant."""

    name: str
    tenant: str | None
    role: str = "agent"
    has_factor: bool = False

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def manages(self) -> bool:
        """Sees the pages of lines; what only admins may do there is refused to the others."""
        return self.role in ("supervisor", "admin")


# Matched path, such as "/admin/lines/{key}/check" -> bytes that its form may have instead of the usual 64 kB.
FORM_LIMITS: web.AppKey[dict[str, int]] = web.AppKey("form_limits")
# Matched paths below /admin/ that supervisors may use; the others are for admins.
FOR_SUPERVISORS: web.AppKey[frozenset[str]] = web.AppKey("for_supervisors")
# Matched paths that need no login; the others lead to it.
PUBLIC: web.AppKey[frozenset[str]] = web.AppKey("public")
# Those of them whose form comes back with what was typed when it was sent too late; STALE tells the handler.
RENEWS: web.AppKey[frozenset[str]] = web.AppKey("renews")
STALE = web.RequestKey("stale", bool)
VIEWER = web.RequestKey("viewer", Viewer)
# The telephone of the user: the agent of the same name, if there is one.
SEAT = web.RequestKey("seat", AgentRow)
SESSION = web.RequestKey("session", Session)
