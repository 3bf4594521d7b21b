"""アカウント: what people change of their own account: password, mail, second factor, mobile number."""

import hmac
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr import accounts
from ivr.errors import AccountError
from ivr.outside import spelled, to_ring_back
from ivr.store import agents, audit, tries, users
from ivr.store.tables import UserRow
from ivr.store.tokens import digest
from ivr.web.auth import factor, lockout, passwords, session, totp
from ivr.web.auth.views import LOCKED, set_session
from ivr.web.auth.way_back import REFUSED, chosen
from ivr.web.keys import CLOCK, SEAT, SESSION, SESSION_KEY, STORE, VIEWER
from ivr.web.pages import render

Answer = TypeVar("Answer", bound=web.StreamResponse)

ISSUER = "電話受付"
DONE = {
    "password": "パスワードを変えました。ほかの端末では、もう一度ログインが必要です。",
    "mail": "メールアドレスを変えました。",
    "mobile": "携帯電話の番号を変えました。",
    "factor": "2段階認証をやめました。",
}
_REFUSED = REFUSED | {
    "wrong": "今のパスワードが違います。",
    "locked": LOCKED,
    "mail": "メールアドレスとして読み取れません。例：tanaka@example.co.jp",
}
NO_NUMBER = "日本国内の電話番号として読み取れません。例：090-1234-5678"
NO_CODE = "確認コードが違います。認証アプリに今表示されている6桁の数字を入力してください。"


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def change_password(request: web.Request) -> web.Response:
    form = await request.post()
    name = request[VIEWER].name
    try:
        await _prove(request)
        hashed = await passwords.hashed(chosen(name, str(form.get("new", "")), str(form.get("again", ""))))
    except AccountError as error:
        return await _page(request, "password", _REFUSED[error.code])
    async with request.app[STORE].write() as db:
        user = await _me(request, db)
        await accounts.set_password(db, user, hashed, by=name, now=request.app[CLOCK].now())
    raise _logged_in_anew(request, web.HTTPSeeOther("/account?done=password"), user)


async def change_mail(request: web.Request) -> web.Response:
    """With the password: the mailbox is a way to another one."""
    form = await request.post()
    try:
        await _prove(request)
        email = accounts.mail_address(str(form.get("email", "")))
    except AccountError as error:
        return await _page(request, "mail", _REFUSED[error.code], email=str(form.get("email", "")))
    async with request.app[STORE].write() as db:
        user = await _me(request, db)
        await accounts.set_mail(db, user, email, by=user.name, now=request.app[CLOCK].now())
    raise web.HTTPSeeOther("/account?done=mail")


async def change_mobile(request: web.Request) -> web.Response:
    """Empty: none. It is the telephone's that has the name of the user."""
    if SEAT not in request:
        raise web.HTTPNotFound
    typed = str((await request.post()).get("mobile", "")).strip()
    number = to_ring_back(typed) if typed else None
    if typed and number is None:
        return await _page(request, "mobile", NO_NUMBER, mobile=typed)
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    async with request.app[STORE].write() as db:
        agent = await agents.get(db, request[SEAT].name)
        agent.mobile = number
        facts = {"who": viewer.name, "what": "mobile", "about": viewer.name}
        await audit.note(db, **facts, kind="user", tenant=viewer.tenant, at=now)
    raise web.HTTPSeeOther("/account?done=mobile")


# -- the second factor ------------------------------------------------------------------------


async def show_factor(request: web.Request) -> web.Response:
    return _factor_page(request, totp.new_secret())


async def set_factor(request: web.Request) -> web.Response:
    """The form brings back the secret that it was shown; a code proves that a telephone has taken it."""
    form, now = await request.post(), request.app[CLOCK].now()
    secret, given = str(form.get("secret", "")), factor.typed(str(form.get("code", ""))[:64])
    right = session.sign_secret(request[SESSION], request.app[SESSION_KEY], secret)
    if not hmac.compare_digest(right.encode(), str(form.get("seal", "")).encode()):
        raise web.HTTPForbidden
    try:
        await _prove(request)
    except AccountError as error:
        return _factor_page(request, secret, _REFUSED[error.code])
    step = totp.step_of(secret, given, now)
    if step is None:
        return _factor_page(request, secret, NO_CODE)
    codes = totp.new_recovery_codes()
    async with request.app[STORE].write() as db:
        user = await _me(request, db)
        hashed = [digest(totp.plain(one)) for one in codes]
        await accounts.set_factor(db, user, secret, step, hashed, by=user.name, now=now)
    answer = render(request, "people/recovery.html", codes=codes)
    return _logged_in_anew(request, answer, user)


