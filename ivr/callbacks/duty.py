"""当番: who is rung, one after the other, for a critical callback that comes while its line is closed.

`line: callbacks: duty` names the agents. Each turn is a row before anything rings: another process, or an engine
that starts again, rings nobody twice. Each function runs in the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.policy import Policies, Policy
from ivr.callbacks.priority import DUTY
from ivr.callbacks.who import Who
from ivr.errors import Conflict
from ivr.store import alarms, callbacks, duty, events, orders
from ivr.store.tables import AgentRow, CallbackRow, DutyRing

Outcome = Literal["accepted", "declined", "no_answer", "failed", "taken"]
"""`taken`: accepted when somebody else had it by then."""

TURN = timedelta(minutes=3)  # without acceptance; then the next one is rung
ROUNDS = 3  # times that the list is gone through
LEASE = timedelta(minutes=30)  # for who has accepted, and must get to a screen first
ALARM = "duty:"  # + ticket: key of the alarm


@dataclass(frozen=True, slots=True)
class Turn:
    """One person is to be rung, until `until` at the latest. `telephone`: as Asterisk dials it; `mobile`: E.164."""

    ticket: str
    turn: int
    tenant: str
    line: str
    agent: str
    until: datetime
    telephone: str
    mobile: str | None = field(default=None, repr=False)


def wanted(row: CallbackRow, policy: Policy, now: datetime) -> bool:
    """It is critical, nobody has it, and the line is closed."""
    business = policy.business
    waits = row.state == "open" and row.begun_at is None and row.reply_wanted is not False
    closed = business is not None and not business.state(now).open
    return row.priority == "critical" and waits and closed and bool(policy.rules.duty)


async def next_turn(
    session: AsyncSession, ticket: str, policies: Policies, now: datetime
) -> Turn | datetime | None:
    """Whose turn it is from now on; or until when somebody else's lasts; None: nobody is (to be) rung."""
    row = await callbacks.find(session, ticket, to_change=True)
    if row is None or not wanted(row, policy := policies(row.line), now):
        return None
    rings = await duty.of_ticket(session, row.ticket)
    running = _running(rings, now)
    if running is not None:
        return running
    if rings and rings[-1].ended_at is None:  # whoever rang has died
        await duty.end(session, row.ticket, rings[-1].turn, "failed", now)
    names, before = policy.rules.duty, len(rings) - len(_since(rings))
    for turn in range(len(rings) + 1, before + ROUNDS * len(names) + 1):
        name = names[(turn - before - 1) % len(names)]
        again = max((ring.began_at + TURN for ring in rings if ring.agent == name), default=now)
        if again > now:  # who has just declined is not rung again at once
            return again
        begun = await _begin(session, row, name, turn, now)
        if begun is not None:
            return begun
    await _alarm(session, row, now)
    return None


async def _alarm(session: AsyncSession, row: CallbackRow, now: datetime) -> None:
    text = (
        f"窓口「{row.line}」の緊急の折り返し（受付番号 {row.ticket}）を、当番の方がどなたも受けていません。"
        "折り返しの画面を開き、担当してください。"
    )
    await alarms.raise_(session, ALARM + row.ticket, text, tenant=row.tenant, at=now)


def _since(rings: Sequence[DutyRing]) -> Sequence[DutyRing]:
    """Those after somebody accepted, who then did nothing about it."""
    last = max((at for at, ring in enumerate(rings, 1) if ring.outcome == "accepted"), default=0)
    return rings[last:]


def _running(rings: Sequence[DutyRing], now: datetime) -> datetime | None:
    """Until when the last turn lasts, if it does."""
    if not rings or rings[-1].ended_at is not None:
        return None
    until = rings[-1].began_at + TURN
    return until if now < until else None


async def _begin(session: AsyncSession, row: CallbackRow, name: str, turn: int, now: datetime) -> Turn | None:
    """None if this one cannot be rung at all; the turn counts."""
    agent = await session.get(AgentRow, name)
    known = agent is not None and agent.tenant in (None, row.tenant)
    ring = {"ticket": row.ticket, "tenant": row.tenant, "line": row.line, "agent": name, "turn": turn}
    over = {} if known else {"ended_at": now, "outcome": "failed"}
    if not await duty.begin(session, {**ring, "began_at": now, **over}) or agent is None or not known:
        return None
    await callbacks.note(session, row, who=name, what="duty", at=now)
    about = (row.ticket, turn, row.tenant, row.line, name, now + TURN)
    return Turn(*about, agent.endpoint, agent.mobile)


async def accept(session: AsyncSession, turn: Turn, now: datetime) -> bool:
    """The callback is the agent's who pressed 1; no clock stops. False: somebody else has it, or nothing is left to do."""
    try:
        row = await callbacks.get(session, turn.ticket, to_change=True)
        if row.state != "open":
            raise Conflict
        who = Who(turn.agent, turn.tenant)
        await service.claim(session, row.ticket, who, until=now + LEASE, now=now)
    except Conflict:
        await duty.end(session, turn.ticket, turn.turn, "taken", now)
        return False
    await duty.end(session, turn.ticket, turn.turn, "accepted", now)
    await alarms.clear(session, ALARM + turn.ticket, now)
    await events.put(session, "callback", turn.ticket, {"what": "claim"}, now)
    return True


async def ended(session: AsyncSession, turn: Turn, outcome: Outcome, now: datetime) -> None:
    """Without acceptance. Twice does no harm."""
    await duty.end(session, turn.ticket, turn.turn, outcome, now)


async def sweep(session: AsyncSession, policies: Policies, now: datetime) -> None:
    """The net beneath the orders that the creation of a critical callback puts: whoever waits for a turn gets one.

    So does one that came while the line was open and is waiting still when it closes.
    """
    waiting = {row.ticket: row for row in await duty.waiting(session)}
    standing = {alarm.key for alarm in await alarms.standing(session)}
    ordered = {order.data.get("ticket") for order in await orders.pending(session, "engine")}
    for ticket, row in waiting.items():
        policy = policies(row.line)
        if ticket in ordered or not wanted(row, policy, now):
            continue
        rings = await duty.of_ticket(session, ticket)
        if len(_since(rings)) >= ROUNDS * len(policy.rules.duty) and rings[-1].ended_at is not None:
            if ALARM + ticket not in standing:  # somebody had it and gave it back
                await _alarm(session, row, now)
        elif _running(rings, now) is None:
            await orders.put(session, "engine", DUTY, {"ticket": ticket}, now)
    for alarm in await alarms.standing(session):
        if alarm.key.startswith(ALARM) and alarm.key.removeprefix(ALARM) not in waiting:
            await alarms.clear(session, alarm.key, now)
