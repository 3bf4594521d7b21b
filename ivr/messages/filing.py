"""From a sidecar and its recordings to the rows: one message and one callback, whoever files and however often.

State of a message that ended:

| state | when | callback |
|---|---|---|
| `stored` | speech, or something that may be speech | yes |
| `silent` | proven non-speech; also no audio at all because the caller hung up, pressed # or said nothing before or during the beep | no; counted, can be promoted |
| `lost` | no audio through OUR fault: the recording failed, or a crash came between the intent and the first sound | yes, for it was promised |
"""

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.call import Why
from ivr.callbacks.asking import MessageFacts, create_for_message, create_for_request
from ivr.callbacks.who import SYSTEM
from ivr.hours.calendar import Calendar
from ivr.messages import text, wav
from ivr.messages.kinds import Kind
from ivr.messages.priority import pressed_urgent
from ivr.messages.sidecar import Facts, sync_folder
from ivr.messages.speech import Speech, judge
from ivr.store import callbacks, contacts, deliveries, events, messages, stages
from ivr.store.database import Store
from ivr.store.tables import CallbackEvent, CallbackRow, ContactRow, Line, MessageRow
from ivr.transcript import Transcript

log = logging.getLogger("ivr.messages")

Calendars = Callable[[str, str | None], Calendar | None]
"""Line and name of the hours (None: the line's only hours) -> calendar; None if there is no such one."""


SURELY = 1.0  # seconds above the noise; a recording with less in it takes no other one's place


