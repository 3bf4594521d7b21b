"""Callbacks and their history. Which change is allowed is `ivr.callbacks`' business."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import Conflict, NotFound
from ivr.store import duty, search
from ivr.store.pages import beyond
from ivr.store.tables import (
    AliasRow,
    CallbackEvent,
    CallbackRow,
    ContactRow,
    Delivery,
    DialRow,
    UndoRow,
    UtcTime,
)
from ivr.store.upsert import dialect_of, insert_new

# A callback without a due time comes last.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


async def one_at_a_time(session: AsyncSession, *names: str) -> None:
    """Until the end of the transaction nobody else passes here with one of `names`.

    SQLite has one writer anyway.
    """
    if dialect_of(session) == "postgresql":
        for name in names:
            await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


async def insert(session: AsyncSession, row: dict[str, Any], *, who: str, at: datetime) -> bool:
    """Adds a callback and its first event; False if the ticket, or one for its message, is there already."""
    if await session.get(AliasRow, row["ticket"]) is not None:
        return False
    if not await insert_new(session, CallbackRow, {"version": 0, "created_at": at, **row}):
        return False
    session.add(CallbackEvent(ticket=row["ticket"], at=at, who=who, what="created", after=row["state"]))
    await search.keep(session, row["ticket"])
    return True


async def find(session: AsyncSession, ticket: str, *, to_change: bool = False) -> CallbackRow | None:
    """By its number, or by one that was merged into it; `to_change`: nobody else changes it until the commit."""
    query = select(CallbackRow).execution_options(populate_existing=True)
    if to_change:
        query = query.with_for_update()
    found = await session.scalar(query.where(CallbackRow.ticket == ticket))
    if found is None:
        now = select(AliasRow.ticket).where(AliasRow.number == ticket).scalar_subquery()
        found = await session.scalar(query.where(CallbackRow.ticket == now))
    return found


async def get(
    session: AsyncSession, ticket: str, *, tenant: str | None = None, to_change: bool = False
) -> CallbackRow:
    """As `find`. NotFound if there is none, or it is another tenant's than `tenant` (None: of any)."""
    found = await find(session, ticket, to_change=to_change)
    if found is None or (tenant is not None and found.tenant != tenant):
        raise NotFound(f"there is no callback {ticket}")
    return found


async def by_message(session: AsyncSession, message_id: str) -> CallbackRow | None:
    """The ticket that a message belongs to."""
    query = select(CallbackRow).join(ContactRow, ContactRow.ticket == CallbackRow.ticket)
    return await session.scalar(query.where(ContactRow.message_id == message_id))


async def by_call(session: AsyncSession, call_id: str) -> CallbackRow | None:
    """The ticket of who asked for it in this call."""
    query = select(CallbackRow).join(ContactRow, ContactRow.ticket == CallbackRow.ticket)
    return await session.scalar(query.where(ContactRow.call_id == call_id).limit(1))


