"""Login and logout."""

import logging

from aiohttp import web

from ivr.store import users
from ivr.web.auth import passwords, session
from ivr.web.keys import CLOCK, LOCKOUT, SESSION_KEY, STORE, VIEWER
from ivr.web.pages import render

log = logging.getLogger("ivr.web.auth")

HOME = "/callbacks"


async def show_login(request: web.Request) -> web.Response:
    if VIEWER in request:
        raise web.HTTPSeeOther(HOME)
    return _page(request, next=request.query.get("next", ""))


async def login(request: web.Request) -> web.Response:
    form = await request.post()
    name, password = str(form.get("name", ""))[:64], str(form.get("password", ""))[:200]
    target, address = str(form.get("next", "")), request.remote or ""
    lockout, clock = request.app[LOCKOUT], request.app[CLOCK]
    if not lockout.admit(name, address, clock.monotonic()):
        log.warning("login refused, too many tries", extra={"user": name})
        return _page(
            request,
            429,
            target,
            name,
            "続けて間違えたため、しばらくログインできません。5分ほど待って、もう一度お試しください。",
        )
    async with request.app[STORE].read() as db:
        user = await users.get(db, name)
    if not await passwords.is_right(password, user.password if user else None) or user is None:
        log.warning("login failed", extra={"user": name})
        return _page(request, 401, target, name, "ユーザー名かパスワードが違います。")
    lockout.forget(name, address)
    log.info("login", extra={"user": name})
    answer = web.Response(status=303, headers={"Location": inside(target)})
    set_session(request, answer, session.new(clock.now(), user.name, user.password))
    return answer


async def logout(request: web.Request) -> web.Response:
    answer = web.Response(status=303, headers={"Location": "/login"})
    answer.del_cookie(session.COOKIE, path="/")
    return answer


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


def _page(
    request: web.Request, status: int = 200, next: str = "", name: str = "", problem: str = ""
) -> web.Response:
    return render(request, "login.html", status=status, next=next, name=name, problem=problem)
