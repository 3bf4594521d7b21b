"""The ways to a password for who is not logged in: a link from an invitation or a mail, and the form that asks for one."""

import asyncio
import logging

from aiohttp import web

from ivr import accounts
from ivr.errors import AccountError
from ivr.store import links, users
from ivr.store.tables import UserRow
from ivr.wake import wake
from ivr.web.auth import lockout, passwords, session
from ivr.web.keys import CLOCK, SETTINGS, STORE
from ivr.web.pages import render

log = logging.getLogger("ivr.web.auth")

AS_LATE = 0.3  # seconds: longer than it takes to find somebody and to note the mail

REFUSED = {
    "short": "パスワードは、10文字以上200文字以下にしてください。",
    "easy": "推測されやすいパスワードです。ユーザー名を含まない、別のパスワードにしてください。",
    "differ": "2回の入力が一致していません。もう一度入力してください。",
}


async def show_forgot(request: web.Request) -> web.Response:
    return _forgot(request, asked=False)


async def forgot(request: web.Request) -> web.Response:
    """The answer is the same, and comes as late, whether or not there is such a person."""
    text = str((await request.post()).get("who", "")).strip()[:254]
    settings, store, now = request.app[SETTINGS], request.app[STORE], request.app[CLOCK].now()
    if settings.smtp is None:
        return _forgot(request, asked=False)

    async def ask() -> None:
        if await lockout.admit(store, text.lower(), request.remote or "", now, "reset") is not None:
            async with store.write() as db:
                await accounts.ask_reset(db, text, now)
            wake(settings.run, "jobs")

    await asyncio.gather(ask(), asyncio.sleep(AS_LATE))
    log.info("a way back to a password was asked for")
    return _forgot(request, asked=True)


def _forgot(request: web.Request, *, asked: bool) -> web.Response:
    mails = request.app[SETTINGS].smtp is not None
    return render(request, "people/forgot.html", asked=asked, mails=mails)


async def show_link(request: web.Request) -> web.Response:
    """Looking at it uses nothing up: programs that read mails open links, too."""
    user = await _whose(request)
    return _gone(request) if user is None else _form(request, user)


async def use_link(request: web.Request) -> web.Response:
    form, now = await request.post(), request.app[CLOCK].now()
    user = await _whose(request)
    if user is None:
        return _gone(request)
    try:
        new = chosen(user.name, str(form.get("new", "")), str(form.get("again", "")))
    except AccountError as error:
        return _form(request, user, REFUSED[error.code])
    hashed = await passwords.hashed(new)
    async with request.app[STORE].write() as db:
        taken = await links.take(db, request.match_info["token"], now)
        if taken is not None:
            user = await accounts.one(db, taken.user, tenant=None)
            await accounts.set_password(db, user, hashed, by=user.name, now=now)
    if taken is None:
        return _gone(request)
    log.info("a password was set by a link", extra={"user": user.name})
    answer = web.HTTPSeeOther("/login?set=1")
    answer.del_cookie(session.COOKIE, path="/")  # somebody else may be logged in here
    raise answer


def chosen(name: str, new: str, again: str) -> str:
    """AccountError with a code of REFUSED."""
    if new != again:
        raise AccountError("differ")
    return accounts.new_password(name, new)


async def _whose(request: web.Request) -> UserRow | None:
    async with request.app[STORE].read() as db:
        link = await links.find(db, request.match_info["token"], request.app[CLOCK].now())
        user = await users.get(db, link.user) if link is not None else None
    return user if user is not None and user.disabled_at is None else None


def _form(request: web.Request, user: UserRow, problem: str = "") -> web.Response:
    status = 422 if problem else 200
    return _unsaid(render(request, "people/password.html", status=status, whose=user, problem=problem))


def _gone(request: web.Request) -> web.Response:
    return _unsaid(render(request, "people/password.html", status=410, whose=None, problem=""))


def _unsaid(answer: web.Response) -> web.Response:
    """The address is the secret: not even we, or a proxy that keeps a log, are told where somebody came from."""
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


ROUTES = [
    web.get("/forgot", show_forgot),
    web.post("/forgot", forgot),
    web.get("/password/{token}", show_link),
    web.post("/password/{token}", use_link),
]
PUBLIC = frozenset(route.path for route in ROUTES)
