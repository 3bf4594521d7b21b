"""What stands before every handler: who asks, may they, and how a failure is told."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import web

from ivr.errors import NotFound
from ivr.store import users
from ivr.web.api import gate
from ivr.web.auth import session
from ivr.web.auth.factor import owes_factor
from ivr.web.auth.views import set_session
from ivr.web.keys import (
    CLOCK,
    FOR_SUPERVISORS,
    FORM_LIMITS,
    PUBLIC,
    RENEWS,
    SEAT,
    SESSION,
    SESSION_KEY,
    STALE,
    STORE,
    VIEWER,
    Viewer,
)
from ivr.web.pages import POLICY, problem
from ivr.web.refusals import Gone, unexpected

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
METRICS = "/metrics"  # for programs, as all below /api/
ADMIN = "/admin/"  # all below it needs a role
FACTOR = "/account/factor"
WHILE_OWING = (f"{FACTOR}/", "/logout/")  # what somebody may do who has no second factor and needs one


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets in who may come in: everything needs a login or a token unless it is named here."""
    if request.path in OPEN or request.path.startswith("/static/"):
        return await handler(request)
    if request.path.startswith("/api/") or request.path == METRICS:
        return await gate.program(request, handler)
    return await _person(request, handler)


async def _person(request: web.Request, handler: Handler) -> web.StreamResponse:
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical in request.app[FORM_LIMITS]:
        request = request.clone(client_max_size=request.app[FORM_LIMITS][resource.canonical])
    request[SESSION] = session.nobodys(request.app[CLOCK].now())  # until the cookie says more
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
        status = unexpected(error)
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
    resource = request.match_info.route.resource
    path = resource.canonical if resource is not None else ""
    public = path in request.app[PUBLIC]
    if not public and VIEWER not in request:
        back = _wanted(request)
        raise web.HTTPSeeOther(f"/login?{urlencode({'next': back})}" if back else "/login")
    if not public and owes_factor(request) and not f"{request.path}/".startswith(WHILE_OWING):
        raise web.HTTPSeeOther(FACTOR)
    if f"{request.path}/".startswith(ADMIN) and not _may(request):
        return problem(request, 403, "この画面は管理者用です", "使うには、管理者の権限が必要です。")
    if request.method not in ("GET", "HEAD"):
        form = await request.post()
        token = str(form.get("token", ""))
        if given is None or not session.form_token_is_right(given, request.app[SESSION_KEY], token):
            if path not in request.app[RENEWS]:
                raise web.HTTPForbidden
            request[STALE] = True
    answer = await handler(request)
    if given is None and public:
        set_session(request, answer, request[SESSION])  # what the token in its form belongs to
    return answer


def _wanted(request: web.Request) -> str:
    """The page that was asked for, or that of the form that was sent after the login had ended; "" if nobody knows."""
    if request.method == "GET":
        return request.path_qs
    with suppress(ValueError):
        page = urlsplit(request.headers.get("Referer", ""))
        return urlunsplit(page._replace(scheme="", netloc="", fragment=""))
    return ""


async def _recognise(request: web.Request, given: session.Session) -> None:
    """As the account is now: who was shut out, or has another password, role or second factor, is told at once."""
    if given.user is None or given.awaits_code:
        return
    async with request.app[STORE].read() as db:
        user, agent = await users.with_telephone(db, given.user)
    if user is None or not session.stands(given, user):
        return
    request[VIEWER] = Viewer(user.name, user.tenant, user.role, user.totp_secret is not None)
    if agent is not None:
        request[SEAT] = agent


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
