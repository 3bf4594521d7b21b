"""What stands before every handler: who asks, may they, and how a failure is told."""

import hmac
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from ivr.errors import IvrError, NotFound
from ivr.store import tokens, users
from ivr.web.auth import session
from ivr.web.auth.views import set_session
from ivr.web.keys import (
    CLOCK,
    FOR_SUPERVISORS,
    FORM_LIMITS,
    SESSION,
    SESSION_KEY,
    SETTINGS,
    STORE,
    VIEWER,
    Viewer,
)
from ivr.web.pages import POLICY, problem

log = logging.getLogger("ivr.web")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
OPEN = ("/healthz", "/readyz")  # no login, no session
RECORDING = "/api/v1/recordings/{id}"  # for transcribers alone
ADMIN = "/admin/"  # all below it needs a role


class BadRequest(Exception):
    """`detail` says what to do."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Gone(Exception):
    """It was deleted; `said` tells when and why, in Japanese."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets in who may come in: everything needs a login or a token unless it is named here."""
    if request.path in OPEN or request.path.startswith("/static/"):
        return await handler(request)
    if request.path.startswith("/api/"):
        return await _program(request, handler)
    return await _person(request, handler)


async def _program(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        resource = request.match_info.route.resource
        if resource is not None and resource.canonical == RECORDING:
            if not _is_transcriber(request):
                return _unauthorized('send "Authorization: Bearer KEY" with the key of IVR_TRANSCRIBER_KEY')
            return await handler(request)
        viewer = await _bearer(request)
        if viewer is None:
            return _unauthorized('send "Authorization: Bearer TOKEN"; "ivr token NAME" prints one')
        request[VIEWER] = viewer
        return await handler(request)
    except BadRequest as error:
        return _json(400, "bad_request", error.detail)
    except NotFound as error:
        return _json(404, "not_found", str(error))
    except Gone as error:
        return _json(410, "gone", error.said)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        detail = (
            "there is nothing at this address; see /api/v1/callbacks" if error.status == 404 else error.reason
        )
        answer = _json(error.status, HTTPStatus(error.status).phrase.lower().replace(" ", "_"), detail)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception as error:
        status = _unexpected(error)
        return _json(
            status, "unavailable" if status == 503 else "internal", "try again later; the log says more"
        )


async def _bearer(request: web.Request) -> Viewer | None:
    token = _given(request)
    if not token:
        return None
    async with request.app[STORE].read() as db:
        row = await tokens.find(db, token)
    return Viewer(row.name, row.tenant) if row else None


def _is_transcriber(request: web.Request) -> bool:
    key = request.app[SETTINGS].transcriber_key
    return bool(key) and hmac.compare_digest(_given(request).encode("utf-8", "surrogateescape"), key.encode())


def _given(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorized(detail: str) -> web.Response:
    answer = _json(401, "unauthorized", detail)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _json(status: int, error: str, detail: str) -> web.Response:
    return web.json_response({"error": error, "detail": detail}, status=status)


async def _person(request: web.Request, handler: Handler) -> web.StreamResponse:
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical in request.app[FORM_LIMITS]:
        request = request.clone(client_max_size=request.app[FORM_LIMITS][resource.canonical])
    request[SESSION] = session.new(request.app[CLOCK].now())  # nobody's, until the cookie says more
    try:
        answer = await _page(request, handler)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = problem(request, error.status, *_told(error.status))
    except NotFound:
        answer = problem(request, 404, *_told(404))
    except Gone as error:
        answer = problem(request, 410, "削除されています", error.said)
    except Exception as error:
        status = _unexpected(error)
        answer = problem(request, status, *_told(status))
    return answer


def _may(request: web.Request) -> bool:
    resource, viewer = request.match_info.route.resource, request[VIEWER]
    path = resource.canonical if resource is not None else ""
    return viewer.is_admin or (viewer.manages and path in request.app[FOR_SUPERVISORS])


async def _page(request: web.Request, handler: Handler) -> web.StreamResponse:
    given = session.unseal(
        request.cookies.get(session.COOKIE, ""), request.app[SESSION_KEY], request.app[CLOCK].now()
    )
    if given is not None:
        request[SESSION] = given
        await _recognise(request, given)
    if request.path != "/login" and VIEWER not in request:
        # a form that was sent too late cannot be sent again from here, so it leads to the list
        back = request.path_qs if request.method == "GET" else ""
        raise web.HTTPSeeOther(f"/login?{urlencode({'next': back})}" if back else "/login")
    if f"{request.path}/".startswith(ADMIN) and not _may(request):
        return problem(request, 403, "この画面は管理者用です", "使うには、管理者の権限が必要です。")
    if request.method not in ("GET", "HEAD"):
        form = await request.post()
        token = str(form.get("token", ""))
        if given is None or not session.form_token_is_right(given, request.app[SESSION_KEY], token):
            raise web.HTTPForbidden
    answer = await handler(request)
    if given is None and request.path == "/login":
        set_session(request, answer, request[SESSION])  # what the token in the login form belongs to
    return answer


async def _recognise(request: web.Request, given: session.Session) -> None:
    if given.user is None:
        return
    async with request.app[STORE].read() as db:
        user = await users.get(db, given.user)
    if user is not None and given.mark == session.mark_of(user.password):
        request[VIEWER] = Viewer(user.name, user.tenant, user.role)


def _told(status: int) -> tuple[str, str]:
    match status:
        case 403:
            return "操作を受け付けられませんでした", "画面を開き直してから、もう一度操作してください。"
        case 404:
            return "見つかりません", "アドレスや番号が違うか、この画面を見る権限がありません。"
        case 400 | 405 | 413:
            return "操作を受け付けられませんでした", "一覧に戻り、もう一度操作してください。"
        case 503:
            return (
                "ただいま表示できません",
                "データベースが応答していません。しばらくしてから、もう一度開いてください。",
            )
    return (
        "エラーが発生しました",
        "しばらくしてから、もう一度お試しください。続くときは、管理者にご連絡ください。",
    )


def _unexpected(error: Exception) -> int:
    """503 for what may pass by itself, else 500; both are logged."""
    status = 503 if isinstance(error, IvrError) and error.retryable else 500
    log.error("request failed", exc_info=error, extra={"status": status})
    return status
