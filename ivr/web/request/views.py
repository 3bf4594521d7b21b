"""The public form: shown, sent, and what was understood. No login; the guard knows these paths by PUBLIC."""

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from ivr.dialplan.form import Change, FormRules
from ivr.dialplan.numbers import e164
from ivr.errors import CalendarError, StoreError
from ivr.lines import LiveLine
from ivr.outside import spelled
from ivr.store import contacts
from ivr.web.keys import CLOCK, SETTINGS, STALE, STORE
from ivr.web.pages import render
from ivr.web.request import entry, say
from ivr.web.request.door import DOOR
from ivr.web.request.take import BARRED, NotRung, Taken, calendar_of, can_ring_now, take

PAGE = "/request/{line}"
RECEIPT = PAGE + "/received/{receipt}"
PUBLIC = frozenset({PAGE, RECEIPT})
RENEWS = frozenset({PAGE})
TRAP = "homepage"  # a field that people do not see
SHOWN_FOR = timedelta(hours=1)  # what was typed; the number of the ticket stays
SOON = timedelta(minutes=5)

_KEY = re.compile(r"[A-Za-z0-9_-]{22}")
OLD = "画面を開いてから時間が経ったか、ブラウザのCookieが無効になっているため、お送りいただけませんでした。ご入力の内容はそのまま残っております。お手数ですが、もう一度「送信する」を押してください。"
TRAPPED = "自動入力された項目があったため、お送りいただけませんでした。お手数ですが、もう一度「送信する」を押してください。"
TOO_OFTEN = "続けて何度もお送りいただいているため、ただいま承ることができません。恐れ入りますが、しばらく経ってから、もう一度お送りください。"
TOO_MANY = "この電話番号またはメールアドレスでのお申し込みを、すでに何件か承っております。恐れ入りますが、担当者からのご連絡をお待ちください。"
NOT_NOW = "ただいま、お申し込みを承ることができませんでした。ご入力の内容はそのまま残っております。恐れ入りますが、しばらく経ってから、もう一度「送信する」を押してください。"


async def show(request: web.Request) -> web.Response:
    live = await _line(request)
    if live is None:
        return _none(request)
    return await _form(request, live, {}, _new_key())


async def send(request: web.Request) -> web.Response:
    """What is wrong comes back with all that was typed; what is right leads to its receipt."""
    live = await _line(request)
    if live is None:
        return _none(request)
    given = await request.post()
    typed = {name: text for name in entry.ALL if isinstance(text := given.get(name), str)}
    key = str(given.get("key", ""))
    key = key if _KEY.fullmatch(key) else _new_key()
    door, address = request.app[DOOR], request.remote or ""
    if not door.limits.may_send(address, door.clock.monotonic()):
        return await _form(request, live, typed, key, status=429, notice=TOO_OFTEN)
    if request.get(STALE):
        return await _form(request, live, typed, key, status=403, notice=OLD)
    if given.get(TRAP):
        return await _form(request, live, typed, key, status=400, notice=TRAPPED)
    read, wrong = entry.read(typed, _rules(live), ours_of(live))
    if read is None:
        return await _form(request, live, typed, key, status=422, wrong=wrong)
    try:
        taken = await _take(request, live, read, key)
    except NotRung:
        return await _form(request, live, typed, key, status=422, wrong={"number": BARRED})
    except StoreError:
        return await _form(request, live, typed, key, status=503, notice=NOT_NOW)
    if taken is None:
        return await _form(request, live, typed, key, status=429, notice=TOO_MANY)
    at_once = "?at_once=1" if taken.at_once else ""
    raise web.HTTPSeeOther(f"/request/{live.dialplan.key}/received/{key}.{read.digest}{at_once}")


async def received(request: web.Request) -> web.Response:
    """For who has the address of it, which nobody can guess."""
    live = await _line(request)
    if live is None:
        return _none(request)
    line, now = live.dialplan.key, request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        contact = await contacts.by_request(db, f"form/{line}/{request.match_info['receipt']}")
    if contact is None:
        return _none(request)
    age = now - contact.created_at
    return render(
        request,
        "request/received.html",
        line=live.dialplan.line,
        key=line,
        contact=contact,
        shown=age < SHOWN_FOR,
        at_once=age < SOON and "at_once" in request.query,
        number=spelled(contact.number) if contact.number else None,
        due=say.day_and_time(contact.due_at) if contact.due_at else None,
        mailed=_tells(request, live, "received") and contact.email is not None,
    )


async def _take(request: web.Request, live: LiveLine, read: entry.Entry, key: str) -> Taken | None:
    """None: too many for this number or address."""
    door, now = request.app[DOOR], request.app[CLOCK].now()
    asked = f"form/{live.dialplan.key}/{key}.{read.digest}"
    about = [one for one in (read.number, read.email) if one is not None]
    if not door.limits.may_ask(asked, *about, now=door.clock.monotonic()):
        return None
    return await take(request.app[STORE], request.app[SETTINGS].run, live, read, asked, now)


async def _form(
    request: web.Request,
    live: LiveLine,
    typed: Mapping[str, str],
    key: str,
    *,
    status: int = 200,
    wrong: Mapping[str, str] | None = None,
    notice: str | None = None,
) -> web.Response:
    rules, calendar = _rules(live), calendar_of(live)
    door = request.app[DOOR]
    crowd = await door.crowd.now(live, calendar)
    values: dict[str, Any] = {
        "line": live.dialplan.line,
        "action": f"/request/{live.dialplan.key}",
        "rules": rules,
        "fields": entry.asked(rules),
        "names": entry.NAMES,
        "longest": entry.LONGEST,
        "times": entry.TIMES,
        "tick": entry.TICK,
        "trap": TRAP,
        "typed": typed,
        "wrong": wrong or {},
        "notice": notice,
        "key": key,
        "telephones": [spelled(number) for number in sorted(ours_of(live))],
        "crowd": say.level(crowd) if crowd is not None else None,
        "week": await door.crowd.usual(live.dialplan.key, calendar),
        "usual": say.USUAL,
        "now_possible": rules.now is not None and await _possible(request, live),
        "by_mail": say.within(rules.by_mail) if rules.by_mail else None,
        "tells": _tells(request, live, None),
    }
    return render(request, "request/form.html", status=status, **values)


async def _possible(request: web.Request, live: LiveLine) -> bool:
    try:
        async with request.app[STORE].read() as db:
            return await can_ring_now(db, live, request.app[CLOCK].now())
    except (StoreError, CalendarError):
        return False


def _tells(request: web.Request, live: LiveLine, change: Change | None) -> bool:
    """Whether customers are told by mail of `change`, or None: of anything; never without a mail server."""
    customers = live.dialplan.line.customers
    if customers is None or request.app[SETTINGS].smtp is None:
        return False
    return change is None or change in customers.tell


async def _line(request: web.Request) -> LiveLine | None:
    """The line of the address, if it has a form."""
    live = await request.app[DOOR].line(request.match_info["line"])
    return live if live is not None and live.dialplan.line.form is not None else None


def _rules(live: LiveLine) -> FormRules:
    return live.dialplan.line.form or FormRules()


def ours_of(live: LiveLine) -> set[str]:
    """The numbers (E.164) of the line itself: a customer's is none of them."""
    return {e164(number) for number in live.dialplan.line.numbers}


def _none(request: web.Request) -> web.Response:
    return render(request, "request/none.html", status=404)


def _new_key() -> str:
    return secrets.token_urlsafe(16)


ROUTES = [web.get(PAGE, show), web.post(PAGE, send), web.get(RECEIPT, received)]
