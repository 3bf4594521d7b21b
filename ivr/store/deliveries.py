"""The ledger of notices. Every change may be made twice without harm.

waiting -> sending -> sent, or back to waiting, or failed; unsure as waiting, when it may have arrived already;
spared if it was not needed; seen from any of them, for whoever opened its link has got it.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Update, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import NotFound
from ivr.store import stages
from ivr.store.tables import CallbackRow, ContactRow, Delivery, MessageRow
from ivr.store.upsert import insert_new

DUE = ("waiting", "unsure", "sending")
LONGEST_ANSWER = 500  # characters


def key_of(subject: str, channel: str, target: str, *, later: bool = False) -> str:
    """The same for one matter and one place, however often; `later`: of what is told if nobody has looked."""
    facts = "\n".join((subject, channel, target, *(["later"] if later else [])))
    return hashlib.sha256(facts.encode()).hexdigest()[:40]


async def create(session: AsyncSession, row: dict[str, Any]) -> bool:
    """False if one with this `key` is there. `row`: tenant, line, event, subject, channel, target, key, data,
    created_at, next_at, and if there are any message_id and awaits_text."""
    defaults = {"state": "waiting", "attempts": 0, "awaits_text": False}
    data = {**row["data"], "since": row["next_at"].isoformat()}
    return await insert_new(session, Delivery, {**defaults, **row, "data": data})


async def get(session: AsyncSession, delivery_id: int) -> Delivery:
    found = await session.get(Delivery, delivery_id)
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id}; `ivr deliveries` lists them")
    return found


async def untold_messages(
    session: AsyncSession, limit: int
) -> Sequence[tuple[MessageRow, CallbackRow | None, ContactRow | None]]:
    """Messages that ended, with their callbacks, of which nobody was told yet; the oldest first."""
    query = (
        select(MessageRow, CallbackRow, ContactRow)
        .outerjoin(ContactRow, ContactRow.message_id == MessageRow.id)
        .outerjoin(CallbackRow, CallbackRow.ticket == ContactRow.ticket)
        .where(MessageRow.told_at.is_(None), MessageRow.state != "recording")
        .order_by(MessageRow.created_at)
        .limit(limit)
    )
    return [(message, callback, contact) for message, callback, contact in await session.execute(query)]


async def untold_contacts(session: AsyncSession, limit: int) -> Sequence[tuple[CallbackRow, ContactRow]]:
    """The same of who asked without a message."""
    query = (
        select(CallbackRow, ContactRow)
        .join(ContactRow, ContactRow.ticket == CallbackRow.ticket)
        .where(ContactRow.told_at.is_(None), ContactRow.message_id.is_(None))
        .order_by(ContactRow.created_at)
        .limit(limit)
    )
    return [(callback, contact) for callback, contact in await session.execute(query)]


async def was_told(
    session: AsyncSession, row: type[MessageRow] | type[ContactRow], id: str | int, at: datetime
) -> None:
    await session.execute(update(row).where(row.id == id).values(told_at=at))


async def somebody_awaits_text(session: AsyncSession) -> bool:
    query = select(Delivery.id).where(Delivery.state == "waiting", Delivery.awaits_text)
    return await session.scalar(query.limit(1)) is not None


async def text_is_there(session: AsyncSession, now: datetime) -> None:
    """What waits for the text of its message goes out now, if that has come to an end."""
    over = or_(
        MessageRow.transcript_state.in_(("failed", "none")),
        and_(MessageRow.transcript_state == "done", MessageRow.reading_state.not_in(stages.OPEN)),
    )
    ready = select(MessageRow.id).where(MessageRow.id == Delivery.message_id, over).exists()
    await session.execute(
        update(Delivery)
        .where(Delivery.state == "waiting", Delivery.awaits_text, ready)
        .values(awaits_text=False, next_at=now)
        .execution_options(synchronize_session=False)
    )


async def due(session: AsyncSession, now: datetime, limit: int) -> Sequence[tuple[int, datetime]]:
    """Ids, and since when: together they name one attempt. Also those whose sender is gone."""
    query = (
        select(Delivery.id, Delivery.next_at)
        .where(Delivery.state.in_(DUE), Delivery.next_at <= now)
        .order_by(Delivery.next_at)
        .limit(limit)
    )
    return [(id, at) for id, at in await session.execute(query) if at is not None]


async def claim(session: AsyncSession, delivery_id: int, *, now: datetime, until: datetime) -> bool:
    """True for one sender, which then has until `until` and is known again by it; counts the attempt."""
    row = await session.get(Delivery, delivery_id)
    if row is None:
        return False
    if row.state == "sending" and row.next_at == until:
        return True
    return await _changed(
        session,
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state.in_(DUE), Delivery.next_at <= now)
        .values(
            state="sending",
            awaits_text=False,
            attempts=Delivery.attempts + 1,
            next_at=until,
            data={**row.data, "unsure": row.data.get("unsure", False) or row.state == "sending"},
        ),
    )


async def begin(session: AsyncSession, row: Delivery) -> bool:
    """Noted before the first byte goes out. False if this attempt was begun before: it may have arrived."""
    again = row.data.get("begun") == row.attempts
    changes = {"begun": row.attempts, "unsure": row.data.get("unsure", False) or again}
    await _changed(session, _of_sender(row).values(data={**row.data, **changes}))
    return not again


async def sent(session: AsyncSession, row: Delivery, answer: str, at: datetime) -> None:
    await _changed(
        session,
        _of_sender(row).values(state="sent", answer=answer[:LONGEST_ANSWER], sent_at=at, next_at=None),
    )


async def again(session: AsyncSession, row: Delivery, answer: str, at: datetime, *, unsure: bool) -> None:
    """To be tried again at `at`; `unsure`: it may have arrived this time."""
    data = {**row.data, "unsure": row.data.get("unsure", False) or unsure}
    values = {"state": "unsure" if data["unsure"] else "waiting", "answer": answer[:LONGEST_ANSWER]}
    await _changed(session, _of_sender(row).values(**values, next_at=at, data=data))


async def failed(session: AsyncSession, row: Delivery, answer: str) -> None:
    await _changed(
        session, _of_sender(row).values(state="failed", answer=answer[:LONGEST_ANSWER], next_at=None)
    )


async def spare(session: AsyncSession, row: Delivery) -> None:
    await _changed(session, _of_sender(row).values(state="spared", next_at=None))


async def order(session: AsyncSession, delivery_id: int, now: datetime) -> Delivery:
    """To be sent now, whatever became of it; with the same key. Its two days begin again."""
    row = await get(session, delivery_id)
    if row.state != "sending":
        data = {name: value for name, value in row.data.items() if name not in ("unless_seen", "begun")}
        row.state, row.next_at, row.attempts, row.awaits_text = "waiting", now, 0, False
        row.data = {**data, "since": now.isoformat()}
        await session.flush()
    return row


async def seen(session: AsyncSession, delivery_id: int, subject: str, at: datetime) -> bool:
    """Somebody opened its link; False if somebody had, or it is of another matter."""
    return await _changed(
        session,
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.subject == subject, Delivery.seen_at.is_(None))
        .values(seen_at=at, state="seen", next_at=None),
    )


async def anybody_saw(session: AsyncSession, subject: str) -> bool:
    query = select(Delivery.id).where(Delivery.subject == subject, Delivery.seen_at.is_not(None))
    return await session.scalar(query.limit(1)) is not None


async def count_of(session: AsyncSession, subjects: Collection[str], since: datetime) -> int:
    """How many of these subjects were put here after `since`."""
    query = select(func.count()).where(Delivery.subject.in_(subjects), Delivery.created_at > since)
    return await session.scalar(query) or 0


async def of_subject(session: AsyncSession, subject: str) -> Sequence[Delivery]:
    query = select(Delivery).where(Delivery.subject == subject).order_by(Delivery.id)
    return (await session.scalars(query)).all()


async def listing(
    session: AsyncSession, *, limit: int = 100, line: str | None = None, state: str | None = None
) -> Sequence[Delivery]:
    """Newest first."""
    query = select(Delivery).order_by(Delivery.created_at.desc(), Delivery.id.desc()).limit(limit)
    for column, wanted in ((Delivery.line, line), (Delivery.state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    return (await session.scalars(query)).all()


def _of_sender(row: Delivery) -> Update:
    """Only of the attempt that `row` shows: a sender that lost its lease, or came after a reader, changes nothing."""
    return update(Delivery).where(
        Delivery.id == row.id, Delivery.state == "sending", Delivery.attempts == row.attempts
    )


async def _changed(session: AsyncSession, statement: Update) -> bool:
    result = await session.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount > 0
