"""The stages of a message after it was stored: waiting -> working -> done, or failed with the reason.

Each has five columns of its message, `<stage>_state`, `_reason`, `_attempts`, `_next_at`, `_at`. `none` is the state of
a stage that nobody asked for. Every change may be made twice without harm.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from ivr.errors import NotFound
from ivr.store import search
from ivr.store.tables import MessageRow

Stage = Literal["audio", "transcript", "reading"]
STAGES: tuple[Stage, ...] = get_args(Stage)
OPEN = ("waiting", "working")


@dataclass(frozen=True, slots=True)
class Due:
    """`at` names the attempt: another one of the same message is due at another time."""

    message_id: str
    at: datetime
    urgent: bool


def column(stage: Stage, name: str) -> InstrumentedAttribute[Any]:
    found: InstrumentedAttribute[Any] = getattr(MessageRow, f"{stage}_{name}")
    return found


def waiting(stage: Stage, at: datetime) -> dict[str, Any]:
    """Values of a stage that is to be done at `at`, as if it had never been tried."""
    values = {"state": "waiting", "reason": None, "attempts": 0, "next_at": at, "at": None}
    return {f"{stage}_{name}": value for name, value in values.items()}


def finished(stage: Stage, at: datetime, state: str = "done", reason: str | None = None) -> dict[str, Any]:
    """Values of a stage that is over."""
    return {f"{stage}_state": state, f"{stage}_reason": reason, f"{stage}_next_at": None, f"{stage}_at": at}


async def due(session: AsyncSession, stage: Stage, now: datetime, limit: int = 100) -> Sequence[Due]:
    """Urgent ones first, then the oldest; also those whose worker did not come back in time."""
    state, next_at = column(stage, "state"), column(stage, "next_at")
    query = (
        select(MessageRow.id, next_at, MessageRow.urgent)
        .where(state.in_(OPEN), next_at <= now)
        .order_by(MessageRow.urgent.desc(), MessageRow.created_at, MessageRow.id)
        .limit(limit)
    )
    return [Due(*row) for row in await session.execute(query)]


def lease(now: datetime, lasting: timedelta) -> datetime:
    """The end of a lease, by which its holder is known: no two are the same, though claimed at the same moment."""
    return now + lasting + timedelta(microseconds=secrets.randbelow(1_000_000))


async def claim(
    session: AsyncSession, stage: Stage, message_id: str, *, now: datetime, until: datetime
) -> bool:
    """True for one worker, which then has until `until` and is known again by it; counts the attempt.

    What waits was found due by whoever handed it over, whose clock may be ahead of this one.
    """
    state, next_at, attempts = (column(stage, name) for name in ("state", "next_at", "attempts"))
    own = select(MessageRow.id).where(MessageRow.id == message_id, state == "working", next_at == until)
    if await session.scalar(own) is not None:
        return True
    free = (state == "waiting") | ((state == "working") & (next_at <= now))
    result = await session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id, free)
        .values({state: "working", next_at: until, attempts: attempts + 1})
    )
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


async def done(
    session: AsyncSession,
    stage: Stage,
    message_id: str,
    values: dict[str, Any],
    at: datetime,
    *condition: Any,
) -> bool:
    """`values` go into the message with it; False, and nothing changed, unless it is open and `condition` holds."""
    result = await session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id, column(stage, "state").in_(OPEN), *condition)
        .values(**values, **finished(stage, at))
    )
    assert isinstance(result, CursorResult)
    if stage == "transcript" and result.rowcount:
        await search.keep_of_messages(session, [message_id])
    return result.rowcount > 0


async def sealed(session: AsyncSession, message_id: str, digest: str) -> None:
    """The SHA-256 of the original, hex; the first one stays."""
    await session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id, MessageRow.sha256.is_(None))
        .values(sha256=digest)
    )


async def failed(session: AsyncSession, stage: Stage, message_id: str, *, reason: str, at: datetime) -> None:
    """For good; `reason` is for people. A finished one stays as it is."""
    await session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id, column(stage, "state").in_(OPEN))
        .values(**finished(stage, at, "failed", reason))
    )


async def postponed(
    session: AsyncSession, stage: Stage, message_id: str, *, reason: str, until: datetime, counted: bool
) -> None:
    """It is tried again at `until`; `counted`: this attempt says something about the message."""
    state, attempts = column(stage, "state"), column(stage, "attempts")
    await session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id, state == "working")
        .values(
            {
                state: "waiting",
                column(stage, "reason"): reason,
                column(stage, "next_at"): until,
                attempts: attempts - (0 if counted else 1),
            }
        )
    )


async def again(session: AsyncSession, stage: Stage, message_id: str, now: datetime) -> bool:
    """From the start, whatever became of it; False if it is being worked on or the message is not stored.

    What an earlier run made stays until the new one ends. NotFound if there is no such message.
    """
    row = await session.get(MessageRow, message_id)
    if row is None:
        raise NotFound(f"there is no message {message_id}")
    working = (column(stage, "state") == "working") & (column(stage, "next_at") > now)
    gone = MessageRow.text_deleted_at if stage == "reading" else MessageRow.audio_deleted_at
    needs = [MessageRow.transcript_state == "done"] if stage == "reading" else []
    result = await session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id, MessageRow.state == "stored", gone.is_(None), ~working, *needs)
        .values(**waiting(stage, now))
    )
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


async def last_model(session: AsyncSession, line: str, *, but: str | None) -> str | None:
    """The model of the line's latest text that is not of `but`."""
    found: str | None = await session.scalar(
        select(MessageRow.transcript_model)
        .where(
            MessageRow.line == line, MessageRow.transcript_model != but, MessageRow.transcript_at.is_not(None)
        )
        .order_by(MessageRow.transcript_at.desc())
        .limit(1)
    )
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """What stands before a message: `seconds` of audio, its own included, in `messages`."""

    messages: int
    seconds: float


async def ahead(session: AsyncSession, row: MessageRow) -> Line:
    """Of the transcripts that are open: those before this one, and this one."""
    before = (MessageRow.created_at < row.created_at) & (MessageRow.urgent == row.urgent)
    if not row.urgent:
        before |= MessageRow.urgent
    before |= MessageRow.transcript_state == "working"
    count, seconds = (
        await session.execute(
            select(func.count(), func.coalesce(func.sum(MessageRow.duration), 0.0)).where(
                MessageRow.transcript_state.in_(OPEN), before | (MessageRow.id == row.id)
            )
        )
    ).one()
    return Line(count, float(seconds or 0.0))


async def pace(session: AsyncSession, sample: int = 20) -> float | None:
    """Seconds that a transcript takes for each second of audio, of the latest ones; None if there are none."""
    latest = (
        select(MessageRow.transcript_seconds, MessageRow.duration)
        .where(MessageRow.transcript_seconds.is_not(None), MessageRow.duration > 0)
        .order_by(MessageRow.transcript_at.desc())
        .limit(sample)
    )
    found = [(seconds, audio) for seconds, audio in await session.execute(latest) if seconds and audio]
    return sum(seconds for seconds, _ in found) / sum(audio for _, audio in found) if found else None