@dataclass(frozen=True, slots=True)
class Take:
    """A recording that is a message, or part of one; `sound`: seconds above the noise."""

    path: Path
    why: Why
    seconds: float
    kind: Kind
    sound: float

    @property
    def silent(self) -> bool:
        return self.kind != "speech"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a recording ended; `seconds` of audio, of the takes that are kept, one behind the other."""

    state: Literal["stored", "silent", "lost"]
    seconds: float
    ended_by: str | None
    kept: tuple[Take, ...]
    kind: Kind | None = None  # of a silent one


def judge_takes(folder: Path, facts: Facts, ended_by: str | None) -> Ended:
    """Kept is what may hold speech, else the last take. Blocks; raises OSError; changes headers that a crash left."""
    takes = [_take(path, why) for path, why in _recordings(folder, facts)]
    spoken = _in_force(takes)
    kept = tuple(spoken or takes[-1:])
    seconds = sum(take.seconds for take in kept)
    if not seconds:
        state: Literal["stored", "silent", "lost"] = "lost" if ended_by in (None, "failed") else "silent"
    else:
        # A recording that failed may have missed what was said later: that proves nothing.
        # And who was told "we shall ring you back" is rung back, whatever we hear.
        state = "stored" if spoken or facts.speech or ended_by == "failed" else "silent"
    kind = (kept[0].kind if kept else "silent") if state == "silent" else None
    return Ended(state, seconds, ended_by, kept, kind)


def _recordings(folder: Path, facts: Facts) -> list[tuple[Path, Why]]:
    """Those that are there. A joined one is all of them, see `sidecar.py`."""
    joined = _joined(folder, facts.id)
    if joined.exists():
        return [(joined, "first")]
    return [(folder / name, why) for name, why in facts.recordings() if (folder / name).exists()]


def _joined(folder: Path, id: str) -> Path:
    return folder / f"{id}-joined.wav"


@functools.lru_cache(maxsize=64)  # judged when its caller ended it, and again when it is filed
def _judged(path: Path, written: int) -> Speech:
    return judge(path)


def _take(path: Path, why: Why) -> Take:
    seconds, heard = wav.settle(path), _judged(path, path.stat().st_mtime_ns)
    return Take(path, why, seconds, heard.kind, heard.seconds_of_energy)


def _in_force(takes: Sequence[Take]) -> list[Take]:
    """What was spoken, without that in whose place the caller surely said something else."""
    spoken: list[Take] = []
    for take in takes:
        if take.silent:
            continue
        if take.why == "instead" and take.sound >= SURELY:
            spoken.clear()
        spoken.append(take)
    return spoken


def keep(folder: Path, facts: Facts, ended: Ended) -> None:
    """What is kept becomes `<id>.wav` and the rest goes. Blocks; raises OSError; may be done again, after a crash too.

    That name is given last: whoever begins anew finds either all that was spoken or what came of it.
    """
    audio = folder / f"{facts.id}.wav"
    if ended.kept:
        kept = ended.kept[0].path
        if len(ended.kept) > 1:
            kept = _joined(folder, facts.id)
            _join(folder, facts.id, ended.kept)
        for path in (folder / name for name in facts.takes):
            if path not in (audio, kept):
                path.unlink(missing_ok=True)
        if kept != audio:
            kept.replace(audio)
    sync_folder(folder)


def _join(folder: Path, id: str, takes: Sequence[Take]) -> None:
    draft = folder / f".{id}.joining"
    try:
        wav.join((take.path for take in takes), draft)
    except OSError:
        draft.unlink(missing_ok=True)  # on a full disk its place is needed
        raise
    draft.replace(_joined(folder, id))
    sync_folder(folder)


def resume(folder: Path, facts: Facts) -> None:
    """Before anything more is recorded: what an engine that died had begun to join is joined. Blocks; OSError."""
    if _joined(folder, facts.id).exists():
        keep(folder, facts, judge_takes(folder, facts, None))


async def intend(store: Store, facts: Facts) -> None:
    """The row of a message that is being recorded. Twice does no harm."""
    async with store.write() as session:
        await _insert(session, facts)


async def file(
    store: Store,
    calendars: Calendars,
    facts: Facts,
    ended: Ended,
    now: datetime,
    transcript: Transcript | None = None,
) -> str | None:
    """Not knowing when it ended, takes its length. Returns the ticket, None without a callback. Twice does no harm, also from two processes at once.

    `transcript`: of the recording as it is kept; written unless the message has one by now. StoreError if the
    store does not take it: nothing has changed then.
    """
    async with store.write() as session:
        await _insert(session, facts)
        first = await messages.stored(
            session,
            facts.id,
            state=ended.state,
            ended_at=facts.ended_at or facts.created_at + timedelta(seconds=ended.seconds),
            ended_by=ended.ended_by,
            duration=ended.seconds,
            urgent=facts.urgent,
            kind=ended.kind,
            no_text=text.EMPTY,
        )
        if transcript is not None and ended.state == "stored":
            values = dict(text.columns(transcript, now))
            if await stages.done(session, "transcript", facts.id, values, now):
                await events.put(session, "transcript", facts.id, {"transcript": "done"}, now)
        if not first:
            there = await callbacks.by_message(session, facts.id)
            return there.ticket if there else None
        kind = "alarm" if ended.state == "lost" else "message"
        await events.put(session, kind, facts.id, {"message": ended.state}, now)
        if ended.state == "silent" or facts.promise is None:
            return None
        return await _one_callback(session, calendars, facts, ended, now)


async def file_request(store: Store, calendars: Calendars, facts: Facts, now: datetime) -> str:
    """The ticket of the callback that a caller asked for by key. Twice does no harm, also from two processes."""
    assert facts.request is not None and facts.promise is not None
    async with store.write() as session:
        about = _about(facts, await _tenant(session, facts))
        calendar = _calendar(calendars, facts, facts.promise.hours)
        return await create_for_request(session, facts.request, about, facts.promise, calendar, now)


async def file_notice(store: Store, facts: Facts, now: datetime) -> None:
    """One delivery for each place that a `notify` step names. Twice does no harm, also from two processes."""
    assert facts.request is not None and facts.notice is not None
    async with store.write() as session:
        row = {
            "tenant": await _tenant(session, facts),
            "line": facts.line,
            "event": "step",
            "subject": facts.request,
            "data": {
                "include": ["number"] if facts.notice.number else [],
                "about": facts.notice.about,
            },
            "created_at": facts.created_at,
            "next_at": now,
        }
        for channel, target in facts.notice.to:
            key = deliveries.key_of(facts.request, channel, target)
            await deliveries.create(session, {**row, "channel": channel, "target": target, "key": key})


async def _tenant(session: AsyncSession, facts: Facts) -> str:
    line = await session.get(Line, facts.line)
    if line is None:
        log.error("a message for a line that is not published", extra={"message_id": facts.id})
    return line.tenant if line else ""


async def _insert(session: AsyncSession, facts: Facts) -> None:
    await messages.intend(
        session,
        {
            "id": facts.id,
            "call_id": facts.call_id,
            "line": facts.line,
            "tenant": await _tenant(session, facts),
            "cause": facts.cause,
            "number": facts.number,
            "withheld": facts.withheld,
            "audio": f"messages/{facts.id}.wav",
            "origin": facts.origin,
            "created_at": facts.created_at,
        },
    )


async def _one_callback(
    session: AsyncSession, calendars: Calendars, facts: Facts, ended: Ended, now: datetime
) -> str:
    """A caller whose recording we lost is led to the fallback and records again: that is one callback, not two."""
    assert facts.promise is not None
    other = await _other_callback(session, facts, ended)
    if other is not None:
        contact, state = other
        if ended.state == "stored":
            await contacts.took_message(session, contact, facts.id)
            session.add(
                CallbackEvent(
                    ticket=contact.ticket, at=now, who=SYSTEM.name, what="message", before=state, after=state
                )
            )
        return contact.ticket
    row = await messages.get(session, facts.id)
    calendar = _calendar(calendars, facts, facts.promise.hours)
    ticket = await create_for_message(session, _about(facts, row.tenant), facts.promise, calendar, now)
    if facts.urgent:
        await pressed_urgent(session, ticket, facts.promise, facts.created_at, calendar, now)
    return ticket


def _about(facts: Facts, tenant: str) -> MessageFacts:
    return MessageFacts(
        id=facts.id,
        line=facts.line,
        tenant=tenant,
        cause=facts.cause,
        number=facts.number,
        received_at=facts.created_at,
        withheld=facts.withheld,
        call_id=facts.call_id,
        path=facts.path,
        branch=branch(facts.path),
        joins=facts.joins,
    )


async def _other_callback(session: AsyncSession, facts: Facts, ended: Ended) -> tuple[ContactRow, str] | None:
    """Contact, and state of its callback, of the same call, if this message or that one's was lost."""
    if facts.call_id is None:
        return None
    query = (
        select(ContactRow, CallbackRow.state)
        .join(CallbackRow, CallbackRow.ticket == ContactRow.ticket)
        .join(MessageRow, MessageRow.id == ContactRow.message_id)
        .where(ContactRow.call_id == facts.call_id)
    )
    if ended.state != "lost":
        query = query.where(MessageRow.state == "lost")
    found = (await session.execute(query.limit(1))).first()
    return None if found is None else (found[0], found[1])


def branch(path: tuple[str, ...]) -> str | None:
    """The step that the last menu key led to; None if no key was pressed."""
    for key, step in zip(reversed(path[:-1]), reversed(path[1:]), strict=True):
        if key[:1] in "0123456789*#":
            return step
        # No key was pressed in the line that a goto led to: its first step says what was chosen.
        if ":" in step:
            return step.partition(":")[2] if any(key[:1] in "0123456789*#" for key in path) else None
    return None


def _calendar(calendars: Calendars, facts: Facts, hours: str | None) -> Calendar | None:
    try:
        return calendars(facts.line, hours)
    except Exception:  # whatever is wrong with the hours costs the due time, never the callback
        log.exception("no calendar for a message", extra={"message_id": facts.id, "line": facts.line})
        return None