async def new_codes(request: web.Request) -> web.Response:
    """The ones before open nothing any more."""
    try:
        await _prove(request)
    except AccountError as error:
        return await _page(request, "factor", _REFUSED[error.code])
    codes = totp.new_recovery_codes()
    async with request.app[STORE].write() as db:
        user = await _me(request, db)
        if user.totp_secret is None:
            raise web.HTTPNotFound
        hashed = [digest(totp.plain(one)) for one in codes]
        await accounts.set_recovery(db, user, hashed, by=user.name, now=request.app[CLOCK].now())
    return render(request, "people/recovery.html", codes=codes)


async def drop_factor(request: web.Request) -> web.Response:
    if factor.is_needed(request):
        raise web.HTTPForbidden
    try:
        await _prove(request)
    except AccountError as error:
        return await _page(request, "factor", _REFUSED[error.code])
    async with request.app[STORE].write() as db:
        user = await _me(request, db)
        await accounts.drop_factor(db, user, by=user.name, now=request.app[CLOCK].now())
    raise _logged_in_anew(request, web.HTTPSeeOther("/account?done=factor"), user)


def _factor_page(request: web.Request, secret: str, problem: str = "") -> web.Response:
    return render(
        request,
        "people/factor.html",
        status=422 if problem else 200,
        problem=problem,
        secret=secret,
        seal=session.sign_secret(request[SESSION], request.app[SESSION_KEY], secret),
        picture=totp.picture(totp.address(secret, request[VIEWER].name, ISSUER)),
        owed=factor.owes_factor(request),
    )


# -- all ----------------------------------------------------------------------------------------


async def _prove(request: web.Request) -> None:
    """That it is the owner who sits there: the present password. AccountError; tries are counted as at the login."""
    name, address, now = request[VIEWER].name, request.remote or "", request.app[CLOCK].now()
    tried = await lockout.admit(request.app[STORE], name, address, now)
    if tried is None:
        raise AccountError("locked")
    async with request.app[STORE].read() as db:
        user = await users.get(db, name)
    given = str((await request.post()).get("password", ""))[:200]
    if user is None or not await passwords.is_right(given, user.password):
        raise AccountError("wrong")
    async with request.app[STORE].write() as db:
        await tries.withdraw(db, tried)


async def _me(request: web.Request, db: AsyncSession) -> UserRow:
    return await accounts.one(db, request[VIEWER].name, tenant=request[VIEWER].tenant)


def _logged_in_anew(request: web.Request, answer: Answer, user: UserRow) -> Answer:
    """What ended every session leaves this one."""
    set_session(request, answer, session.of(user, request.app[CLOCK].now()))
    return answer


async def _page(request: web.Request, section: str = "", problem: str = "", **typed: Any) -> web.Response:
    """`section`: where the problem is; `typed`: what its form held."""
    async with request.app[STORE].read() as db:
        user = await users.get(db, request[VIEWER].name)
    assert user is not None  # the guard has just read it
    mobile = request[SEAT].mobile if SEAT in request else None
    return render(
        request,
        "people/account.html",
        status=422 if problem else 200,
        me=user,
        email=typed.get("email", user.email or ""),
        mobile=typed.get("mobile", spelled(mobile) if mobile else ""),
        needed=factor.is_needed(request),
        problems={section: problem},
        done=DONE.get(request.query.get("done", "")) if not problem else None,
    )


ROUTES = [
    web.get("/account", show),
    web.post("/account/password", change_password),
    web.post("/account/mail", change_mail),
    web.post("/account/mobile", change_mobile),
    web.get("/account/factor", show_factor),
    web.post("/account/factor", set_factor),
    web.post("/account/factor/codes", new_codes),
    web.post("/account/factor/off", drop_factor),
]
