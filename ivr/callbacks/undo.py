"""元に戻す: what somebody did last to a ticket is taken back, while nothing else has happened to it since.

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
from ivr.store import barred, callbacks, dials, undos
from ivr.store.tables import CallbackRow, UndoRow, UtcTime

TIME = timedelta(seconds=90)
# Events that are taken back. What rang a customer, made a promise or joined two tickets is not.
WHATS = frozenset(
    {
        *("claim", "give_back", "offer", "accept", "decline", "edit", "number", "filled", "flag", "next"),
        *("priority", "result", "done", "reopen", "second", "second_end", "working", "waiting"),
    }
)
# Columns that get their values back.
COLUMNS = (
    *("agent", "lease_until", "offered_to", "second", "name", "company", "addressee", "member", "matter"),
    *("preferred_time", "email", "number", "wrong_number", "priority", "careful", "complaint", "next_at"),
    *("outcome", "result", "done_at", "misses", "exhausted_at", "reply_wanted", "unrecorded"),
)


@dataclass(frozen=True, slots=True)
class Before:
    """A ticket before something was done to it. `values`: as JSON has them."""

    version: int
    state: str
    values: dict[str, Any]


def before(row: CallbackRow) -> Before:
    values = {name: getattr(row, name) for name in COLUMNS}
    kept = {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }
    return Before(row.version, row.state, kept)


async def keep(session: AsyncSession, row: CallbackRow, before: Before, *, who: Who, now: datetime) -> None:
    """`row`: the ticket afterwards. Only the last thing that somebody did can be taken back."""
    if row.version == before.version:
        return
    last = await callbacks.last_event(session, row.ticket)
    if last.what not in WHATS:
        await undos.drop(session, row.ticket, row.tenant, who.name)
        return
    about = {"ticket": row.ticket, "tenant": row.tenant, "who": who.name, "at": now}
    done = {"what": last.what, "event": last.id, "state": before.state, "before": before.values}
    await undos.put(session, {**about, **done})


async def offered(session: AsyncSession, who: Who, now: datetime) -> UndoRow | None:
    """What `who` did last, whichever ticket it was; it may turn out to be impossible to take back all the same."""
    return await undos.of_person(session, who.name, who.tenant, now - TIME)


async def undo(session: AsyncSession, ticket: str, *, who: Who, now: datetime) -> CallbackRow:
    """Conflict that says why it cannot be taken back (any more)."""
    row = await service.own(session, ticket, who)
    done, last = await undos.of_ticket(session, row.ticket), await callbacks.last_event(session, row.ticket)
    if last.who == who.name and last.what not in (*WHATS, "undo"):
        raise Conflict("この操作は、元に戻せません。", id="undo")
    if done is None or done.who != who.name:
        raise Conflict("元に戻せる操作がありません。", id="undo")
    if done.event != last.id:
        raise Conflict("そのあとに変更があったため、元に戻せません。", id="undo")
    if now >= done.at + TIME:
        raise Conflict("時間がたったため、元に戻せません。", id="undo")
    what, state, changes = done.what, done.state, _values(done)
    way = _way(row.state, state)
    if what == "result":
        changes["unrecorded"] = await _forget_result(session, row, who, done.at)
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
            why=what,
            changes=changes,
        )
    return row


def _values(done: UndoRow) -> dict[str, Any]:
    columns = CallbackRow.__table__.c
    return {
        name: datetime.fromisoformat(value) if value and isinstance(columns[name].type, UtcTime) else value
        for name, value in done.before.items()
    }


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


async def _forget_result(session: AsyncSession, row: CallbackRow, who: Who, at: datetime) -> str | None:
    """Of the last dial, whose agent it gives; and 今後の連絡不要 no longer waits for its approval."""
    made = await dials.of_ticket(session, row.ticket)
    if made:
        made[-1].outcome = None
    if row.outcome == "no_more_calls" and row.number is not None:
        for one in await barred.standing(session, "outgoing", tenant=row.tenant, now=at, number=row.number):
            if (one.asked_by, one.asked_at, one.approved_at) == (who.name, at, None):
                one.ended_by, one.ended_at = who.name, at
    await session.flush()
    return made[-1].agent if made else None
