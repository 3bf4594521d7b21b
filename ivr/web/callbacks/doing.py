"""What stands around each thing that is done to a ticket: one transaction, the wall between tenants, the version that the
person saw, the lease that goes on, the audit, and what may be taken back.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service, undo
from ivr.callbacks.policy import Policy
from ivr.callbacks.states import CLOSED
from ivr.callbacks.undo import Before
from ivr.callbacks.who import Who
from ivr.clock import JAPAN
from ivr.dialplan.callbacks import CallbackRules
from ivr.errors import Conflict
from ivr.store import audit, closures
from ivr.store import callbacks as store
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, Line
from ivr.wake import wake
from ivr.web import words
from ivr.web.callbacks import filters
from ivr.web.keys import CLOCK, LINES, SETTINGS, STORE, VIEWER

LONGEST = 5000  # letters of anything that is typed


class Form:
    """What was typed, without what browsers add to it."""

    def __init__(self, given: Any) -> None:
        self._given = given

    def text(self, name: str) -> str:
        return str(self._given.get(name, "")).replace("\r\n", "\n").strip()[:LONGEST]

    def every(self, name: str) -> list[str]:
        return [str(one) for one in self._given.getall(name, [])]

    def typed(self) -> dict[str, list[str]]:
        return {name: self.every(name) for name in self._given if name not in ("token", "version")}


@dataclass(frozen=True, slots=True)
class Doing:
    """`row` is locked until the commit; `wakes`: processes that are woken after it."""

    db: AsyncSession
    row: CallbackRow
    who: Who
    now: datetime
    form: Form
    policy: Policy
    rules: CallbackRules
    wakes: list[str] = field(default_factory=list)

    @property
    def ticket(self) -> str:
        return self.row.ticket

    def moment(self, name: str) -> datetime | None:
        """Of a field for date and time, in Japanese time; None if it is empty. Conflict for one that has passed."""
        text = self.form.text(name)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text).replace(tzinfo=JAPAN)
        except ValueError:
            raise Conflict("日時は「2026-11-25 14:30」のように入力してください。", id="moment") from None
        if found <= self.now:
            raise Conflict("次回の日時は、今より後にしてください。", id="moment")
        return found

    async def require_seen(self) -> None:
        """Conflict that says what happened since the person saw the ticket."""
        if str(self.row.version) == self.form.text("version"):
            return
        last = await store.last_event(self.db, self.ticket)
        what = words.EVENTS.get(last.what, last.what)
        said = f"先にほかの変更がありました（{words.who(last.who)}：{what}）。"
        raise Conflict(said + "今の状態を確かめてから、もう一度操作してください。", id="changed")


Act = Callable[[Doing], Awaitable[str | None]]
"""Gives the address at which to go on; None: at the ticket."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What was not done, why, and what had been typed for it. `insist`: the refusal that one may go against."""

    action: str
    why: str
    typed: dict[str, list[str]]
    insist: str | None = None


class Refused(Conflict):
    """A dial that is not made; `insist` as of `Failed`."""

    def __init__(self, message: str, insist: str | None) -> None:
        super().__init__(message, id="refused")
        self.insist = insist


class NotDone(Exception):
    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.action)
        self.failed = failed


def who_asks(request: web.Request) -> Who:
    viewer = request[VIEWER]
    return Who(viewer.name, viewer.tenant, supervisor=viewer.manages)


async def do(request: web.Request, name: str, act: Act, *, seen: bool = True) -> web.Response:
    """`seen`: the form says which version of the ticket the person saw. NotDone, with what had been typed."""
    app, who, now = request.app, who_asks(request), request.app[CLOCK].now()
    form = Form(await request.post())
    try:
        async with app[STORE].read() as db:
            asked = await store.get(db, request.match_info["ticket"], tenant=who.tenant)
            # Most who claim at once lose, and are told without waiting in the line of those who write.
            if name == "claim":
                service.require_free(asked, who, now)
            await fresh_line(app, db, asked.line)
        async with app[STORE].write() as db:
            # Whoever merges takes both tickets itself, in an order that two opposite merges share.
            alone = name != "merge"
            row = await store.get(db, request.match_info["ticket"], tenant=who.tenant, to_change=alone)
            policy, rules = app[LINES].policy(row.line), app[LINES].callbacks(row.line)
            doing = Doing(db, row, who, now, form, policy, rules)
            if seen:
                await doing.require_seen()
            ticket, before = row.ticket, undo.before(row)
            there = await act(doing)
            await audit.note(
                db,
                who=who.name,
                tenant=row.tenant,
                what="change",
                kind="callback",
                about=ticket,
                at=now,
                detail=name,
            )
            await was_done(db, ticket, before, who, now)
    except Conflict as told:
        insist = told.insist if isinstance(told, Refused) else None
        raise NotDone(Failed(name, str(told), form.typed(), insist)) from None
    for process in doing.wakes:
        wake(app[SETTINGS].run, process)
    raise web.HTTPSeeOther(_beside_the_same_list(request, there or f"/callbacks/{ticket}"))


def _beside_the_same_list(request: web.Request, path: str) -> str:
    """Who works through a list that is narrowed down goes on in it; the page that was left says which."""
    left = dict(parse_qsl(urlsplit(request.headers.get("Referer", "")).query))
    return path if "?" in path else filters.read(left).address(path)


async def fresh_line(app: web.Application, db: AsyncSession, key: str) -> None:
    """The rules of a line as they are in the store."""
    line, closed = await db.get(Line, key), (await closures.by_line(db)).get(key, ())
    if line is None or not app[LINES].knows(line, closed):
        await app[LINES].reload(app[STORE])


async def was_done(db: AsyncSession, ticket: str, before: Before, who: Who, now: datetime) -> None:
    """The lease goes on with it, and it may be taken back."""
    row = await store.find(db, ticket)
    if row is None or row.ticket != ticket:  # it became a part of another
        return
    if row.agent == who.name and row.state not in CLOSED:
        await service.renew(db, ticket, who, until=now + service.LEASE, now=now)
    await undo.keep(db, row, before, who=who, now=now)


async def still_working(database: Store, ticket: str, who: Who, now: datetime) -> None:
    """Somebody types or listens: the lease goes on. Conflict if the ticket is somebody else's by now."""
    async with database.write() as db:
        await service.renew(db, ticket, who, until=now + service.LEASE, now=now)


def one_of(given: str, allowed: Sequence[str], said: str) -> str:
    """Conflict that says `said` for what is none of them."""
    if given not in allowed:
        raise Conflict(said, id="choice")
    return given