async def listing(
    session: AsyncSession,
    *,
    limit: int = 100,
    after: str | None = None,
    line: str | None = None,
    state: str | None = None,
    tenant: str | None = None,
    where: Collection[ColumnElement[bool]] = (),
) -> Sequence[CallbackRow]:
    """What is due first comes first, then what arrived first.

    `after` is the ticket of the last callback of the page before; None for `tenant` is all.
    """
    due = func.coalesce(CallbackRow.due_at, literal(NEVER, UtcTime), type_=UtcTime)
    order = (due, CallbackRow.created_at, CallbackRow.ticket)
    query = select(CallbackRow).where(*where).order_by(*order).limit(limit)
    for column, wanted in (
        (CallbackRow.line, line),
        (CallbackRow.state, state),
        (CallbackRow.tenant, tenant),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        last = (await session.execute(select(*order).where(CallbackRow.ticket == after))).one_or_none()
        query = query.where(beyond(order, last, falling=False))
    return (await session.scalars(query)).all()


async def transition(
    session: AsyncSession,
    ticket: str,
    *,
    version: int,
    after: str,
    who: str,
    what: str,
    at: datetime,
    why: str | None = None,
    changes: dict[str, Any] | None = None,
) -> CallbackRow:
    """Moves the callback as it was at `version` to state `after`, with an event in the same transaction.

    Conflict if somebody changed it since; NotFound. `changes` are further columns of CallbackRow.
    """
    row = await get(session, ticket)
    before = row.state
    changed = await session.scalar(
        update(CallbackRow)
        .where(CallbackRow.ticket == ticket, CallbackRow.version == version)
        .values(state=after, version=version + 1, **(changes or {}))
        .returning(CallbackRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    if changed is None:
        row = await get(session, ticket)
        raise Conflict(
            f"callback {ticket} was changed by somebody else and is now {row.state}; look at it again",
            id="changed",
        )
    event = CallbackEvent(ticket=ticket, at=at, who=who, what=what, why=why, before=before, after=after)
    session.add(event)
    if search.FOUND_BY & (changes or {}).keys():
        await search.keep(session, ticket)
    await session.flush()
    return changed


async def note(session: AsyncSession, row: CallbackRow, *, who: str, what: str, at: datetime) -> None:
    """An event that changes nothing of the callback itself."""
    session.add(
        CallbackEvent(ticket=row.ticket, at=at, who=who, what=what, before=row.state, after=row.state)
    )
    await session.flush()


async def events(session: AsyncSession, ticket: str) -> Sequence[CallbackEvent]:
    query = select(CallbackEvent).where(CallbackEvent.ticket == ticket).order_by(CallbackEvent.id)
    return (await session.scalars(query)).all()


async def last_event(session: AsyncSession, ticket: str) -> CallbackEvent:
    query = select(CallbackEvent).where(CallbackEvent.ticket == ticket).order_by(CallbackEvent.id.desc())
    return (await session.scalars(query.limit(1))).one()


async def move(session: AsyncSession, ticket: str, to: str) -> None:
    """All that belongs to `ticket` belongs to `to`; the ticket is gone and its number leads there."""
    await session.flush()
    await search.forget(session, ticket)
    await duty.move(session, ticket, to)
    kept = func.coalesce(CallbackEvent.merged_from, CallbackEvent.ticket)
    for statement in (
        update(CallbackEvent).where(CallbackEvent.ticket == ticket).values(ticket=to, merged_from=kept),
        update(ContactRow).where(ContactRow.ticket == ticket).values(ticket=to),
        update(DialRow).where(DialRow.ticket == ticket).values(ticket=to),
        update(AliasRow).where(AliasRow.ticket == ticket).values(ticket=to),
        update(Delivery).where(Delivery.subject == ticket).values(subject=to),
        delete(UndoRow).where(UndoRow.ticket == ticket),
        delete(CallbackRow).where(CallbackRow.ticket == ticket),
    ):
        await session.execute(statement.execution_options(synchronize_session=False))
    session.add(AliasRow(number=ticket, ticket=to))
    await search.keep(session, to)


async def move_contacts(session: AsyncSession, ids: Sequence[int], to: str) -> None:
    before = await session.scalars(select(ContactRow.ticket).where(ContactRow.id.in_(ids)).distinct())
    tickets = {to, *before}
    await session.execute(
        update(ContactRow)
        .where(ContactRow.id.in_(ids))
        .values(ticket=to)
        .execution_options(synchronize_session=False)
    )
    await search.keep(session, *tickets)


async def take_back(session: AsyncSession, number: str, ticket: str) -> bool:
    """The number leads to `ticket` no longer, and is free to be a ticket's again; False if it leads elsewhere."""
    statement = delete(AliasRow).where(AliasRow.number == number, AliasRow.ticket == ticket)
    returned = statement.returning(AliasRow.number).execution_options(synchronize_session=False)
    return (await session.execute(returned)).first() is not None


async def lead(session: AsyncSession, numbers: Collection[str], to: str) -> None:
    """These numbers lead to `to` from now on."""
    await session.execute(
        update(AliasRow)
        .where(AliasRow.number.in_(list(numbers)))
        .values(ticket=to)
        .execution_options(synchronize_session=False)
    )


async def leases_over(session: AsyncSession, now: datetime, limit: int) -> Sequence[CallbackRow]:
    query = select(CallbackRow).where(CallbackRow.lease_until <= now).limit(limit)
    return (await session.scalars(query)).all()


async def unfinished(
    session: AsyncSession, closed: Sequence[str], limit: int, *, after: str = ""
) -> Sequence[CallbackRow]:
    """By ticket; `after`: the last one that was given before."""
    query = select(CallbackRow).where(CallbackRow.state.not_in(closed), CallbackRow.ticket > after)
    return (await session.scalars(query.order_by(CallbackRow.ticket).limit(limit))).all()


async def claimed_by(session: AsyncSession, agent: str, *, tenant: str | None) -> Sequence[CallbackRow]:
    """What an agent has taken and not begun to dial, by due time."""
    due = func.coalesce(CallbackRow.due_at, literal(NEVER, UtcTime), type_=UtcTime)
    query = select(CallbackRow).where(CallbackRow.state == "claimed", CallbackRow.agent == agent)
    if tenant is not None:
        query = query.where(CallbackRow.tenant == tenant)
    return (await session.scalars(query.order_by(due, CallbackRow.ticket))).all()


async def unrecorded(session: AsyncSession, row: CallbackRow) -> str | None:
    """Who rang for this ticket and has not said how it went; also for another of its number, if that was by hand: then
    nobody knows whether they still talk.
    """
    told = and_(DialRow.ticket == CallbackRow.ticket, DialRow.outcome.is_(None))
    query = (
        select(CallbackRow.unrecorded)
        .join(DialRow, told)
        .where(
            CallbackRow.tenant == row.tenant,
            CallbackRow.number == row.number,
            CallbackRow.unrecorded.is_not(None),
            CallbackRow.done_at.is_(None),
            or_(DialRow.by_hand, CallbackRow.ticket == row.ticket),
        )
    )
    return await session.scalar(query.limit(1))


async def owed(session: AsyncSession, *, tenant: str | None) -> Mapping[str, Sequence[str]]:
    """By agent: the tickets of which that one has not said how the call went, and nobody else has by now; the longest first."""
    query = select(CallbackRow.unrecorded, CallbackRow.ticket).where(
        CallbackRow.unrecorded.is_not(None),
        CallbackRow.done_at.is_(None),
        or_(CallbackRow.agent.is_(None), CallbackRow.agent == CallbackRow.unrecorded),
    )
    if tenant is not None:
        query = query.where(CallbackRow.tenant == tenant)
    found: dict[str, list[str]] = {}
    for agent, ticket in await session.execute(query.order_by(CallbackRow.created_at)):
        found.setdefault(agent or "", []).append(ticket)
    return found


async def to_do(
    session: AsyncSession, *, tenant: str | None, now: datetime, limit: int = 100
) -> Sequence[CallbackRow]:
    """The order of work: what is open and whose next attempt has come, by due time, then by arrival."""
    due = func.coalesce(CallbackRow.due_at, literal(NEVER, UtcTime), type_=UtcTime)
    query = select(CallbackRow).where(
        CallbackRow.state == "open",
        CallbackRow.exhausted_at.is_(None),
        or_(CallbackRow.next_at.is_(None), CallbackRow.next_at <= now),
    )
    if tenant is not None:
        query = query.where(CallbackRow.tenant == tenant)
    query = query.order_by(due, CallbackRow.created_at, CallbackRow.ticket).limit(limit)
    return (await session.scalars(query)).all()


async def overdue(session: AsyncSession, closed: Sequence[str], now: datetime) -> dict[str, tuple[str, int]]:
    """Line -> tenant, and how many were promised for a time that has passed without work on them."""
    query = (
        select(CallbackRow.line, CallbackRow.tenant, func.count())
        .where(CallbackRow.state.not_in(closed), CallbackRow.due_at < now, CallbackRow.begun_at.is_(None))
        .group_by(CallbackRow.line, CallbackRow.tenant)
    )
    return {line: (tenant, count) for line, tenant, count in await session.execute(query)}
