"""What the clock does to callbacks: leases that end, due times that come near and pass, targets that nobody typed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import duty, service, undo
from ivr.callbacks.after_calls import Waited, look
from ivr.callbacks.due import due_at
from ivr.callbacks.policy import Policies, Policy
from ivr.callbacks.states import CLOSED
from ivr.callbacks.who import SYSTEM, Who
from ivr.clock import Clock
from ivr.errors import CalendarError, Conflict
from ivr.hours.closings import Closing
from ivr.store import alarms, callbacks, dials, events, undos
from ivr.store.database import Store
from ivr.store.tables import CallbackRow

Happened = Literal["near", "second", "third", "news", "freed"]
LIMIT = 500
LATE = "callbacks:"  # + line: key of its alarm
TIERS: dict[Happened, int] = {"second": 2, "third": 3}


@dataclass(frozen=True, slots=True)
class Step:
    """What a sweep found and wrote into the history of a ticket; somebody is to be told of all but `freed`."""

    ticket: str
    tenant: str
    line: str
    happened: Happened


async def sweep(store: Store, policies: Policies, now: datetime) -> Sequence[Step]:
    """Once a minute. Twice does no harm, also from two processes at once: each step of a ticket is taken once."""
    async with store.read() as session:
        over = [row.ticket for row in await callbacks.leases_over(session, now, LIMIT)]
    steps: list[Step | None] = []
    for ticket in over:
        async with store.write() as session:
            steps.append(await _freed(session, ticket, now))
    async for row in _unfinished(store):
        policy = policies(row.line)
        targets = _targets(row, policy, now)
        if targets or _step(row, policy, now) or _news_are_due(row, now):
            async with store.write() as session:
                steps += await _late(session, row.ticket, policy, now)
    return [step for step in steps if step is not None]


async def _unfinished(store: Store) -> AsyncIterator[CallbackRow]:
    """All of them: hundreds that are late hide none that comes near."""
    last = ""
    while True:
        async with store.read() as session:
            rows = await callbacks.unfinished(session, sorted(CLOSED), LIMIT, after=last)
        for row in rows:
            yield row
        if len(rows) < LIMIT:
            return
        last = rows[-1].ticket


async def _freed(session: AsyncSession, ticket: str, now: datetime) -> Step | None:
    """An agent is gone, or an engine in the middle of a dial: the ticket is open again, and says so."""
    row = await callbacks.find(session, ticket, to_change=True)
    if row is None or row.lease_until is None or row.lease_until > now:
        return None
    if row.state not in ("claimed", "dialing", "talking"):
        row.lease_until = None  # who works on it stays responsible; others may take it
        await session.flush()
        return None
    owed = row.unrecorded
    for dial in await dials.of_ticket(session, row.ticket):
        if dial.ended_at is None:
            dial.ended_at = now
            await dials.unlock(session, dial.key)
            if dial.answered_at is not None:  # the engine was gone before the talk was over
                owed = dial.agent
    changes = {**service.FREE, "unrecorded": owed}
    await service.change(
        session, row, "open", who=SYSTEM, what="lease_end", now=now, why=row.agent, changes=changes
    )
    return Step(row.ticket, row.tenant, row.line, "freed")


async def _late(session: AsyncSession, ticket: str, policy: Policy, now: datetime) -> list[Step]:
    row = await callbacks.find(session, ticket, to_change=True)
    if row is None or row.state in CLOSED:
        return []
    for name, moment in _targets(row, policy, now).items():
        setattr(row, name, moment)
    await session.flush()
    steps = []
    if happened := _step(row, policy, now):
        tier = TIERS.get(happened, row.tier)
        what, why = ("escalate", f"tier {tier}") if tier > row.tier else ("near_due", None)
        changes = {"tier": tier, "warned_at": row.warned_at or now}
        row = await service.change(
            session, row, None, who=SYSTEM, what=what, now=now, why=why, changes=changes
        )
        steps.append(Step(row.ticket, row.tenant, row.line, happened))
    if _news_are_due(row, now):
        changes = {"news_warned_at": now}
        await service.change(session, row, None, who=SYSTEM, what="news_due", now=now, changes=changes)
        steps.append(Step(row.ticket, row.tenant, row.line, "news"))
    return steps


def _news_are_due(row: CallbackRow, now: datetime) -> bool:
    """Once for each time at which the customer was to hear of the progress."""
    due, warned = row.news_due_at, row.news_warned_at
    return due is not None and due <= now and (warned is None or warned < due)


def _targets(row: CallbackRow, policy: Policy, now: datetime) -> dict[str, datetime]:
    """Resolution and news that are not set yet, from what the line promises; counted from when it was asked for.

    Who becomes more urgent is solved earlier; if that time has passed by then, it is counted from now.
    """
    target = policy.rules.target(row.priority)
    found: dict[str, datetime] = {}
    if row.reply_wanted is False:
        return found
    if target.resolution is not None:
        with suppress(CalendarError, OverflowError):
            before, by = row.resolution_due_at, due_at(target.resolution, row.created_at, policy.business)
            if before is not None and by <= now:
                by = due_at(target.resolution, now, policy.business)
            if before is None or by < before:
                found["resolution_due_at"] = by
    if row.news_due_at is None and target.news is not None:
        found["news_due_at"] = row.created_at + target.news
    return found


def _step(row: CallbackRow, policy: Policy, now: datetime) -> Happened | None:
    if row.due_at is None or row.begun_at is not None:
        return None
    rules = policy.rules.escalation
    if row.tier < 3 and now >= row.due_at + rules.third:
        return "third"
    if row.tier < 2 and now >= row.due_at + rules.second:
        return "second"
    return "near" if row.warned_at is None and now >= row.due_at - rules.near else None


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


async def helped(session: AsyncSession, ticket: str, *, who: Who, now: datetime) -> CallbackRow:
    """二次対応 is over, by whoever notes it. Conflict if nobody helps."""
    row = await service.own(session, ticket, who)
    if row.second is None:
        raise Conflict("この折り返しは、二次対応中ではありません。", id="state")
    changes = {"second": None}
    return await service.change(session, row, None, who=who, what="second_end", now=now, changes=changes)


def affected(row: CallbackRow, closings: Sequence[Closing]) -> bool:
    """「約束に影響」: it was promised for a time in which the line is closed by now. The promise stays."""
    due = row.due_at
    if due is None or row.begun_at is not None or row.state in CLOSED:
        return False
    return any(one.begin <= due and (one.end is None or due <= one.end) for one in closings)


def unsolved(row: CallbackRow, now: datetime) -> bool:
    """「解決の期限超過」: work may have begun in time; the matter is not settled."""
    return row.state not in CLOSED and row.resolution_due_at is not None and row.resolution_due_at < now


class Escalation:
    """The sweep with what it tells the pages; a job of each minute."""

    def __init__(self, store: Store, policies: Policies, waited: Waited, clock: Clock) -> None:
        self._waited = waited
        self._store = store
        self._policies = policies
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    async def round(self) -> None:
        now = self._clock.now()
        await look(self._store, self._policies, self._waited, now)
        steps = await sweep(self._store, self._policies, now)
        async with self._store.write() as session:
            await duty.sweep(session, self._policies, now)
            await undos.drop_older(session, now - undo.TIME)
            for step in steps:
                await events.put(session, "callback", step.ticket, {"what": step.happened}, now)
            late = await callbacks.overdue(session, sorted(CLOSED), now)
            for row in await alarms.standing(session):
                if row.key.startswith(LATE) and row.key.removeprefix(LATE) not in late:
                    await alarms.clear(session, row.key, now)
            for line in {step.line for step in steps if step.happened in TIERS} & late.keys():
                tenant, count = late[line]
                text = (
                    f"窓口「{line}」の折り返しに、お約束の時刻を過ぎたものが{count}件あります。"
                    "折り返しの一覧を開き、期限の早いものから対応してください。"
                )
                await alarms.raise_(session, LATE + line, text, tenant=tenant, at=now)
