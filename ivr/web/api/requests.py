"""Callbacks that another program asks for, and how crowded a line is."""

import hashlib
from dataclasses import replace
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from ivr.dialplan.form import FormRules
from ivr.errors import Conflict, NotFound
from ivr.lines import LiveLine
from ivr.store.tables import ContactRow
from ivr.web.api.fields import Given, Key, Short, Text, Ticket, Time, Told
from ivr.web.api.operation import Operation
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER
from ivr.web.refusals import BadRequest
from ivr.web.request import entry
from ivr.web.request.crowd import Level, Usual
from ivr.web.request.door import DOOR
from ivr.web.request.take import BARRED, NotRung, calendar_of, take
from ivr.web.request.views import ours_of

REUSED = "この Idempotency-Key は、別の内容ですでに使われています。"


class NewCallback(Given):
    line: Key
    name: Short
    number: Short | None = None
    """As people write it, +81 or 0; needed unless no reply is wanted."""
    company: Short | None = None
    member: Short | None = None
    """ID as a member or customer."""
    matter: Text | None = None
    email: Annotated[str, Field(max_length=254, pattern=r"^[^\u0000]*$")] | None = None
    """Told of changes, if the line does that."""
    preferred_time: Short | None = None
    """希望時間帯, as people say it."""
    reply_wanted: bool = True
    """False: 折り返し不要, or answered by mail."""
    now: bool = False
    """今すぐ: rung at once, if the line offers it, is open, and an agent is 受付可."""


class Made(Told):
    ticket: Ticket
    """As the customer is told; it stays good when the callback is merged."""
    line: str
    due_at: Time | None
    at_once: bool
    """An agent is rung for it now."""


class Week(Told):
    """Levels by hour of the day, Monday to Sunday; null: closed then."""

    calls: int
    since: str
    until: str
    hours: dict[str, list[Usual | None]]


class Crowded(Told):
    line: str
    now: Level | Literal["unknown"]
    free: bool
    """An agent could be rung for somebody at once."""
    opens: Time | None
    usual: Week | None
    """Null with too few calls in the last eight weeks."""


async def create_callback(request: web.Request, body: NewCallback, key: str) -> Made:
    """Somebody is to be rung back. With an Idempotency-Key that was used for the same, the same answer again."""
    live, viewer = await _line(request, body.line), request[VIEWER]
    if live is None:
        raise BadRequest("line: there is no such line", [("line", "there is no such line")])
    read, wrong = entry.read(_typed(body), _rules(live), ours_of(live), call=body.reply_wanted)
    if read is None:
        raise BadRequest("; ".join(f"{name}: {said}" for name, said in wrong.items()), list(wrong.items()))
    read = replace(read, time=body.preferred_time)
    asked = f"api/{live.dialplan.line.tenant}/{hashlib.sha256(key.encode()).hexdigest()[:40]}"
    now, run = request.app[CLOCK].now(), request.app[SETTINGS].run
    try:
        taken = await take(request.app[STORE], run, live, read, asked, now, by=viewer.name)
    except NotRung:
        raise BadRequest(f"number: {BARRED}", [("number", BARRED)]) from None
    contact = taken.contact
    if not taken.new and not _is_same(contact, live.dialplan.key, read):
        raise Conflict(REUSED, id="key_reused")
    return Made(ticket=contact.told_ticket, line=contact.line, due_at=contact.due_at, at_once=taken.at_once)


async def get_crowd(request: web.Request) -> Crowded:
    """How crowded a line is: now, and at which hours of the week it usually is."""
    live = await _line(request, request.match_info["line"])
    if live is None:
        raise NotFound("there is no such line")
    door, key, calendar = request.app[DOOR], live.dialplan.key, calendar_of(live)
    now, week = await door.crowd.now(live, calendar), await door.crowd.usual(key, calendar)
    usual = None
    if week is not None:
        hours = {str(hour): list(cells) for hour, cells in week.cells.items()}
        since, until = week.since.isoformat(), week.until.isoformat()
        usual = Week(calls=week.calls, since=since, until=until, hours=hours)
    if now is None:
        return Crowded(line=key, now="unknown", free=False, opens=None, usual=usual)
    return Crowded(line=key, now=now.level, free=now.free, opens=now.opens, usual=usual)


async def _line(request: web.Request, key: str) -> LiveLine | None:
    """Whether it has a form or not; None past the wall, too."""
    live, tenant = await request.app[DOOR].line(key), request[VIEWER].tenant
    return live if live is not None and tenant in (None, live.dialplan.line.tenant) else None


def _rules(live: LiveLine) -> FormRules:
    """Of the form only what it promises: which fields a program fills in is its own affair."""
    fields = dict.fromkeys(("company", "member", "email", "matter"), "optional")
    return (live.dialplan.line.form or FormRules()).model_copy(update=fields)


def _typed(body: NewCallback) -> dict[str, str]:
    words = {name: getattr(body, name) or "" for name in entry.LONGEST}
    return words | {"now": "yes" if body.now else "no"}


def _is_same(contact: ContactRow, line: str, read: entry.Entry) -> bool:
    fields = ("name", "company", "member", "number", "email", "matter")
    alike = all(getattr(contact, name) == getattr(read, name) for name in fields)
    return alike and (contact.line, contact.preferred_time, contact.reply_wanted) == (
        line,
        read.time,
        read.call,
    )


OPERATIONS = [
    Operation("POST", "/api/v1/callbacks", create_callback, "callbacks", status=201, conflicts=True),
    Operation("GET", "/api/v1/lines/{line}/crowd", get_crowd, "lines"),
]
