"""What the pane of one ticket shows."""

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import asking, dialing, escalation, results, undo
from ivr.callbacks.policy import Policy
from ivr.callbacks.results import Result
from ivr.callbacks.states import CLOSED, ON_THE_LINE, owes_result
from ivr.dialplan.callbacks import CallbackRules
from ivr.errors import StoreError
from ivr.messages.transcription import seconds_left
from ivr.store import barred, deliveries, dials
from ivr.store import callbacks as store
from ivr.store.tables import AgentRow, CallbackRow, DialRow, UndoRow
from ivr.web import words
from ivr.web.callbacks import read
from ivr.web.callbacks.actions import colleagues
from ivr.web.callbacks.doing import Failed, fresh_line, who_asks
from ivr.web.callbacks.heard import heard
from ivr.web.callbacks.read import View
from ivr.web.keys import CLOCK, LINES, SEAT, SETTINGS, STORE, VIEWER
from ivr.web.trail import looked_at

log = logging.getLogger("ivr.web")

FAILED = web.RequestKey("failed", Failed)  # what the form that is answered could not do


@dataclass(frozen=True, slots=True)
class Hand:
    """What the person who looks at a ticket has in hand.

    `held_by`: another agent whose lease runs. `ringing`: a dial that is not over; `owed_by`: who dialled, by hand or up to a
    talk, and has not said how it went; `wants_result`: that is the person, and the dial is over.
    """

    mine: bool
    held_by: str | None
    offered: bool
    closed: bool
    on_the_line: bool
    ringing: DialRow | None
    owed_by: str | None
    wants_result: bool
    agent: AgentRow | None
    tel_link: bool
    undo: UndoRow | None

    @property
    def may_dial(self) -> bool:
        return not (self.closed or self.held_by or self.on_the_line)

    @property
    def may_record(self) -> bool:
        late = self.owed_by is not None and not self.held_by
        return (self.mine or late) and not self.closed


async def values(request: web.Request, db: AsyncSession, ticket: str) -> dict[str, Any]:
    """For ticket.html. `ticket` may be a number that was merged into another. NotFound past the wall between tenants.

    `?message=`, or the message of a form that was not carried out: which one is shown.
    """
    app, now = request.app, request.app[CLOCK].now()
    view = await read.one(db, ticket, tenant=request[VIEWER].tenant, now=now)
    row = view.callback
    failed = request.get(FAILED)
    # What had been typed for one message must not come to stand in the form of another.
    named = next(iter(failed.typed.get("message", ())), None) if failed else request.query.get("message")
    view = next(
        (replace(view, message=one) for _, one in view.contacts if one is not None and one.id == named), view
    )
    lines = app[LINES]
    await fresh_line(app, db, row.line)
    rules, live = lines.callbacks(row.line), lines.get(row.line)
    hand = await _hand(request, db, row, rules, now)
    message = view.message
    return {
        "view": view,
        "hand": hand,
        "failed": failed,
        "typed": _typed(failed),
        "dedicated": await barred.dedicated(db, row.tenant, row.number)
        if row.dedicated and row.number
        else None,
        "events": await store.events(db, row.ticket),
        "contacts": view.contacts,
        "others": await asking.others(db, row),
        "colleagues": [] if hand.closed else await colleagues(db, row.tenant, who_asks(request)),
        "text_in": await seconds_left(db, message, len(app[SETTINGS].transcriber)) if message else None,
        "heard": heard(message) if message else None,
        "notices": await deliveries.of_subject(db, row.ticket),
        "owes": owes_result(row.state, row.unrecorded),
        "unsolved": escalation.unsolved(row, now),
        "affected": live is not None and escalation.affected(row, live.closings),
        "outcomes": await _outcomes(db, row, lines.policy(row.line), now) if hand.may_record else (),
        "script": script(view, rules, request[VIEWER].name, now),
        "key": uuid4().hex,
    }


