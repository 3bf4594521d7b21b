"""Agents, their states and who is offered which caller.

An agent holds at most one offer. `state` changes by rules here only; an agent counts as available in
`available`, and in `wrap_up` or `away` once `wrap_up_until` has passed (away by hand has no such time);
whose telephone is not registered counts as away meanwhile (`standing`).
Rows are always locked in the order of names, so that two offers never wait for each other in a circle.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import Conflict, NotFound
from ivr.store import orders
from ivr.store.tables import AgentRow, CallRow, UserRow
from ivr.store.upsert import insert_new

State = Literal["available", "away", "talking", "wrap_up"]

UNANSWERED_LIMIT = 3
UNANSWERED_REASON = "3回続けて応答がありませんでした"
UNREACHABLE_REASON = "電話機につながりません"
UNREGISTERED_REASON = "電話未登録"
# A telephone that could not ring (not registered) counts as away for this long, then it is tried again.
UNREACHABLE_REST = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Seat:
    """An agent who was reserved; `endpoint` as the telephone system dials it."""

    agent: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Standing:
    """`since` when; `ends`: when it is over by itself."""

    state: State
    since: datetime
    reason: str | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Staffing:
    """How many agents of a group are in each state; `reserved` ones have a live offer."""

    available: int = 0
    reserved: int = 0
    talking: int = 0
    wrap_up: int = 0
    away: int = 0


async def add(
    session: AsyncSession,
    name: str,
    *,
    groups: Sequence[str],
    endpoint: str,
    secret: str,
    at: datetime,
    tenant: str | None = None,
    wrap_up_seconds: int = 30,
) -> None:
    """A new agent is `available`. Conflict if the name is taken, or a user's whose telephone this would not be."""
    user = await session.get(UserRow, name)
    if user is not None and user.tenant not in (None, tenant):
        raise Conflict(
            f'there is a user "{name}" of the tenant {user.tenant}; give the same --tenant, or choose another name'
        )
    row = {
        "name": name,
        "tenant": tenant,
        "groups": list(groups),
        "endpoint": endpoint,
        "secret": secret,
        "state": "available",
        "since": at,
        "wrap_up_seconds": wrap_up_seconds,
        "unanswered": 0,
    }
    if not await insert_new(session, AgentRow, row):
        raise Conflict(f'there is an agent "{name}" already; choose another name')


async def get(session: AsyncSession, name: str) -> AgentRow:
    found = await session.get(AgentRow, name)
    if found is None:
        raise NotFound(f'there is no agent "{name}"; `ivr agent list` shows them')
    return found


def is_theirs(row: AgentRow, tenant: str | None) -> bool:
    """Whether it is the telephone of the user, or program, of its name: one that sees this company alone has no
    telephone that rings for another, or for all."""
    return tenant in (None, row.tenant)


async def listing(session: AsyncSession) -> Sequence[AgentRow]:
    return (await session.scalars(select(AgentRow).order_by(AgentRow.name))).all()


async def of_group(session: AsyncSession, group: str, tenant: str | None) -> Sequence[AgentRow]:
    """Who is rung for callers of this company in the group: its own agents, and those of no company. None: of any."""
    rows = [row for row in await listing(session) if group in row.groups]
    return [row for row in rows if tenant is None or row.tenant in (None, tenant)]


async def remove(session: AsyncSession, name: str) -> None:
    await get(session, name)
    await session.execute(delete(AgentRow).where(AgentRow.name == name))


async def set_state(session: AsyncSession, name: str, state: State, reason: str | None, at: datetime) -> None:
    """By hand. An offer that rings goes on; an agent who talks to a caller can only be set `away`."""
    row = await session.scalar(select(AgentRow).where(AgentRow.name == name).with_for_update())
    if row is None:
        raise NotFound(f'there is no agent "{name}"; `ivr agent list` shows them')
    if row.state == "talking" and row.offer_call is not None:
        if state != "away":
            said = f'agent "{name}" is talking to a caller; wait until the call has ended'
            raise Conflict(said, id="talking")
        row.offer_call = None
    row.state, row.reason, row.since, row.unanswered = state, reason, at, 0
    row.wrap_up_until = at + timedelta(seconds=row.wrap_up_seconds) if state == "wrap_up" else None
    await session.flush()


# -- the state that counts -------------------------------------------------------------------------------


def standing(row: AgentRow, now: datetime) -> Standing:
    """What pages, figures and queues call an agent's state."""
    found = by_clock(row, now)
    if found.state == "available" and row.unregistered_at is not None:
        return Standing("away", row.unregistered_at, UNREGISTERED_REASON, None)
    return found


def by_clock(row: AgentRow, now: datetime) -> Standing:
    """Whatever the telephone: one that ends by the clock has ended when its time has passed."""
    ends = row.wrap_up_until if row.state in ("wrap_up", "away") else None
    if ends is not None and ends <= now:
        return Standing("available", ends, None, None)
    return Standing(row.state, row.since, row.reason, ends)  # type: ignore[arg-type]


def state_at(row: AgentRow, now: datetime) -> State:
    return standing(row, now).state


async def note_telephones(
    session: AsyncSession, registered: Callable[[str], bool | None], now: datetime
) -> None:
    """`registered`: whether Asterisk has a registration of this endpoint; None: it does not tell."""
    for row in await listing(session):
        missing = registered(row.endpoint) is False
        if missing != (row.unregistered_at is not None):
            row.unregistered_at = now if missing else None
    await session.flush()


# -- offers ----------------------------------------------------------------------------------------------


