"""What may be done to a callback. Each function runs in the caller's transaction.

NotFound past the wall between tenants; Conflict, in words for the page, where something is not possible now.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import results, states
from ivr.callbacks.priority import became, rank
from ivr.callbacks.results import Result
from ivr.callbacks.who import Who
from ivr.errors import Conflict
from ivr.store import callbacks as store
from ivr.store import contacts, dials
from ivr.store.tables import CallbackRow

CLAIMED: states.State = "claimed"
LEASE = timedelta(minutes=15)  # of a claim on the pages, from the last thing that was done on the ticket
FREE: dict[str, Any] = {"agent": None, "lease_until": None, "offered_to": None}


async def own(session: AsyncSession, ticket: str, who: Who) -> CallbackRow:
    """The callback, to be changed: nobody else does before the commit."""
    return await store.get(session, ticket, tenant=who.tenant, to_change=True)


def require_free(row: CallbackRow, who: Who, now: datetime) -> None:
    """Conflict that says who has it, if that is another agent whose lease runs."""
    held = row.agent not in (None, who.name) and row.lease_until is not None and row.lease_until > now
    if held:
        raise Conflict(f"この折り返しは、{row.agent}さんが担当しています。", id="held")


def require_quiet(row: CallbackRow) -> None:
    """Conflict while somebody rings the customer or talks, or has not said yet how that went."""
    if row.state in states.ON_THE_LINE:
        raise Conflict("お電話が終わってから、結果を記録してください。", id="state")


def require_supervisor(who: Who, what: str) -> None:
    if not who.supervisor:
        raise Conflict(f"{what}は、スーパーバイザーだけができます。", id="supervisor")


# -- who has it -------------------------------------------------------------------------------


async def claim(
    session: AsyncSession, ticket: str, who: Who, *, until: datetime, now: datetime
) -> CallbackRow:
    """Gives the callback to one agent until `until`; claiming one's own again moves the lease.

    Conflict if another agent has it and the lease still runs. A claim is no work: no clock stops.
    """
    row = await own(session, ticket, who)
    require_free(row, who, now)
    after = None if row.state in ("working", "waiting") else CLAIMED
    changes = {**FREE, "agent": who.name, "lease_until": until}
    return await change(session, row, after, who=who, what="claim", now=now, changes=changes)


async def renew(
    session: AsyncSession, ticket: str, who: Who, *, until: datetime, now: datetime
) -> CallbackRow:
    """Something was done on the ticket: its lease goes on, and the lock of a dial by hand. No event.

    Conflict if somebody else has it by now.
    """
    row = await own(session, ticket, who)
    require_free(row, who, now)
    if row.agent != who.name:
        raise Conflict("この折り返しの担当ではありません。担当してから操作してください。", id="not_yours")
    if row.lease_until is None or row.lease_until < until:
        row.lease_until = until
        await session.flush()
    if row.state == "dialing":
        await dials.keep_by_hand(session, row.ticket, until)
    return row


async def give_back(
    session: AsyncSession, ticket: str, *, who: Who, now: datetime, why: str | None = None
) -> CallbackRow:
    row = await own(session, ticket, who)
    if not who.supervisor:
        require_free(row, who, now)
    require_quiet(row)
    unchanged(row)  # what is done is opened again by `reopen` alone
    return await change(session, row, "open", who=who, what="give_back", now=now, why=why, changes=FREE)


async def offer(
    session: AsyncSession, ticket: str, *, to: str, who: Who, memo: str, now: datetime
) -> CallbackRow:
    """引き継ぎ: `to` may accept it; until then it stays whose it is. The memo says what the next one must know."""
    row = await own(session, ticket, who)
    require_free(row, who, now)
    if not memo.strip():
        raise Conflict("引き継ぎには、メモが必要です。")
    changes = {"offered_to": to}
    return await change(session, row, None, who=who, what="offer", now=now, why=memo, changes=changes)


async def accept(
    session: AsyncSession, ticket: str, who: Who, *, until: datetime, now: datetime
) -> CallbackRow:
    row = await own(session, ticket, who)
    if row.offered_to != who.name:
        raise Conflict("この折り返しは、あなたに引き継がれていません。", id="not_yours")
    require_quiet(row)
    changes = {**FREE, "agent": who.name, "lease_until": until}
    after = CLAIMED if row.state == "open" else None
    return await change(session, row, after, who=who, what="accept", now=now, changes=changes)


async def decline(
    session: AsyncSession, ticket: str, *, who: Who, now: datetime, why: str | None = None
) -> CallbackRow:
    """The handover does not happen: who was to accept it does not, or who offered it keeps it."""
    row = await own(session, ticket, who)
    if row.offered_to is None or who.name not in (row.offered_to, row.agent):
        raise Conflict("この折り返しは、あなたに引き継がれていません。", id="not_yours")
    changes = {"offered_to": None}
    return await change(session, row, None, who=who, what="decline", now=now, why=why, changes=changes)


async def assign(
    session: AsyncSession, ticket: str, *, to: str, who: Who, until: datetime, now: datetime
) -> CallbackRow:
    """A supervisor gives it to somebody, whoever has it; not while somebody is on the line."""
    require_supervisor(who, "担当の変更")
    row = await own(session, ticket, who)
    after = None if row.state in ("working", "waiting") else CLAIMED
    changes = {**FREE, "agent": to, "lease_until": until}
    return await change(session, row, after, who=who, what="assign", now=now, why=to, changes=changes)


# -- work ---------------------------------------------------------------------------------------


async def begin_work(session: AsyncSession, ticket: str, *, who: Who, now: datetime) -> CallbackRow:
    """Work on the matter begins without a dial, and this is noted: the response clock stops."""
    row = await own(session, ticket, who)
    require_free(row, who, now)
    changes = await begun(session, row, now)
    return await change(session, row, None, who=who, what="begin", now=now, changes=changes)


async def wait(
    session: AsyncSession,
    ticket: str,
    state: Literal["working", "waiting"],
    *,
    who: Who,
    now: datetime,
    next_at: datetime | None = None,
) -> CallbackRow:
    """確認中 becomes お客様待ち, or the other way round; `next_at`: of the next contact, which 確認中 always has."""
    row = await own(session, ticket, who)
    require_free(row, who, now)
    if state == "working" and next_at is None:
        raise Conflict("確認中にするには、次にご連絡する日時が必要です。", id="next_needed")
    if row.state not in ("working", "waiting"):
        said = f"「{states.WORDS[state]}」にできるのは、ご本人とお話しした後です。結果から記録してください。"
        raise Conflict(said, id="state")
    after = None if row.state == state else state
    return await change(session, row, after, who=who, what=state, now=now, changes={"next_at": next_at})


async def begun(session: AsyncSession, row: CallbackRow, now: datetime) -> dict[str, Any]:
    """What changes of the row when work begins on all that was asked until now."""
    await contacts.begun(session, row.ticket, now)
    return {"begun_at": row.begun_at or now}


async def close(
    session: AsyncSession,
    ticket: str,
    *,
    who: Who,
    now: datetime,
    result: Result | None = None,
    note: str | None = None,
) -> CallbackRow:
    """対応済み, from any state in which something was left to do and nobody is on the line.

    `result` None: it was done without a call, and `note` says how, if a call was wanted or it is a complaint. Conflict for a
    result that answers nobody, for another agent's callback, and for a complaint that no supervisor closes.
    """
    row = await own(session, ticket, who)
    if not who.supervisor:
        require_free(row, who, now)
    if result is not None and result not in results.ANSWERS:
        said = f"「{results.WORDS[result]}」では、対応済みにできません。次回の架電を決めてください。"
        raise Conflict(said, id="not_answered")
    require_quiet(row)
    if row.complaint:
        require_supervisor(who, "クレームの対応完了")
    wanted = row.state not in states.CLOSED and (row.reply_wanted is not False or row.complaint)
    if wanted and result is None and not (note or "").strip():
        said = "お電話をせずに対応済みにするには、どのように解決したかを入力してください。"
        raise Conflict(said, id="note")
    changes = {
        **FREE,
        **await begun(session, row, now),
        "agent": row.agent or who.name,
        "done_at": now,
        "result": note,
        "outcome": result or row.outcome,
        "next_at": None,
    }
    return await change(session, row, "done", who=who, what="done", now=now, why=note, changes=changes)


async def reopen(
    session: AsyncSession, ticket: str, *, who: Who, now: datetime, why: str | None = None
) -> CallbackRow:
    """A callback that was done is to be done after all; due time and number stay."""
    row = await own(session, ticket, who)
    if row.state != "done":
        raise Conflict(f"この折り返しは「{states.WORDS['done']}」ではありません。", id="state")
    changes = {**FREE, "second": None, "done_at": None, "result": None}
    return await change(session, row, "open", who=who, what="reopen", now=now, why=why, changes=changes)


async def cancel(session: AsyncSession, ticket: str, *, who: Who, why: str, now: datetime) -> CallbackRow:
    """取消, always with a reason: the customer wants no callback any more, or it was none."""
    row = await own(session, ticket, who)
    if not who.supervisor:
        require_free(row, who, now)
    if not why.strip():
        raise Conflict("取消には、理由が必要です。", id="reason")
    if row.complaint:
        require_supervisor(who, "クレームの取消")
    changes = {**FREE, "done_at": now, "next_at": None}
    return await change(session, row, "cancelled", who=who, what="cancel", now=now, why=why, changes=changes)


async def give_up(session: AsyncSession, ticket: str, *, who: Who, why: str, now: datetime) -> CallbackRow:
    """連絡不能, by a supervisor: nobody else ends a callback whose customer was not reached."""
    require_supervisor(who, "連絡不能の判断")
    if not why.strip():
        raise Conflict("連絡不能とするには、理由が必要です。", id="reason")
    row = await own(session, ticket, who)
    changes = {**FREE, "done_at": now, "next_at": None}
    return await change(
        session, row, "unreachable", who=who, what="give_up", now=now, why=why, changes=changes
    )


# -- what is known and wanted -----------------------------------------------------------------


async def raise_priority(
    session: AsyncSession,
    ticket: str,
    priority: str,
    *,
    who: Who,
    why: str,
    now: datetime,
    due: datetime | None = None,
) -> CallbackRow:
    """`due`: by when work must have begun at the higher priority; it never moves what was promised later.

    Nothing changes if the callback is as urgent already, or nothing is left to do.
    """
    row = await own(session, ticket, who)
    if rank(priority) <= rank(row.priority) or row.state in states.CLOSED:
        return row
    changes: dict[str, Any] = {"priority": priority}
    if due is not None and row.begun_at is None and row.reply_wanted is not False:
        changes["due_at"] = due if row.due_at is None else min(row.due_at, due)
        changes["warned_at"] = None
    await became(session, row.ticket, row.priority, priority, now)
    return await change(
        session, row, None, who=who, what="priority", now=now, why=f"{priority}: {why}", changes=changes
    )


async def lower_priority(
    session: AsyncSession, ticket: str, priority: str, *, who: Who, why: str, now: datetime
) -> CallbackRow:
    """With a reason. What was promised stays promised."""
    row = await own(session, ticket, who)
    require_free(row, who, now)
    if not why.strip():
        raise Conflict("優先度を下げるには、理由が必要です。")
    if rank(priority) >= rank(row.priority):
        return row
    changes = {"priority": priority}
    return await change(
        session, row, None, who=who, what="priority", now=now, why=f"{priority}: {why}", changes=changes
    )


def unchanged(row: CallbackRow) -> states.State:
    """The state it is in; Conflict if nothing is left to do."""
    for state in states.STATES:
        if state == row.state and state not in states.CLOSED:
            return state
    states.require(row.state, "claimed")
    raise Conflict


async def change(
    session: AsyncSession,
    row: CallbackRow,
    after: states.State | None,
    *,
    who: Who,
    what: str,
    now: datetime,
    why: str | None = None,
    changes: dict[str, Any],
) -> CallbackRow:
    """`after` None: the state stays. Conflict if the table of states does not allow it."""
    if after is None:
        after = unchanged(row)
    else:
        states.require(row.state, after)
    return await store.transition(
        session,
        row.ticket,
        version=row.version,
        after=after,
        who=who.name,
        what=what,
        at=now,
        why=why,
        changes=changes,
    )
