"""What the clock does to callbacks: leases that end, due times that come near and pass, targets that nobody typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.due import due_at
from ivr.callbacks.policy import Policies, Policy
from ivr.callbacks.states import CLOSED
from ivr.callbacks.who import SYSTEM, Who
from ivr.errors import CalendarError
from ivr.hours.closings import Closing
from ivr.store import callbacks as store
from ivr.store import dials
from ivr.store.tables import CallbackRow

Happened = Literal["near", "second", "third", "freed"]
LIMIT = 500


@dataclass(frozen=True, slots=True)
class Step:
    """What a sweep found and wrote into the history of a ticket; somebody is to be told of all but `freed`."""

    ticket: str
    tenant: str
    line: str
    happened: Happened


async def sweep(session: AsyncSession, policies: Policies, now: datetime) -> Sequence[Step]:
    """Once a minute. Twice does no harm: each step of a ticket is taken once."""
    steps = [
        step
        for row in await store.leases_over(session, now, LIMIT)
        if (step := await _freed(session, row, now))
    ]
    for row in await store.unfinished(session, sorted(CLOSED), LIMIT):
        policy = policies(row.line)
        await _targets(session, row, policy)
        step = await _late(session, row, policy, now)
        if step is not None:
            steps.append(step)
    return steps


async def _freed(session: AsyncSession, row: CallbackRow, now: datetime) -> Step | None:
    """An agent is gone, or an engine in the middle of a dial: the ticket is open again, and says so."""
    row = await store.get(session, row.ticket, to_change=True)
    if row.lease_until is None or row.lease_until > now or row.state in CLOSED:
        return None
    if row.state in ("dialing", "talking"):
        for dial in await dials.of_ticket(session, row.ticket):
            if dial.ended_at is None:
                dial.ended_at = now
                await dials.unlock(session, dial.key)
    if row.state in ("working", "waiting"):  # the owner stays responsible; others may take it
        row.lease_until = None
        await session.flush()
        return None
    await service.change(
        session, row, "open", who=SYSTEM, what="lease_end", now=now, why=row.agent, changes=service.FREE
    )
    return Step(row.ticket, row.tenant, row.line, "freed")


async def _targets(session: AsyncSession, row: CallbackRow, policy: Policy) -> None:
    """Resolution and news, from what the line promises; they are counted from when it was asked for."""
    target = policy.rules.target(row.priority)
    if row.resolution_due_at is None and target.resolution is not None and row.reply_wanted is not False:
        try:
            row.resolution_due_at = due_at(target.resolution, row.created_at, policy.business)
        except (CalendarError, OverflowError):
            return
    if row.news_due_at is None and target.news is not None and row.reply_wanted is not False:
        row.news_due_at = row.created_at + target.news
    await session.flush()


async def _late(session: AsyncSession, row: CallbackRow, policy: Policy, now: datetime) -> Step | None:
    if row.due_at is None or row.begun_at is not None:
        return None
    rules = policy.rules.escalation
    if row.tier < 3 and now >= row.due_at + rules.third:
        tier, happened = 3, "third"
    elif row.tier < 2 and now >= row.due_at + rules.second:
        tier, happened = 2, "second"
    elif row.warned_at is None and now >= row.due_at - rules.near:
        tier, happened = row.tier, "near"
    else:
        return None
    row = await store.get(session, row.ticket, to_change=True)
    if row.state in CLOSED or row.begun_at is not None:
        return None
    what, why = ("escalate", f"tier {tier}") if tier > row.tier else ("near_due", None)
    changes = {"tier": max(tier, row.tier), "warned_at": row.warned_at or now}
    await service.change(session, row, None, who=SYSTEM, what=what, now=now, why=why, changes=changes)
    found: dict[str, Happened] = {"third": "third", "second": "second", "near": "near"}
    return Step(row.ticket, row.tenant, row.line, found[happened])


async def news_told(
    session: AsyncSession, ticket: str, *, policy: Policy, who: Who, now: datetime
) -> CallbackRow:
    """The customer has heard of the progress; the next news are due after the line's interval."""
    row = await service.own(session, ticket, who)
    interval = policy.rules.target(row.priority).news
    changes = {"news_due_at": now + interval if interval else None}
    return await service.change(session, row, None, who=who, what="news", now=now, changes=changes)


async def help_out(session: AsyncSession, ticket: str, *, who: Who, now: datetime) -> CallbackRow:
    """二次対応中: one of a higher tier works on it; who has it stays responsible to the customer."""
    row = await service.own(session, ticket, who)
    changes = {"second": who.name}
    return await service.change(session, row, None, who=who, what="second", now=now, changes=changes)


def affected(row: CallbackRow, closings: Sequence[Closing]) -> bool:
    """「約束に影響」: it was promised for a time in which the line is closed by now. The promise stays."""
    due = row.due_at
    if due is None or row.begun_at is not None or row.state in CLOSED:
        return False
    return any(one.begin <= due and (one.end is None or due <= one.end) for one in closings)
