"""利用者: who may log in. An admin of one company sees and changes its people only."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr import accounts
from ivr.errors import AccountError, Conflict
from ivr.store import links, users
from ivr.store.tables import Line, UserRow
from ivr.store.users import Role
from ivr.wake import wake
from ivr.web.auth import lockout
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER, Viewer
from ivr.web.pages import render

log = logging.getLogger("ivr.web.people")

REFUSED = {
    "name": "ユーザー名は、半角の英小文字・数字・「.」「-」「_」で、32文字までにしてください。",
    "mail": "メールアドレスとして読み取れません。例：tanaka@example.co.jp",
    "taken": "このユーザー名は、すでに使われています。別のユーザー名にしてください。",
    "tenant": "契約企業を選んでください。",
    "role": "権限を選んでください。",
    "disabled": "利用停止中です。先に利用を再開してください。",
}
SELF = "ご自身の権限や利用停止は、ほかの管理者にご依頼ください。"
DONE = {
    "mailed": "案内のメールを送信します。届かないときは、折り返しの通知と同じく、警告に表示されます。",
    "role": "権限を変えました。ログイン中の場合は、もう一度ログインが必要です。",
    "mail": "メールアドレスを変えました。",
    "disable": "利用を停止しました。ログイン中の画面も、次の操作から使えません。",
    "enable": "利用を再開しました。",
    "unlock": "ロックを解除しました。",
    "factor": "2段階認証を解除しました。ご本人に、もう一度設定していただいてください。",
}


async def show_list(request: web.Request) -> web.Response:
    return await _list(request)


async def invite(request: web.Request) -> web.Response:
    form, viewer, now = await request.post(), request[VIEWER], request.app[CLOCK].now()
    given = {name: str(form.get(name, "")).strip() for name in ("name", "email", "role", "tenant")}
    try:
        role = _role(given["role"])
        async with request.app[STORE].write() as db:
            tenant = await _tenant(db, viewer, given["tenant"])
            email = accounts.mail_address(given["email"])
            facts = {"role": role, "tenant": tenant, "email": email, "by": viewer.name, "now": now}
            user = await accounts.invite(db, given["name"], **facts)  # type: ignore[arg-type]
            link = await _hand_over(request, db, user, now)
    except AccountError as error:
        return await _list(request, given, REFUSED[error.code])
    except Conflict:
        return await _list(request, given, REFUSED["taken"])
    log.info("somebody was invited", extra={"user": user.name, "by": viewer.name})
    return _told(request, user, link)


async def show_one(request: web.Request) -> web.Response:
    return await _one(request)


async def send_link(request: web.Request) -> web.Response:
    """By mail where there is an address and a mail server; else shown, to be handed over."""
    now = request.app[CLOCK].now()
    try:
        async with request.app[STORE].write() as db:
            user = await _theirs(request, db)
            link = await _hand_over(request, db, user, now)
    except AccountError as error:
        return await _one(request, REFUSED[error.code])
    return _told(request, user, link)


async def set_role(request: web.Request) -> web.Response:
    role = str((await request.post()).get("role", ""))

    async def change(db: AsyncSession, user: UserRow, by: str, now: datetime) -> None:
        await accounts.set_role(db, user, _role(role), by=by, now=now)

    return await _change(request, "role", change, not_self=True)


async def set_mail(request: web.Request) -> web.Response:
    email = str((await request.post()).get("email", ""))

    async def change(db: AsyncSession, user: UserRow, by: str, now: datetime) -> None:
        await accounts.set_mail(db, user, accounts.mail_address(email), by=by, now=now)

    return await _change(request, "mail", change)


async def disable(request: web.Request) -> web.Response:
    async def change(db: AsyncSession, user: UserRow, by: str, now: datetime) -> None:
        await accounts.disable(db, user, by=by, now=now)

    return await _change(request, "disable", change, not_self=True)


async def enable(request: web.Request) -> web.Response:
    async def change(db: AsyncSession, user: UserRow, by: str, now: datetime) -> None:
        await accounts.enable(db, user, by=by, now=now)

    return await _change(request, "enable", change)


async def unlock(request: web.Request) -> web.Response:
    async def change(db: AsyncSession, user: UserRow, by: str, now: datetime) -> None:
        await accounts.unlock(db, user, by=by, now=now)

    return await _change(request, "unlock", change)


async def drop_factor(request: web.Request) -> web.Response:
    async def change(db: AsyncSession, user: UserRow, by: str, now: datetime) -> None:
        await accounts.drop_factor(db, user, by=by, now=now)

    return await _change(request, "factor", change, not_self=True)


Change = Callable[[AsyncSession, UserRow, str, datetime], Awaitable[None]]


async def _change(request: web.Request, what: str, change: Change, *, not_self: bool = False) -> web.Response:
    """`not_self`: nobody shuts out the last admin, who is always who asks."""
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    if not_self and request.match_info["name"] == viewer.name:
        return await _one(request, SELF)
    try:
        async with request.app[STORE].write() as db:
            user = await _theirs(request, db)
            await change(db, user, viewer.name, now)
    except AccountError as error:
        return await _one(request, REFUSED[error.code])
    log.info("an account was changed", extra={"user": user.name, "by": viewer.name, "action": what})
    raise web.HTTPSeeOther(f"/admin/users/{user.name}?done={what}")


async def _theirs(request: web.Request, db: AsyncSession) -> UserRow:
    return await accounts.one(db, request.match_info["name"], tenant=request[VIEWER].tenant)


async def _hand_over(request: web.Request, db: AsyncSession, user: UserRow, now: datetime) -> str | None:
    """The address of the link, to be shown once; None: it goes by mail."""
    settings, by = request.app[SETTINGS], request[VIEWER].name
    if settings.smtp is not None and user.email is not None:
        await accounts.mail_link(db, user, by=by, now=now)
        return None
    return f"{settings.pages_url}/password/{await accounts.link(db, user, by=by, now=now)}"


def _told(request: web.Request, user: UserRow, link: str | None) -> web.Response:
    if link is None:
        wake(request.app[SETTINGS].run, "jobs")
        raise web.HTTPSeeOther(f"/admin/users/{user.name}?done=mailed")
    return render(request, "people/link.html", whose=user, link=link, hours=accounts.hours_of_link(user))


def _role(text: str) -> Role:
    role = next((role for role in accounts.ROLES if role == text), None)
    if role is None:
        raise AccountError("role")
    return role


async def _tenant(db: AsyncSession, viewer: Viewer, text: str) -> str | None:
    """Of whom somebody is invited: an admin of one company has no choice. Empty: sees every company."""
    if viewer.tenant is not None:
        return viewer.tenant
    if text and text not in await _tenants(db):
        raise AccountError("tenant")
    return text or None


async def _tenants(db: AsyncSession) -> list[str]:
    return list(await db.scalars(select(Line.tenant).distinct().order_by(Line.tenant)))


async def _list(request: web.Request, given: dict[str, str] | None = None, problem: str = "") -> web.Response:
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        rows = await users.listing(db, tenant=viewer.tenant)
        locked = await lockout.locked(db, [row.name for row in rows], now)
        tenants = [] if viewer.tenant is not None else await _tenants(db)
    return render(
        request,
        "people/users.html",
        status=422 if problem else 200,
        rows=rows,
        locked=locked,
        tenants=tenants,
        given=given or {"name": "", "email": "", "role": "agent", "tenant": tenants[0] if tenants else ""},
        problem=problem,
        mails=request.app[SETTINGS].smtp is not None,
    )


async def _one(request: web.Request, problem: str = "") -> web.Response:
    now, settings = request.app[CLOCK].now(), request.app[SETTINGS]
    async with request.app[STORE].read() as db:
        user = await _theirs(request, db)
        locked = await lockout.locked(db, [user.name], now)
        standing = [one for one in await links.standing(db, now) if one.user == user.name]
    return render(
        request,
        "people/user.html",
        status=422 if problem else 200,
        whose=user,
        locked=bool(locked),
        until=standing[0].expires_at if standing else None,
        mails=settings.smtp is not None and user.email is not None,
        myself=user.name == request[VIEWER].name,
        problem=problem,
        done=DONE.get(request.query.get("done", "")) if not problem else None,
    )


_ONE = "/admin/users/{name}"
ROUTES = [
    web.get("/admin/users", show_list),
    web.post("/admin/users", invite),
    web.get(_ONE, show_one),
    web.post(f"{_ONE}/link", send_link),
    web.post(f"{_ONE}/role", set_role),
    web.post(f"{_ONE}/mail", set_mail),
    web.post(f"{_ONE}/disable", disable),
    web.post(f"{_ONE}/enable", enable),
    web.post(f"{_ONE}/unlock", unlock),
    web.post(f"{_ONE}/factor", drop_factor),
]
