"""Login, with a second factor where there is one."""

import logging
from urllib.parse import urlencode

from aiohttp import web

from ivr import accounts
from ivr.store import audit, tries, users
from ivr.store.tables import UserRow
from ivr.web.auth import factor, lockout, passwords, session
from ivr.web.keys import CLOCK, SESSION, SESSION_KEY, STORE, VIEWER
from ivr.web.pages import render

log = logging.getLogger("ivr.web.auth")

HOME = "/callbacks"
NOBODY = "?"  # stands for a name that nobody has: it may be a password
CODES_LOCKED = (
    "確認コードの間違いが続いたため、しばらくログインできません。5分ほど待って、もう一度お試しください。"
    "それでもログインできないときは、パスワードを再設定するか、管理者にご連絡ください。"
)
LOCKED = "続けて間違えたため、しばらくログインできません。5分ほど待って、もう一度お試しください。"


async def show_login(request: web.Request) -> web.Response:
    if VIEWER in request:
        raise web.HTTPSeeOther(HOME)
    done = "パスワードを設定しました。ログインしてください。" if "set" in request.query else ""
    return _page(request, next=request.query.get("next", ""), done=done)


async def login(request: web.Request) -> web.Response:
    form = await request.post()
    name, password = str(form.get("name", ""))[:64], str(form.get("password", ""))[:200]
    target, now = str(form.get("next", "")), request.app[CLOCK].now()
    tried = await lockout.admit(request.app[STORE], name, request.remote or "", now)
    if tried is None:
        log.warning("login refused, too many tries")
        return _page(request, 429, target, name, LOCKED)
    async with request.app[STORE].read() as db:
        user = await users.get(db, name)
    right = await passwords.is_right(password, user.password if user else None)
    if user is None or not right or user.disabled_at is not None:
        log.warning("login failed", extra={"user": user.name if user else NOBODY})
        await _failed(request, user)
        return _page(request, 401, target, name, "ユーザー名かパスワードが違います。")
    if user.totp_secret is not None:
        async with request.app[STORE].write() as db:
            await tries.withdraw(db, tried)  # it was not wrong; codes are counted by themselves
        answer = web.HTTPSeeOther(_code_page(target))
        set_session(request, answer, session.of(user, now, awaits_code=True))
        raise answer
    return await _enter(request, user, target)


async def show_code(request: web.Request) -> web.Response:
    await _half_way(request)
    return render(request, "people/code.html", next=request.query.get("next", ""), problem="")


async def code(request: web.Request) -> web.Response:
    form = await request.post()
    given, target, now = str(form.get("code", ""))[:64], str(form.get("next", "")), request.app[CLOCK].now()
    user = await _half_way(request)
    if await lockout.admit(request.app[STORE], user.name, request.remote or "", now, "code") is None:
        log.warning("login refused, too many tries of the second factor", extra={"user": user.name})
        return render(request, "people/code.html", status=429, next=target, problem=CODES_LOCKED)
    if not await factor.passes(request.app[STORE], user.name, given, now):
        log.warning("login failed at the second factor", extra={"user": user.name})
        await _failed(request, user)
        said = "確認コードが違うか、すでに使われています。次のコードでお試しください。"
        return render(request, "people/code.html", status=401, next=target, problem=said)
    return await _enter(request, user, target)


async def _half_way(request: web.Request) -> UserRow:
    """Whose password was right a moment ago; else back to the login."""
    given = request[SESSION]
    async with request.app[STORE].read() as db:
        user = await users.get(db, given.user) if given.user and given.awaits_code else None
    if user is None or not session.stands(given, user):
        raise web.HTTPSeeOther("/login")
    return user


async def _enter(request: web.Request, user: UserRow, target: str) -> web.Response:
    now, address = request.app[CLOCK].now(), request.remote or ""
    async with request.app[STORE].write() as db:
        await lockout.passed(db, user.name, address)
        await accounts.note(db, user, "login", user.name, now, address)
    log.info("login", extra={"user": user.name})
    answer = web.Response(status=303, headers={"Location": inside(target)})
    set_session(request, answer, session.of(user, now))
    return answer


async def _failed(request: web.Request, user: UserRow | None) -> None:
    """Whose name it is sees it; that a name was tried which nobody has, the operator. It takes as long."""
    now, address = request.app[CLOCK].now(), request.remote
    async with request.app[STORE].write() as db:
        if user is not None:
            await accounts.note(db, user, "login_failed", user.name, now, address)
        else:
            facts = {"who": NOBODY, "what": "login_failed", "about": NOBODY}
            await audit.note(db, **facts, kind="user", tenant=None, at=now, detail=address)


def set_session(request: web.Request, answer: web.StreamResponse, value: session.Session) -> None:
    answer.set_cookie(
        session.COOKIE,
        session.seal(value, request.app[SESSION_KEY]),
        max_age=int(session.LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=request.secure,
    )


def inside(target: str) -> str:
    """`target` if it is a page of ours, else the first page: no redirect leaves this site."""
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else HOME


def _code_page(target: str) -> str:
    return f"/login/code?{urlencode({'next': target})}" if target else "/login/code"


def _page(
    request: web.Request, status: int = 200, next: str = "", name: str = "", problem: str = "", done: str = ""
) -> web.Response:
    return render(request, "login.html", status=status, next=next, name=name, problem=problem, done=done)


ROUTES = [
    web.get("/login", show_login),
    web.post("/login", login),
    web.get("/login/code", show_code),
    web.post("/login/code", code),
]
PUBLIC = frozenset({"/login", "/login/code"})
