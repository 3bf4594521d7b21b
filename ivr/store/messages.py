"""Messages from intent to text. Every change may be made twice without harm. What is made of them: stages.py."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CursorResult, Update, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import NotFound
from ivr.store import search, stages
from ivr.store.pages import beyond
from ivr.store.tables import CallbackRow, ContactRow, MessageRow
from ivr.store.upsert import insert_new

SILENT_KINDS = ("silent", "tone", "music", "fax")


async def intend(session: AsyncSession, row: dict[str, Any]) -> bool:
    """Inserts a message by `id`; False, and nothing changed, if it is there already.

    `row`: id, call_id, line, tenant, cause, number, withheld, audio, origin, created_at. State: `recording`.
    """
    return await insert_new(session, MessageRow, {"state": "recording", "transcript_state": "none", **row})


async def stored(
    session: AsyncSession,
    message_id: str,
    *,
    state: Literal["stored", "silent", "lost"],
    ended_at: datetime,
    ended_by: str | None,
    duration: float | None,
    urgent: bool = False,
    kind: str | None = None,
    no_text: str | None = None,
) -> bool:
    """Ends a recording; False if it had ended already. `stored` makes its first stages due at once.

    `no_text`: why there will never be a text of one that is lost.
    NotFound if there was no `intend`; both may stand in one transaction.
    """
    wants: dict[str, Any] = {}
    if state == "stored":
        wants = _to_do(ended_at)
    elif state == "lost":
        wants = {"transcript_state": "failed", "transcript_reason": no_text, "transcript_at": ended_at}
    changed = await _changed(
        session,
        update(MessageRow)
        .where(MessageRow.id == message_id, MessageRow.state == "recording")
        .values(state=state, ended_at=ended_at, ended_by=ended_by, duration=duration, urgent=urgent)
        .values(kind=kind, **wants),
    )
    if not changed:
        await get(session, message_id)
    return changed


async def promote(session: AsyncSession, message_id: str, now: datetime) -> bool:
    """A message judged silent is one after all: it is transcribed. False if it was not silent, or is deleted."""
    return await _changed(
        session,
        update(MessageRow)
        .where(
            MessageRow.id == message_id,
            MessageRow.state == "silent",
            MessageRow.audio_deleted_at.is_(None),
        )
        .values(state="stored", kind=None, told_at=None, **_to_do(now)),
    )


async def correct(session: AsyncSession, message_id: str, text: str | None, *, by: str, at: datetime) -> bool:
    """`text` None: what was heard counts again. False if there is no text (any more) that could be put right."""
    changed = await _changed(
        session,
        update(MessageRow)
        .where(
            MessageRow.id == message_id,
            MessageRow.transcript_state == "done",
            MessageRow.transcript_text.is_not(None),
        )
        .values(corrected_text=text, corrected_by=by if text else None, corrected_at=at),
    )
    if changed:
        await search.keep_of_messages(session, [message_id])
    return changed


async def silent_kinds(session: AsyncSession, tenant: str | None) -> dict[str, int]:
    """How many messages hold no speech, by kind; of all tenants for None."""
    query = (
        select(MessageRow.kind, func.count()).where(MessageRow.state == "silent").group_by(MessageRow.kind)
    )
    if tenant is not None:
        query = query.where(MessageRow.tenant == tenant)
    found = dict.fromkeys(SILENT_KINDS, 0)
    for kind, count in await session.execute(query):
        found[kind or "silent"] += count  # one of before the kinds were told apart
    return found


async def get(session: AsyncSession, message_id: str) -> MessageRow:
    found = await session.get(MessageRow, message_id)
    if found is None:
        raise NotFound(f"there is no message {message_id}")
    return found


async def listing(
    session: AsyncSession,
    *,
    limit: int = 100,
    after: str | None = None,
    line: str | None = None,
    state: str | None = None,
    tenant: str | None = None,
) -> Sequence[MessageRow]:
    """Newest first. `after` is the id of the last message of the page before; None for `tenant` is all."""
    order = (MessageRow.created_at, MessageRow.id)
    query = select(MessageRow).order_by(*(column.desc() for column in order)).limit(limit)
    for column, wanted in ((MessageRow.line, line), (MessageRow.state, state), (MessageRow.tenant, tenant)):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        last = (await session.execute(select(*order).where(MessageRow.id == after))).one_or_none()
        query = query.where(beyond(order, last, falling=True))
    return (await session.scalars(query)).all()


async def kept(
    session: AsyncSession, lines: Sequence[str], tenant: str, *, closed: Collection[str], limit: int = 500
) -> Sequence[MessageRow]:
    """Of these lines, or of all: what nobody cleared and whose callback is in none of the states `closed`.

    Unheard ones first, among them the urgent ones, then the oldest.
    """
    contact = select(ContactRow.id).join(CallbackRow, CallbackRow.ticket == ContactRow.ticket)
    theirs = ContactRow.message_id == MessageRow.id
    done = contact.where(theirs, CallbackRow.state.in_(closed)).exists()
    mine = (MessageRow.tenant == tenant, MessageRow.state == "stored", MessageRow.cleared_at.is_(None))
    query = select(MessageRow).where(*mine, ~done)
    if lines:
        query = query.where(MessageRow.line.in_(lines))
    first = (MessageRow.heard_at.is_not(None), MessageRow.urgent.desc())
    query = query.order_by(*first, MessageRow.created_at, MessageRow.id).limit(limit)
    return (await session.scalars(query)).all()


async def mark_heard(session: AsyncSession, message_id: str, *, by: str, at: datetime) -> None:
    """The first time counts."""
    unheard = (MessageRow.id == message_id, MessageRow.heard_at.is_(None))
    await session.execute(update(MessageRow).where(*unheard).values(heard_at=at, heard_by=by))


async def clear(session: AsyncSession, message_id: str, *, by: str, at: datetime) -> None:
    """Off the list of `kept`; the first time counts."""
    uncleared = (MessageRow.id == message_id, MessageRow.cleared_at.is_(None))
    await session.execute(update(MessageRow).where(*uncleared).values(cleared_at=at, cleared_by=by))


def _to_do(at: datetime) -> dict[str, Any]:
    return {**stages.waiting("audio", at), **stages.waiting("transcript", at)}


async def _changed(session: AsyncSession, statement: Update) -> bool:
    result = await session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount > 0
