"""Ringing back: the guard and the lock, the state before the dial, and what became of it.

The state is stored before the telephone rings; `key` names one request for a dial, so that asking twice, or again
after a crash, rings once. Each function runs in the caller's transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import guard, service
from ivr.callbacks.attempts import exhausted, next_attempt
from ivr.callbacks.guard import Code, DialFacts, Refusal
from ivr.callbacks.policy import Policy
from ivr.callbacks.results import ANSWERS, NO_NEXT, RESULTS, Result, in_a_row
from ivr.callbacks.states import ON_THE_LINE, State
from ivr.callbacks.who import SYSTEM, Who
from ivr.errors import Conflict
from ivr.store import barred, contacts, dials
from ivr.store import callbacks as store
from ivr.store.tables import CallbackRow, DialRow

RINGING = timedelta(minutes=3)  # how long a dial of which nothing more is heard holds its lock
BY_HAND = timedelta(minutes=15)  # the same on a telephone that no engine sees
AFTERWARDS = timedelta(minutes=15)  # how long an agent has after a talk to say how it went
FROM = ("claimed", "working", "waiting")


@dataclass(frozen=True, slots=True)
class Dial:
    """`fresh` False: it was begun before, and must not ring again."""

    key: str
    ticket: str
    line: str
    number: str
    fresh: bool


async def begin(
    session: AsyncSession,
    ticket: str,
    *,
    who: Who,
    key: str,
    policy: Policy,
    now: datetime,
    insist: Collection[Code] = (),
    by_hand: bool = False,
) -> Dial | Refusal:
    """Checks, locks and writes it down; only then may anything ring. Conflict if `who` does not have the callback."""
    row = await service.own(session, ticket, who)
    before = await dials.by_key(session, key)
    if before is not None:
        return Dial(key, before.ticket, before.line, before.number, fresh=False)
    service.require_free(row, who, now)
    if row.agent != who.name or row.state not in FROM:
        raise Conflict("この折り返しの担当ではありません。担当してから発信してください。", id="not_yours")
    await store.one_at_a_time(session, f"dial {row.tenant} {row.number}", f"dials of {row.line}")
    refusal = guard.may_dial(await _facts(session, row, policy, now), policy, now, insist)
    if refusal is not None:
        return refusal
    assert row.number is not None
    until = now + (BY_HAND if by_hand else RINGING)
    about = {"tenant": row.tenant, "line": row.line, "number": row.number, "ticket": row.ticket}
    if not await dials.lock(session, {**about, "agent": who.name, "dial": key, "until": until}, now):
        return Refusal("locked", "ほかの担当者が、このお客様に発信中です。")
    await dials.add(session, {**about, "agent": who.name, "by_hand": by_hand, "key": key, "began_at": now})
    changes = {
        **await service.begun(session, row, now),
        "attempts": row.attempts + 1,
        "next_at": None,
        "lease_until": max(until, row.lease_until or until),
        # No engine hears a call by hand: from here on only the agent can tell how it went.
        **({"unrecorded": who.name} if by_hand else {}),
    }
    await service.change(session, row, "dialing", who=who, what="dial", now=now, changes=changes)
    return Dial(key, row.ticket, row.line, row.number, fresh=True)


async def _facts(session: AsyncSession, row: CallbackRow, policy: Policy, now: datetime) -> DialFacts:
    bans, held, today = [], None, 0
    if row.number is not None:
        bans = list(await barred.standing(session, "outgoing", tenant=row.tenant, now=now, number=row.number))
        held = await dials.locked(session, row.tenant, row.number, now)
        midnight = datetime.combine(now.astimezone(policy.zone).date(), time(), policy.zone)
        today = await dials.since(session, row.tenant, row.number, midnight)
    return DialFacts(
        number=row.number,
        wrong_number=row.wrong_number,
        reply_wanted=row.reply_wanted,
        priority=row.priority,
        wish=row.preferred_time,
        # Also one that waits for its approval: rather one call too few.
        barred=bans[0].reason if bans else None,
        locked_by=held.agent if held else None,
        dials_today=today,
        on_the_line=await dials.on_the_line(session, row.line, now),
        unrecorded=await store.unrecorded(session, row),
    )


async def answered(session: AsyncSession, key: str, *, until: datetime, now: datetime) -> bool:
    """Somebody is on the line. False if this dial is over or has lost its lock: then it must be hung up."""
    found = await going_on(session, key, until)
    if found is None:
        return False
    dial, row = found
    if row.state == "dialing":
        await service.change(session, row, "talking", who=SYSTEM, what="answered", now=now, changes={})
    dial.answered_at = dial.answered_at or now
    await session.flush()
    return True


async def keep(session: AsyncSession, key: str, *, until: datetime) -> bool:
    """The telephones still ring, or people talk: lock and lease hold until then. False as of `answered`."""
    return await going_on(session, key, until) is not None


async def going_on(session: AsyncSession, key: str, until: datetime) -> tuple[DialRow, CallbackRow] | None:
    """A dial that is not over, and its callback, with lock and lease until then."""
    found = await held(session, key)
    if found is None or found[1].state not in ON_THE_LINE:
        return None
    if not await dials.keep(session, key, until):
        return None
    found[1].lease_until = until
    await session.flush()
    return found


async def held(session: AsyncSession, key: str) -> tuple[DialRow, CallbackRow] | None:
    """A dial that is not over, and its callback, which nobody else changes. Whoever holds both took that one first."""
    dial = await dials.by_key(session, key)
    if dial is None:
        return None
    row = await store.get(session, dial.ticket, to_change=True)
    dial = await dials.by_key(session, key)
    return None if dial is None or dial.ended_at is not None else (dial, row)


async def ended(
    session: AsyncSession,
    key: str,
    outcome: Result | None,
    *,
    policy: Policy,
    now: datetime,
    why: str | None = None,
) -> None:
    """The telephones are hung up; the number is free. Twice does no harm.

    Nobody had answered: the ticket is open again, with the next attempt; `why` for the history. After a talk the agent
    says how it went, within AFTERWARDS.
    """
    found = await held(session, key)
    if found is None:
        return
    dial, row = found
    dial.ended_at = now
    await session.flush()
    await dials.unlock(session, key)
    if row.state == "dialing":
        await _missed(session, row, dial, outcome or "no_answer", SYSTEM, policy, now, why=why)
    elif row.state == "talking":
        row.lease_until = max(now + AFTERWARDS, row.lease_until or now)
        row.unrecorded = dial.agent
        # So that the open page hears of it at once.
        await store.note(session, row, who=SYSTEM.name, what="hung_up", at=now)


async def record(
    session: AsyncSession,
    ticket: str,
    result: Result,
    *,
    who: Who,
    policy: Policy,
    now: datetime,
    then: State | None = None,
    next_at: datetime | None = None,
    note: str | None = None,
) -> CallbackRow:
    """How it went, by the agent. After 本人と通話 `then` says what is left: done, working (until `next_at`), waiting, open.

    Any other result leaves the ticket open, with `next_at` or what the rules propose. Without a dial that the
    engine knows it is noted as one by hand. Who tells it when the lease has ended takes the ticket up again by that.
    """
    row = await service.own(session, ticket, who)
    if not who.supervisor:
        service.require_free(row, who, now)
    if row.state == "open" and row.unrecorded is not None:
        row = await service.claim(session, row.ticket, who, until=now + service.LEASE, now=now)
    if row.state not in (*FROM, *ON_THE_LINE):
        raise Conflict(
            "この折り返しの担当ではありません。担当してから結果を記録してください。", id="not_yours"
        )
    dial = await _dial_of(session, row, who, now)
    if result != "reached":
        if then not in (None, "open"):
            said = "ご本人と話していない結果では、対応済みにできません。次回の架電を決めてください。"
            raise Conflict(said, id="not_answered")
        return await _missed(session, row, dial, result, who, policy, now, next_at=next_at, note=note)
    return await _reached(session, row, dial, who, policy, now, then or "done", next_at, note)


async def _dial_of(session: AsyncSession, row: CallbackRow, who: Who, now: datetime) -> DialRow | None:
    """The dial that the result is of; made up if there was none. None without a number."""
    made = [one for one in await dials.of_ticket(session, row.ticket) if not one.never_rang]
    last = made[-1] if made else None
    if last is not None and last.outcome is None:
        await dials.unlock(session, last.key)
        last.ended_at = last.ended_at or now
        return last
    if row.number is None:
        return None
    about = {"tenant": row.tenant, "line": row.line, "number": row.number, "ticket": row.ticket}
    key = f"hand {row.ticket} {row.version}"
    row.attempts += 1
    return await dials.add(
        session,
        {**about, "agent": who.name, "by_hand": True, "key": key, "began_at": now, "ended_at": now},
    )


async def _reached(
    session: AsyncSession,
    row: CallbackRow,
    dial: DialRow | None,
    who: Who,
    policy: Policy,
    now: datetime,
    then: State,
    next_at: datetime | None,
    note: str | None,
) -> CallbackRow:
    if dial is not None:
        dial.outcome = "reached"
    if then == "working" and next_at is None:
        raise Conflict("確認中にするには、次にご連絡する日時が必要です。", id="next_needed")
    if then == "done" and row.complaint:
        service.require_supervisor(who, "クレームの対応完了")
    if row.state in ("claimed", "dialing"):  # dialled by hand: no engine has seen the talk
        if row.state == "claimed" and then != "done":
            row = await service.change(session, row, "dialing", who=who, what="dial", now=now, changes={})
        if row.state == "dialing":
            row = await service.change(session, row, "talking", who=who, what="answered", now=now, changes={})
    news = policy.rules.target(row.priority).news
    changes: dict[str, Any] = {
        **await service.begun(session, row, now),
        "attempts": row.attempts,
        "misses": 0,
        "exhausted_at": None,
        "outcome": "reached",
        "unrecorded": None,
        "result": note,
        "next_at": next_at,
        "news_due_at": now + news if news else None,
    }
    if then == "done":
        changes |= {**service.FREE, "agent": who.name, "done_at": now, "next_at": None}
    elif then == "open":
        changes |= service.FREE
    after = None if row.state == then else then
    return await service.change(
        session, row, after, who=who, what="result", now=now, why=_told("reached", note), changes=changes
    )


def _told(result: Result, note: str | None) -> str:
    """For the history, which reads it again in `said.why`."""
    return f"{result}: {note}" if note else result


async def _missed(
    session: AsyncSession,
    row: CallbackRow,
    dial: DialRow | None,
    result: Result,
    who: Who,
    policy: Policy,
    now: datetime,
    *,
    next_at: datetime | None = None,
    note: str | None = None,
    why: str | None = None,
) -> CallbackRow:
    if dial is not None:
        dial.outcome = result
    await session.flush()
    made = await dials.of_ticket(session, row.ticket)
    asked = await _asked(session, row)
    tries = [at for at in in_a_row([(one.began_at, one.outcome) for one in made]) if at >= asked]
    over = result == "no_more_calls" or (next_at is None and bool(tries) and exhausted(tries, policy))
    if next_at is None and tries:
        next_at = next_attempt(result, tries, policy, row.priority, row.preferred_time)
    changes: dict[str, Any] = {
        **service.FREE,
        **await service.begun(session, row, now),
        "attempts": row.attempts,
        "misses": len(tries),
        "outcome": result,
        "unrecorded": None,
        "result": note,
        "next_at": None if result in NO_NEXT else next_at,
        "exhausted_at": now if over else row.exhausted_at,
    }
    if result == "wrong_number":
        changes["wrong_number"] = row.number
    if result == "no_more_calls" and row.number is not None:
        await _ask_to_bar(session, row, who, now)
    said = why or _told(result, note)
    return await service.change(
        session, row, "open", who=who, what="result", now=now, why=said, changes=changes
    )


async def _asked(session: AsyncSession, row: CallbackRow) -> datetime:
    """When somebody last asked: who asks again can be reached, and earlier attempts do not count."""
    of = await contacts.of_ticket(session, row.ticket)
    return max((one.created_at for one in of), default=row.created_at)


async def proposals(
    session: AsyncSession, row: CallbackRow, policy: Policy, now: datetime
) -> dict[Result, datetime | None]:
    """When to ring again after each result but 本人と通話, as `record` would have it; None: not by itself."""
    asked = await _asked(session, row)
    rang = [one for one in await dials.of_ticket(session, row.ticket) if not one.never_rang]
    made = [(one.began_at, one.outcome) for one in rang]
    last = made.pop()[0] if made and made[-1][1] is None else now
    found: dict[Result, datetime | None] = {}
    for result in RESULTS:
        if result not in ANSWERS:
            tries = [at for at in in_a_row([*made, (last, result)]) if at >= asked]
            wish = row.preferred_time
            found[result] = next_attempt(result, tries, policy, row.priority, wish) if tries else None
    return found


async def _ask_to_bar(session: AsyncSession, row: CallbackRow, who: Who, now: datetime) -> None:
    """今後の連絡不要: onto the list 発信禁止, where a supervisor approves it."""
    await barred.add(
        session,
        {
            "tenant": row.tenant,
            "kind": "outgoing",
            "number": row.number,
            "reason": "今後の連絡不要とのご希望",
            "asked_by": who.name,
            "asked_at": now,
        },
    )


async def set_next(
    session: AsyncSession, ticket: str, next_at: datetime | None, *, who: Who, now: datetime
) -> CallbackRow:
    """The time of the next attempt or contact, which was proposed, is changed by a person."""
    row = await service.own(session, ticket, who)
    service.require_free(row, who, now)
    if row.state == "working" and next_at is None:
        raise Conflict("確認中の折り返しには、次にご連絡する日時が必要です。", id="next_needed")
    changes = {"next_at": next_at}
    return await service.change(session, row, None, who=who, what="next", now=now, changes=changes)
