"""What stands before every request of the API: who asks, and how a failure is told."""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from ivr.errors import CalendarError, ClosingError, Conflict, NotFound, StoreError
from ivr.store import tokens
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER, Viewer
from ivr.web.refusals import BadRequest, Forbidden, Gone, NotDialled, unexpected

log = logging.getLogger("ivr.web.api")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

DOCUMENT = "/api/v1/openapi.json"  # for everybody: it tells no secret
RECORDING = "/api/v1/recordings/{id}"  # for transcribers alone

TOKEN_NEEDED = 'send "Authorization: Bearer TOKEN"; "ivr token NAME" prints one'
KEY_NEEDED = 'send "Authorization: Bearer KEY" with the key of IVR_TRANSCRIBER_KEY'

# Ids of conflicts -> what each means; `said` beside it has the words of the pages.
CONFLICTS = {
    "agent_busy": "the telephone of the agent is in use",
    "conflict": "it is not possible now",
    "changed": "somebody changed it first; look at it again and decide anew",
    "calendar": "no calendar knows this time",
    "choice": "this is none of those that can be chosen",
    "closing": "the line cannot be closed so",
    "contacts": "at least one contact must go, and at least one must stay",
    "email": "this is no mail address",
    "held": "another agent has this callback, and the lease runs",
    "key_reused": "this Idempotency-Key was used for something else before",
    "next_needed": "say when the customer hears of it next: next_at",
    "not_answered": "this result answers nobody, so the callback stays open",
    "not_dialled": "the guard at the dial refuses",
    "note": "say how it was solved without a call",
    "not_yours": "claim the callback first",
    "number": "nobody in Japan can be rung at this number",
    "other_line": "callbacks of two lines cannot be one",
    "reason": "say why",
    "state": "the state that it is in does not allow this",
    "talking": "the agent talks to a caller; wait until the call has ended",
    "telephone": "no telephone of this agent is known",
    "undo": "this cannot be taken back (any more)",
}


async def program(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else ""
        if path == RECORDING:
            if not _is_transcriber(request):
                return _unauthorized(KEY_NEEDED)
        elif path != DOCUMENT:
            viewer = await _bearer(request)
            if viewer is None:
                return _unauthorized(TOKEN_NEEDED)
            request[VIEWER] = viewer
        return await handler(request)
    except Exception as error:
        return _told(error)


async def _bearer(request: web.Request) -> Viewer | None:
    token = _given(request)
    if not token:
        return None
    store, now = request.app[STORE], request.app[CLOCK].now()
    async with store.read() as db:
        row = await tokens.find(db, token, now)
    if row is None:
        return None
    if row.used_at is None or now - row.used_at >= tokens.USE_NOTED:
        try:
            async with store.write() as db:
                await tokens.used(db, row, now)
        except StoreError:
            log.exception("it was not noted that a token was used")
    return Viewer(row.name, row.tenant, row.role)


def _is_transcriber(request: web.Request) -> bool:
    key = request.app[SETTINGS].transcriber_key
    return bool(key) and hmac.compare_digest(_given(request).encode("utf-8", "surrogateescape"), key.encode())


def _given(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorized(detail: str) -> web.Response:
    answer = problem(401, "unauthorized", detail)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _told(error: Exception) -> web.StreamResponse:
    match error:
        case BadRequest():
            fields = [{"where": where, "problem": what} for where, what in error.fields]
            return problem(400, "bad_request", error.detail, **({"fields": fields} if fields else {}))
        case Forbidden():
            return problem(403, "forbidden", str(error))
        case NotFound():
            return problem(404, "not_found", str(error))
        case Conflict():
            return _conflict(error)
        case ClosingError():
            return problem(409, "closing", str(error))
        case CalendarError():
            return problem(409, "calendar", str(error))
        case Gone():
            return problem(410, "gone", "it was deleted", said=error.said)
        case web.HTTPException():
            return _http(error)
        case ConnectionError():  # who asked has gone
            return problem(400, "bad_request", "the connection was lost")
    status = unexpected(error)
    return problem(
        status, "unavailable" if status == 503 else "internal", "try again later; the log says more"
    )


def _conflict(error: Conflict) -> web.Response:
    if error.id == "supervisor":
        return problem(403, "forbidden", "this needs a token of a supervisor", said=str(error))
    more = {"refused": error.code, "may_insist": error.may_insist} if isinstance(error, NotDialled) else {}
    id = error.id if error.id in CONFLICTS else "conflict"
    return problem(409, id, CONFLICTS[id], said=str(error), **more)


def _http(error: web.HTTPException) -> web.StreamResponse:
    if error.status < 400:
        raise error
    detail = f"there is nothing at this address; see {DOCUMENT}" if error.status == 404 else error.reason
    answer = problem(error.status, HTTPStatus(error.status).phrase.lower().replace(" ", "_"), detail)
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


def problem(status: int, error: str, detail: str, **more: Any) -> web.Response:
    """`Problem` of ivr/web/api/document.py."""
    text = json.dumps({"status": status, "error": error, "detail": detail, **more}, ensure_ascii=False)
    return web.json_response(text=text, status=status)
