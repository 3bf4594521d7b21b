"""What is deleted of a row, and the proof of it, in one transaction. Which rows: the conditions that are given.

Of audio the proof is begun with the row, which shows it as deleted from then on, and is complete (`at`) when the files
are gone: a row never claims audio that is not there, nor a proof what has not happened.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store import search, undos
from ivr.store.tables import (
    CallbackEvent,
    CallbackRow,
    CallRow,
    ContactRow,
    Deletion,
    Delivery,
    DialRow,
    MessageRow,
)

Where = Sequence[ColumnElement[bool]]

GONE = "deleted"  # state of a stage whose result was; in `withheld`: why there is no number
# What people said or wrote, in a contact; in a callback the agents' own words, too.
SAID = ("name", "company", "addressee", "member", "preferred_time", "matter", "email")
WRITTEN = (*SAID, "result")
SENT = ("sent", "failed", "seen", "spared")  # states of a delivery that is over


@dataclass(frozen=True, slots=True)
class Cause:
    """`why` is for the proof and must hold no number; `said` for people who look for what was deleted."""

    at: datetime
    by: str
    why: str
    said: str

    def proof(self, kind: str, row: Any, **more: Any) -> Deletion:
        subject = row.ticket if isinstance(row, CallbackRow) else str(row.id)
        facts = {"tenant": row.tenant, "line": row.line, "at": self.at, **more}
        return Deletion(kind=kind, subject=subject, by=self.by, why=self.why, **facts)


# -- audio ----------------------------------------------------------------------------------


async def with_audio(session: AsyncSession, where: Where, limit: int) -> Sequence[MessageRow]:
    """The oldest first."""
    query = select(MessageRow).where(MessageRow.audio_deleted_at.is_(None), *where)
    return (await session.scalars(query.order_by(MessageRow.created_at).limit(limit))).all()


async def begin_audio(session: AsyncSession, row: MessageRow, sha256: str | None, cause: Cause) -> bool:
    """False if another one has begun. `sha256` None: there is no file of it, and nothing to prove."""
    changed = await session.execute(
        update(MessageRow)
        .where(MessageRow.id == row.id, MessageRow.audio_deleted_at.is_(None))
        .values(
            audio_deleted_at=cause.at,
            **_over("audio", cause),
            playback=None,
            playback_start=None,
            peaks=None,
            sha256=sha256,
        )
        .execution_options(synchronize_session=False)
    )
    assert isinstance(changed, CursorResult)
    if not changed.rowcount:
        return False
    await session.execute(  # there is nothing left to make it of
        update(MessageRow)
        .where(MessageRow.id == row.id, MessageRow.transcript_state.in_(("waiting", "working")))
        .values(_over("transcript", cause))
        .execution_options(synchronize_session=False)
    )
    if sha256 is not None:
        session.add(cause.proof("audio", row, sha256=sha256, at=None))
    return True


async def begun(session: AsyncSession, but: Collection[str], limit: int) -> Sequence[Deletion]:
    """Whose files may still be there; `but` not of these messages."""
    query = select(Deletion).where(Deletion.at.is_(None), Deletion.subject.not_in(but))
    return (await session.scalars(query.order_by(Deletion.id).limit(limit))).all()


async def files_are_gone(session: AsyncSession, ids: Sequence[int], at: datetime) -> None:
    await session.execute(
        update(Deletion)
        .where(Deletion.id.in_(ids), Deletion.at.is_(None))
        .values(at=at)
        .execution_options(synchronize_session=False)
    )


async def without_audio(session: AsyncSession, ids: Sequence[str]) -> set[str]:
    """Those of these messages whose audio was deleted."""
    query = select(MessageRow.id).where(MessageRow.id.in_(ids), MessageRow.audio_deleted_at.is_not(None))
    return set(await session.scalars(query))


# -- what was said and written ----------------------------------------------------------------


async def texts(session: AsyncSession, where: Where, limit: int, cause: Cause) -> int:
    """Of messages. How many it were; so below."""
    some = select(MessageRow.id).where(MessageRow.transcript_text.is_not(None), *where).limit(limit)
    found = await session.scalars(
        update(MessageRow)
        # Once more: another process may have been quicker, and PostgreSQL asks `some` only once.
        .where(MessageRow.id.in_(some), MessageRow.transcript_text.is_not(None))
        .values(
            transcript_text=None,
            transcript_words=None,
            reading=None,
            corrected_text=None,
            text_deleted_at=cause.at,
            **_over("transcript", cause),
            **_over("reading", cause),
        )
        .returning(MessageRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    rows = found.all()
    await search.keep_of_messages(session, [row.id for row in rows])
    return _proofs(session, "text", rows, cause)


async def remarks(session: AsyncSession, where: Where, limit: int, cause: Cause) -> int:
    """What is written in callbacks, their contacts and their history."""
    await undos.drop_of(session, where)
    said = exists().where(_theirs(ContactRow), _any(ContactRow, SAID))
    why = exists().where(_theirs(CallbackEvent), CallbackEvent.why.is_not(None))
    some = select(CallbackRow.ticket).where(or_(_any(CallbackRow, WRITTEN), said, why), *where).limit(limit)
    some = some.with_for_update(skip_locked=True)  # what another process is about is its own
    rows = (
        await session.scalars(
            update(CallbackRow)
            .where(CallbackRow.ticket.in_(some))
            .values(dict.fromkeys(WRITTEN))
            .returning(CallbackRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
    ).all()
    await _of_tickets(session, ContactRow, rows, dict.fromkeys(SAID))
    await _of_tickets(session, CallbackEvent, rows, {"why": None})
    await search.keep(session, *(row.ticket for row in rows))
    return _proofs(session, "callback", rows, cause)


async def told(session: AsyncSession, where: Where, limit: int, cause: Cause) -> int:
    """What deliveries that are over told in their own words, and what was answered."""
    kept = Delivery.text_deleted_at.is_(None)
    query = select(Delivery).where(kept, Delivery.state.in_(SENT), *where).limit(limit)
    rows = (await session.scalars(query)).all()
    for row in rows:
        if row.answer is not None or "about" in row.data:
            session.add(cause.proof("delivery", row))
        row.data = {name: value for name, value in row.data.items() if name != "about"}
        row.answer, row.text_deleted_at = None, cause.at
    return len(rows)


# -- numbers --------------------------------------------------------------------------------


async def numbers(
    session: AsyncSession, table: type[CallRow] | type[MessageRow], where: Where, limit: int, cause: Cause
) -> int:
    """The caller's, in messages or in calls that are over; what is left tells nobody's."""
    over = [CallRow.ended_at.is_not(None)] if table is CallRow else []
    some = select(table.id).where(table.number.is_not(None), *over, *where).limit(limit)
    values = {"number": None, "withheld": GONE, **({"state": None} if table is CallRow else {})}
    rows = await session.scalars(
        update(table)
        .where(table.id.in_(some), table.number.is_not(None))
        .values(values)
        .returning(table)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return _proofs(session, "call" if table is CallRow else "number", rows.all(), cause)


async def callback_numbers(session: AsyncSession, where: Where, limit: int, cause: Cause) -> int:
    """The same in callbacks, in their contacts and dials."""
    await undos.drop_of(session, where)
    contact = exists().where(_theirs(ContactRow), ContactRow.number.is_not(None))
    dial = exists().where(_theirs(DialRow), DialRow.number != "")
    numbered = or_(CallbackRow.number.is_not(None), CallbackRow.wrong_number.is_not(None), contact, dial)
    some = select(CallbackRow.ticket).where(numbered, *where).limit(limit).with_for_update(skip_locked=True)
    values = {"number": None, "withheld": GONE}
    rows = (
        await session.scalars(
            update(CallbackRow)
            .where(CallbackRow.ticket.in_(some))
            .values(wrong_number=None, **values)
            .returning(CallbackRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
    ).all()
    await _of_tickets(session, ContactRow, rows, values)
    await _of_tickets(session, DialRow, rows, {"number": ""})
    await search.keep(session, *(row.ticket for row in rows))
    return _proofs(session, "number", rows, cause)


def _theirs(table: type[ContactRow] | type[CallbackEvent] | type[DialRow]) -> ColumnElement[bool]:
    return table.ticket == CallbackRow.ticket


def _any(table: type[ContactRow] | type[CallbackRow], names: Sequence[str]) -> ColumnElement[bool]:
    return or_(*(getattr(table, name).is_not(None) for name in names))


async def _of_tickets(
    session: AsyncSession,
    table: type[ContactRow] | type[CallbackEvent] | type[DialRow],
    rows: Sequence[CallbackRow],
    values: dict[str, Any],
) -> None:
    await session.execute(
        update(table)
        .where(table.ticket.in_([row.ticket for row in rows]))
        .values(values)
        .execution_options(synchronize_session=False)
    )


# -- the proofs -----------------------------------------------------------------------------


async def listing(
    session: AsyncSession, *, limit: int = 100, line: str | None = None, subject: str | None = None
) -> Sequence[Deletion]:
    """Newest first."""
    query = select(Deletion).order_by(Deletion.id.desc()).limit(limit)
    for column, wanted in ((Deletion.line, line), (Deletion.subject, subject)):
        if wanted is not None:
            query = query.where(column == wanted)
    return (await session.scalars(query)).all()


def _over(stage: str, cause: Cause) -> dict[str, Any]:
    return {f"{stage}_state": GONE, f"{stage}_reason": cause.said, f"{stage}_next_at": None}


def _proofs(session: AsyncSession, kind: str, rows: Sequence[Any], cause: Cause) -> int:
    session.add_all(cause.proof(kind, row) for row in rows)
    return len(rows)