def _typed(failed: Failed | None) -> Any:
    """(form, field, what stands there otherwise) -> what had been typed in a form that was not carried out."""

    def typed(action: str, name: str, usual: str | None = "") -> str:
        if failed is not None and failed.action == action:
            return next(iter(failed.typed.get(name, ())), "")
        return usual or ""

    return typed


async def _hand(
    request: web.Request, db: AsyncSession, row: CallbackRow, rules: CallbackRules, now: datetime
) -> Hand:
    who = who_asks(request)
    leased = row.lease_until is not None and row.lease_until > now
    made = await dials.of_ticket(db, row.ticket)
    last = made[-1] if made else None
    closed = row.state in CLOSED
    on_the_line = row.state in ON_THE_LINE
    ringing = last if last is not None and on_the_line and last.ended_at is None else None
    held_by = row.agent if row.agent not in (None, who.name) and leased else None
    owes = row.unrecorded == who.name and not (held_by or ringing or closed)
    telephone = request.get(SEAT)
    return Hand(
        mine=row.agent == who.name,
        held_by=held_by,
        offered=row.offered_to == who.name,
        closed=closed,
        on_the_line=on_the_line,
        ringing=ringing,
        owed_by=row.unrecorded,
        wants_result=owes,
        agent=telephone if telephone is not None and telephone.tenant in (None, row.tenant) else None,
        tel_link=rules.tel_links,
        undo=await undo.offered(db, who, now),
    )


async def _outcomes(
    db: AsyncSession, row: CallbackRow, policy: Policy, now: datetime
) -> Sequence[tuple[Result, str, datetime | None]]:
    """Each result, its word, and when it proposes to ring again."""
    proposed = await dialing.proposals(db, row, policy, now)
    return [(one, words.RESULTS[one], proposed.get(one)) for one in results.RESULTS]


def script(view: View, rules: CallbackRules, agent: str, now: datetime) -> dict[str, str]:
    """What the agent says: to whoever answers, to others, on an answering machine, and to the customer."""
    row = view.callback
    of_company = f"{row.company}のご担当者様" if row.company else "お電話をくださった方"
    plain = {
        "agent": agent,
        "line": view.line_name,
        "customer": f"{row.name}様" if row.name else of_company,
    }
    told = {
        **plain,
        "asked": words.day_and_time(row.created_at, now),
        "matter": f"「{row.matter}」" if row.matter else "",
    }
    said = rules.script
    return {
        "opening": said.opening.format(**plain),
        "family": said.family.format(**plain),
        "machine": said.machine.format(**plain),
        "confirmed": said.confirmed.format(**told),
    }


async def notice_opened(request: web.Request) -> None:
    """`?notice=`, the link of a mail: noted before the page says what became of it. The page does not depend on it."""
    app, notice = request.app, request.query.get("notice", "")
    if re.fullmatch(r"[0-9]{1,9}", notice) is None:
        return
    try:
        async with app[STORE].write() as db:
            row = await store.get(db, request.match_info["ticket"], tenant=request[VIEWER].tenant)
            await deliveries.seen(db, int(notice), row.ticket, app[CLOCK].now())
    except StoreError:
        log.exception("it was not noted that a notice was opened")


async def shown(request: web.Request, answer: web.Response, row: CallbackRow) -> web.Response:
    """Sends the ticket, then notes who looked at it: nobody waits for that."""
    await _send(request, answer)
    await looked_at(request, "callback", row.ticket, tenant=row.tenant)
    return answer


async def list_shown(request: web.Request, answer: web.Response, show: str) -> web.Response:
    """The same for a list that was opened; live.js, which keeps it fresh, asks for its parts."""
    await _send(request, answer)
    tenant = request[VIEWER].tenant
    await looked_at(request, "list", "callbacks", tenant=tenant, detail=show, once_in=None)
    return answer


async def _send(request: web.Request, answer: web.Response) -> None:
    with suppress(ConnectionError):  # the browser is gone; it may have got the page all the same
        await answer.prepare(request)
        await answer.write_eof()
