"""A dial as the engine carries it out: taken by one engine, looked at once more before the customer is rung, or given up.

Beside `dialing`, whose functions say what became of it. Each runs in the caller's transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import dialing, guard, service
from ivr.callbacks.guard import DialFacts, Refusal
from ivr.callbacks.policy import Policy
from ivr.callbacks.who import SYSTEM, Who
from ivr.store import barred, callbacks, contacts, dials
from ivr.store.tables import CallbackRow, DialRow

LATE = timedelta(seconds=30)  # a dial that nobody carried out for so long rings nobody any more


async def take(session: AsyncSession, key: str, engine: str) -> DialRow | None:
    """The dial, if it is this engine's to ring now: it is so once, whoever asks, however often. Too late is not looked at."""
    found = await dialing.held(session, key)
    if found is None or found[0].engine is not None or found[0].by_hand or found[1].state != "dialing":
        return None
    found[0].engine = engine
    await session.flush()
    return found[0]


async def unfinished(session: AsyncSession, engine: str) -> Sequence[DialRow]:
    """What this engine has taken and that is not over: after a start, of the one before it."""
    return await dials.of_engine(session, engine)


async def still(
    session: AsyncSession, key: str, *, policy: Policy, until: datetime, now: datetime
) -> Refusal | None:
    """At the instant at which the customer is rung: what can have changed since the dial began. None: it may ring."""
    found = await dialing.going_on(session, key, until)
    if found is None or found[1].state != "dialing":
        return Refusal("locked", "この発信は、取り消されたか、時間が切れました。")
    dial, row = found
    if row.number != dial.number:
        return Refusal("not_dialled", "発信している間に、お客様の電話番号が変わりました。")
    bans = await barred.standing(session, "outgoing", tenant=row.tenant, now=now, number=dial.number)
    facts = DialFacts(
        number=row.number,
        wrong_number=row.wrong_number,
        reply_wanted=row.reply_wanted,
        priority=row.priority,
        wish=None,  # the agent has seen it
        barred=bans[0].reason if bans else None,
        locked_by=None,
        dials_today=0,
        on_the_line=0,
    )
    return guard.may_dial(facts, policy, now)


async def not_rung(session: AsyncSession, key: str, why: str, *, now: datetime, free: bool = False) -> None:
    """The customer's telephone never rang: it was no attempt, no work has begun by it, and the history says why.

    The agent keeps the ticket; `free`: it is anybody's. Twice does no harm.
    """
    found = await dialing.held(session, key)
    if found is None:
        return
    dial, row = found
    dial.ended_at = now
    await session.flush()
    await dials.unlock(session, key)
    if row.state != "dialing":
        return
    agent = Who(dial.agent, row.tenant)
    changes = {**service.FREE, **await _unbegun(session, row, dial), "attempts": max(0, row.attempts - 1)}
    row = await service.change(
        session, row, "open", who=SYSTEM, what="not_rung", now=now, why=why, changes=changes
    )
    if not free:
        await service.claim(session, row.ticket, agent, until=now + service.LEASE, now=now)


async def _unbegun(session: AsyncSession, row: CallbackRow, dial: DialRow) -> dict[str, datetime | None]:
    """No promise is kept by a telephone that never rang; what had begun before it stays begun."""
    if row.begun_at != dial.began_at:
        return {}
    await contacts.unbegun(session, row.ticket, dial.began_at)
    waiting = [one.due_at for one in await contacts.of_ticket(session, row.ticket) if one.begun_at is None]
    dues = [due for due in (*waiting, row.due_at) if due is not None]
    return {"begun_at": None, "due_at": min(dues, default=None)}


async def said(session: AsyncSession, ticket: str, what: str, why: str, *, now: datetime) -> None:
    """Into the history alone."""
    row = await callbacks.get(session, ticket, to_change=True)
    await service.change(session, row, None, who=SYSTEM, what=what, now=now, why=why, changes={})
