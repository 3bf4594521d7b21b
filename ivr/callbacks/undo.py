"""元に戻す: what somebody did last to a ticket is taken back, while nobody has done anything to it since.

Promises stay as they are: a due time, or that work was begun, is never taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service, states
from ivr.callbacks.states import State
from ivr.callbacks.who import Who
from ivr.errors import Conflict
from ivr.store import barred, callbacks, dials
from ivr.store.tables import CallbackRow

TIME = timedelta(seconds=90)
# Events that are taken back. What rang a customer, made a promise or joined two tickets is not.
WHATS = frozenset(
    {
        *("claim", "give_back", "offer", "accept", "decline", "edit", "number", "filled", "flag", "next"),
        *("priority", "result", "done", "reopen", "second", "working", "waiting"),
    }
)
# Columns that get their values back.
COLUMNS = (
    *("agent", "lease_until", "offered_to", "second", "name", "company", "addressee", "member", "matter"),
    *("preferred_time", "email", "number", "wrong_number", "priority", "careful", "complaint", "next_at"),
    *("outcome", "result", "done_at", "misses", "exhausted_at", "reply_wanted"),
)


@dataclass(frozen=True, slots=True)
class Before:
    """A ticket before something was done to it."""

    state: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What somebody did last; `version` of the ticket since."""

    ticket: str
    what: str
    at: datetime
    version: int
    before: Before


def before(row: CallbackRow) -> Before:
    return Before(row.state, {name: getattr(row, name) for name in COLUMNS})


def may(done: Done, now: datetime) -> bool:
    """Whether it is offered; it may turn out to be impossible all the same."""
    return done.what in WHATS and now < done.at + TIME


async def undo(session: AsyncSession, done: Done, *, who: Who, now: datetime) -> CallbackRow:
    """Conflict that says why it cannot be taken back (any more)."""
    row = await service.own(session, done.ticket, who)
    if done.what not in WHATS:
        raise Conflict("この操作は、元に戻せません。", id="undo")
    if not may(done, now):
        raise Conflict("時間がたったため、元に戻せません。", id="undo")
    if row.ticket != done.ticket or row.version != done.version:
        raise Conflict("そのあとに変更があったため、元に戻せません。", id="undo")
    way = _way(row.state, done.before.state)
    if done.what == "result":
        await _forget_result(session, row, who, done.at)
    changes = dict(done.before.values)
    if way[-1] == "claimed" and changes["agent"] is None:
        changes |= {"agent": who.name, "lease_until": now + service.LEASE}
    if way[-1] == "open":
        changes |= service.FREE
    for state in way:
        row = await callbacks.transition(
            session,
            row.ticket,
            version=row.version,
            after=state,
            who=who.name,
            what="undo",
            at=now,
            why=done.what,
            changes=changes,
        )
    return row


def _way(now: str, back: str) -> Sequence[State]:
    """The states on the way back; nobody is on the line again by it."""
    there = next(state for state in states.STATES if state == back)
    here = next(state for state in states.STATES if state == now)
    if there in states.ON_THE_LINE:
        there = "claimed"
    if here == there or there in states.TRANSITIONS[here]:
        return [there]
    if "open" in states.TRANSITIONS[here]:
        return ["open", there if there in states.TRANSITIONS["open"] else "claimed"]
    raise Conflict(f"「{states.WORDS[here]}」からは、元に戻せません。", id="undo")


async def _forget_result(session: AsyncSession, row: CallbackRow, who: Who, at: datetime) -> None:
    """Of the last dial; and 今後の連絡不要 no longer waits for its approval."""
    made = await dials.of_ticket(session, row.ticket)
    if made:
        made[-1].outcome = None
    if row.outcome == "no_more_calls" and row.number is not None:
        for one in await barred.standing(session, "outgoing", tenant=row.tenant, now=at, number=row.number):
            if (one.asked_by, one.asked_at, one.approved_at) == (who.name, at, None):
                one.ended_by, one.ended_at = who.name, at
    await session.flush()
