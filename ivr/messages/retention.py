"""Deletes by the clock what a line no longer keeps. Runs in the jobs process; safe to kill at any instant and to run twice.

What is still needed stays, whatever the line says: the message of an open callback; and for HOLD at most a message whose
stages are not over or of which somebody is still to be told. docs/admin/retention.md tells it to people.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks.states import CLOSED
from ivr.clock import Clock
from ivr.dialplan.retention import Keep, RetentionRules
from ivr.messages import audio
from ivr.messages.pipeline import PLAYBACK
from ivr.messages.sidecar import sync_folder
from ivr.store import deletions, stages
from ivr.store.database import Store
from ivr.store.deletions import Cause
from ivr.store.tables import CallbackRow, CallRow, ContactRow, Delivery, MessageRow

log = logging.getLogger("ivr.messages")

BY = "retention"
HOLD = timedelta(days=7)
UNREAD = "unread"
BATCH = 100  # rows in one transaction
FILES = 10_000  # proofs at a time: each look lists the whole folders
SWEEP_EVERY = timedelta(days=1)  # for files that came back, with a backup or a reconciler that died

Rules = Callable[[], Mapping[str, tuple[RetentionRules, ZoneInfo]]]
"""Line -> what it keeps how long, and its zone."""


class Retention:
    def __init__(self, store: Store, recordings: Path, clock: Clock, rules: Rules) -> None:
        self._store = store
        self._folders = [recordings / "messages", recordings / PLAYBACK]
        self._recordings = recordings
        self._clock = clock
        self._rules = rules
        self._swept: datetime | None = None

    def now(self) -> datetime:
        return self._clock.now()

    async def round(self) -> int:
        """Everything that is due now. How much it was."""
        count = await self.finish()
        for line, (rules, zone) in self._rules().items():
            count += await self._line(line, rules, zone)
        if self._swept is None or self.now() - self._swept >= SWEEP_EVERY:
            self._swept = self.now()
            await self.sweep()
        if count:
            log.info("what is no longer kept was deleted", extra={"deleted": count})
        return count

    async def _line(self, line: str, rules: RetentionRules, zone: ZoneInfo) -> int:
        count = 0
        if rules.audio is not None:
            cause, before = self._cause(line, "audio", rules.audio, zone)
            count += await self.delete_audio([MessageRow.line == line, *old(before), *free(cause.at)], cause)
        if rules.text is not None:
            count += await self._texts(line, *self._cause(line, "text", rules.text, zone))
        if rules.calls is not None:
            count += await self._numbers(line, *self._cause(line, "calls", rules.calls, zone))
        return count

    def _cause(self, line: str, what: str, keep: Keep, zone: ZoneInfo) -> tuple[Cause, datetime]:
        """And the moment before which everything is to go."""
        now = self.now()
        said = f"保存期間が過ぎたため削除しました（{day(now, zone)}）"
        return Cause(now, BY, f"line {line} keeps {what} {keep}", said), keep.ends(now, zone)

    # -- audio ------------------------------------------------------------------------------

    async def delete_audio(self, where: deletions.Where, cause: Cause) -> int:
        """Of the messages that satisfy `where`."""
        count, unread = 0, set[str]()
        while True:
            async with self._store.read() as session:
                rows = await deletions.with_audio(session, [*where, MessageRow.id.not_in(unread)], BATCH)
            digests = {row.id: await self._digest(row) for row in rows}
            unread |= {id for id, digest in digests.items() if digest == UNREAD}
            async with self._store.write() as session:
                for row in rows:
                    # Once more: a callback may have been opened again meanwhile.
                    still = await session.scalar(select(MessageRow.id).where(MessageRow.id == row.id, *where))
                    if still and row.id not in unread:
                        count += await deletions.begin_audio(session, row, digests[row.id], cause)
            if len(rows) < BATCH:
                await self.finish()
                return count

    async def finish(self) -> int:
        """The files of what was begun go, then its proof is complete; also what a killed process had begun."""
        count, stuck = 0, set[str]()
        while True:
            async with self._store.read() as session:
                begun = await deletions.begun(session, stuck, FILES)
            if not begun:
                return count
            stuck |= await asyncio.to_thread(self._unlink, {proof.subject for proof in begun})
            done = [proof.id for proof in begun if proof.subject not in stuck]
            async with self._store.write() as session:
                await deletions.files_are_gone(session, done, self.now())
            count += len(done)

    async def _digest(self, row: MessageRow) -> str | None:
        """None if there is no such file, and never was; UNREAD if the disk does not give it."""
        if row.sha256 is not None:
            return row.sha256
        try:
            return await asyncio.to_thread(audio.digest, self._recordings / row.audio)
        except audio.AudioFailed as error:
            if error.code == "not_found":
                return None
            log.error("a recording cannot be read and is deleted later", extra={"message_id": row.id})
            return UNREAD

    async def sweep(self) -> None:
        """Deletes the files of messages whose audio was deleted, if there are any again."""
        ids = sorted(await asyncio.to_thread(self._ids))
        for first in range(0, len(ids), BATCH):
            async with self._store.read() as session:
                back = await deletions.without_audio(session, ids[first : first + BATCH])
            if back:
                log.warning("audio that was deleted had come back", extra={"messages": len(back)})
                await asyncio.to_thread(self._unlink, back)

    def _ids(self) -> set[str]:
        return {
            name
            for folder in self._folders
            if folder.is_dir()
            for path in folder.iterdir()
            if (name := _id(path))
        }

    def _unlink(self, ids: set[str]) -> set[str]:
        """Every file of theirs but the sidecar of one that is not filed yet; on the disk when it returns.

        Those of which a file cannot be deleted are returned.
        """
        stuck: set[str] = set()
        for folder in filter(Path.is_dir, self._folders):
            for path in list(folder.iterdir()):
                if _id(path) not in ids or path.suffix == ".json":
                    continue
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    extra = {"message_id": _id(path), "reason": type(error).__name__}
                    log.error("the file of a message cannot be deleted", extra=extra)
                    stuck.add(_id(path))
            sync_folder(folder)
        return stuck

    # -- rows -------------------------------------------------------------------------------

    async def _texts(self, line: str, cause: Cause, before: datetime) -> int:
        message = [MessageRow.line == line, *old(before), *free(cause.at)]
        callback = [CallbackRow.line == line, *closed(before)]
        delivery = [Delivery.line == line, Delivery.created_at < before]
        count = await self._all(lambda session: deletions.texts(session, message, BATCH, cause))
        count += await self._all(lambda session: deletions.remarks(session, callback, BATCH, cause))
        return count + await self._all(lambda session: deletions.told(session, delivery, BATCH, cause))

    async def _numbers(self, line: str, cause: Cause, before: datetime) -> int:
        async with self._store.read() as session:
            telling = await _calls_being_told(session, line, cause.at)
        call = [CallRow.line == line, CallRow.started_at < before, CallRow.id.not_in(telling)]
        message = [MessageRow.line == line, *old(before), *free(cause.at)]
        callback = [CallbackRow.line == line, *closed(before)]
        count = await self._all(lambda session: deletions.numbers(session, CallRow, call, BATCH, cause))
        count += await self._all(
            lambda session: deletions.numbers(session, MessageRow, message, BATCH, cause)
        )
        return count + await self._all(
            lambda session: deletions.callback_numbers(session, callback, BATCH, cause)
        )

    async def _all(self, delete: Callable[[AsyncSession], Awaitable[int]]) -> int:
        count = 0
        while True:
            async with self._store.write() as session:
                some = await delete(session)
            count += some
            if some < BATCH:
                return count


def old(before: datetime) -> list[ColumnElement[bool]]:
    return [MessageRow.created_at < before]


def closed(before: datetime) -> list[ColumnElement[bool]]:
    """Callbacks that are over, and for which nobody has asked since."""
    later = exists().where(ContactRow.ticket == CallbackRow.ticket, ContactRow.created_at >= before)
    return [CallbackRow.created_at < before, CallbackRow.state.in_(CLOSED), ~later]


def free(now: datetime) -> list[ColumnElement[bool]]:
    """Messages that nobody needs any more."""
    states = [stages.column(stage, "state") for stage in stages.STAGES]
    ends = [stages.column(stage, "next_at") for stage in stages.STAGES]
    # Two selects deep, SQLAlchemy does not see by itself that the message is the outer one's.
    asked = select(ContactRow.ticket).where(ContactRow.message_id == MessageRow.id).correlate(MessageRow)
    ticket = or_(CallbackRow.message_id == MessageRow.id, CallbackRow.ticket.in_(asked))
    open_callback = exists().where(ticket, CallbackRow.state.not_in(CLOSED))
    worked_on = or_(*(and_(state == "working", end > now) for state, end in zip(states, ends, strict=True)))
    telling = exists().where(Delivery.message_id == MessageRow.id, Delivery.state.not_in(deletions.SENT))
    unfinished = and_(
        MessageRow.created_at > now - HOLD,
        or_(*(state.in_(stages.OPEN) for state in states), MessageRow.told_at.is_(None), telling),
    )
    return [MessageRow.state != "recording", ~open_callback, ~worked_on, ~unfinished]


async def _calls_being_told(session: AsyncSession, line: str, now: datetime) -> set[str]:
    """Ids of calls of which a `notify` step is still to tell somebody: it reads the number from them."""
    query = select(Delivery.subject).where(
        Delivery.line == line,
        Delivery.event == "step",
        Delivery.state.not_in(deletions.SENT),
        Delivery.created_at > now - HOLD,
    )
    return {subject.partition("/")[0] for subject in await session.scalars(query)}


def day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.year}年{local.month}月{local.day}日"


def _id(path: Path) -> str:
    """Of the message that a file is of: `<id>.wav`, `<id>-2.wav`, `<id>.json.broken`, `<id>.mp3`."""
    return re.split(r"[.-]", path.name, maxsplit=1)[0]