def is_free(now: datetime) -> ColumnElement[bool]:
    """受付可, and nobody is offered.

    Whether the telephone is registered is not asked: what was seen a second ago is less sure than its ring.
    """
    rested = and_(AgentRow.state.in_(("wrap_up", "away")), AgentRow.wrap_up_until <= now)
    unoffered = or_(AgentRow.offer_call.is_(None), AgentRow.offer_until <= now)
    return and_(or_(AgentRow.state == "available", rested), unoffered)


async def reserve(
    session: AsyncSession,
    group: str,
    call_id: str,
    *,
    until: datetime,
    now: datetime,
    tenant: str | None = None,
) -> list[Seat]:
    """Reserves every free agent of the group for one call until `until`; empty if there is none."""
    members = [agent.name for agent in await of_group(session, group, tenant)]
    return await _reserve(session, members, call_id, until, now)


async def reserve_one(
    session: AsyncSession, name: str, call_id: str, *, until: datetime, now: datetime
) -> Seat | None:
    """The same for this agent alone, if free."""
    return next(iter(await _reserve(session, [name], call_id, until, now)), None)


async def _reserve(
    session: AsyncSession, names: Collection[str], call_id: str, until: datetime, now: datetime
) -> list[Seat]:
    free = select(AgentRow).where(AgentRow.name.in_(names), is_free(now)).order_by(AgentRow.name)
    # The lock is the compare-and-set: PostgreSQL judges the condition again when it has the row, and SQLite
    # has one writer.
    locked = free.with_for_update().execution_options(populate_existing=True)
    seats = []
    for row in await session.scalars(locked):
        row.state, row.reason, row.wrap_up_until = "available", None, None
        row.offer_call, row.offer_until = call_id, until
        seats.append(Seat(row.name, row.endpoint))
    await session.flush()
    return seats


async def _offered(session: AsyncSession, call_id: str) -> Sequence[AgentRow]:
    """The agents of one offer, locked, as they are now."""
    query = select(AgentRow).where(AgentRow.offer_call == call_id).order_by(AgentRow.name).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def answer(session: AsyncSession, agent: str, call_id: str, now: datetime) -> bool:
    """True for the first agent of the offer who answers; the others stay reserved until `release`."""
    offered = {row.name: row for row in await _offered(session, call_id)}
    if agent not in offered or any(row.state == "talking" for row in offered.values()):
        return False
    row = offered[agent]
    row.state, row.reason, row.since, row.unanswered = "talking", None, now, 0
    row.offer_until = row.wrap_up_until = None
    await session.execute(update(CallRow).where(CallRow.id == call_id).values(agent=agent))
    await session.flush()
    return True


async def release(
    session: AsyncSession,
    call_id: str,
    *,
    unanswered: Collection[str] = (),
    failed: Collection[str] = (),
    now: datetime,
) -> None:
    """Frees every agent of the offer who does not talk.

    Those in `failed` could not ring, or declined, and count as away for a moment. Only the others in
    `unanswered` rang to the end: three such rings in a row set the agent `away`.
    """
    for row in await _offered(session, call_id):
        if row.state == "talking":
            continue
        row.offer_call = row.offer_until = None
        if row.state != "available":
            continue
        if row.name in failed:
            row.state, row.reason, row.since = "away", UNREACHABLE_REASON, now
            row.wrap_up_until = now + UNREACHABLE_REST
        elif row.name in unanswered:
            row.unanswered += 1
            if row.unanswered >= UNANSWERED_LIMIT:
                row.state, row.reason, row.since, row.unanswered = "away", UNANSWERED_REASON, now, 0
                await orders.put(session, "jobs", "agents", {}, now)  # nor does the fallback ring them
    await session.flush()


async def finish_talk(session: AsyncSession, call_id: str, now: datetime) -> None:
    """The agent who talked to this call begins wrap-up. Twice does no harm."""
    for row in await _offered(session, call_id):
        if row.state == "talking":
            _wrap_up(row, now)
    await session.flush()


def _wrap_up(row: AgentRow, now: datetime) -> None:
    """Who has rung a customer in a pause (ivr/store/seats.py) goes on with it."""
    if row.reason is None:
        row.state, row.wrap_up_until = "wrap_up", now + timedelta(seconds=row.wrap_up_seconds)
    else:
        row.state, row.wrap_up_until = "away", None
    row.since, row.offer_call, row.offer_until = now, None, None


async def release_all(session: AsyncSession, now: datetime, *, keep: Collection[str] = ()) -> None:
    """At the start of an engine: every offer and talk of calls not in `keep`, and every timed pause, is over.

    A clock that was set back would make such a pause last for hours.
    """
    timed = or_(AgentRow.offer_call.is_not(None), AgentRow.wrap_up_until.is_not(None))
    for row in await session.scalars(select(AgentRow).where(timed).order_by(AgentRow.name).with_for_update()):
        if row.offer_call in keep:
            continue
        if row.state == "talking" and row.offer_call is not None:
            _wrap_up(row, now)
        elif row.wrap_up_until is not None:
            row.state, row.reason, row.since, row.wrap_up_until = "available", None, now, None
        row.offer_call = row.offer_until = None
    await session.flush()


async def staffing(
    session: AsyncSession, group: str, now: datetime, *, tenant: str | None = None
) -> Staffing:
    count = {"available": 0, "reserved": 0, "talking": 0, "wrap_up": 0, "away": 0}
    for row in await of_group(session, group, tenant):
        state = state_at(row, now)
        if state == "available" and row.offer_until is not None and row.offer_until > now:
            count["reserved"] += 1
        else:
            count[state] += 1
    return Staffing(**count)
