"""The engine's mailbox: intent, recording, filing of one message, without ever keeping the caller waiting."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ivr.call import JOINS, Call, CallbackPromise, Draft, Notice, Recorded, Stored, Taken, Why
from ivr.clock import Clock
from ivr.errors import StoreError
from ivr.messages import filing
from ivr.messages.sidecar import BrokenSidecar, Facts, Sidecar, new_id
from ivr.store.database import Store
from ivr.transcript import Transcript, joined

log = logging.getLogger("ivr.messages")
T = TypeVar("T")

PATIENCE = 0.3  # seconds a caller waits for the store
THREADS = 16  # a slow disk must not make other callers wait


class StoreMailbox:
    """Implements `ivr.call.Mailbox`. What it cannot file in time, the reconciler files from the sidecar."""

    def __init__(
        self,
        store: Store,
        recordings: Path,
        calendars: filing.Calendars,
        clock: Clock,
        wake_jobs: Callable[[], object],
    ) -> None:
        """`recordings` as in the settings; makes its folder `messages`."""
        self._store = store
        self._folder = recordings / "messages"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._calendars = calendars
        self._clock = clock
        self._wake_jobs = wake_jobs
        self._threads = ThreadPoolExecutor(THREADS, "mailbox")
        self._drafts: dict[str, Sidecar] = {}
        self._texts: dict[str, dict[Path, Transcript]] = {}  # of drafts: take -> what was heard meanwhile
        self._late: set[asyncio.Task[Any]] = set()

    async def begin(self, call: Call, promise: CallbackPromise | None) -> Draft:
        """Raises StoreError if the disk does not take the intent: then there must be no beep."""
        return await _to_the_end(self._begin(call, promise))

    async def _begin(self, call: Call, promise: CallbackPromise | None) -> Draft:
        sidecar = await self._rejoin(call.state.message_id)
        if sidecar is None:
            facts = self._intent(call, promise)
            try:
                sidecar = await self._in_thread(Sidecar.create, self._folder, facts)
            except OSError as error:
                raise StoreError("The intent of a message could not be written to the disk.") from error
            self._drafts[facts.id] = sidecar
            await self._patiently(filing.intend(self._store, facts), "intend-" + facts.id)
        return self._draft(sidecar.facts)

    async def taken(self, draft: Draft, recorded: Recorded) -> Taken:
        self._heard(draft, recorded)
        sidecar = self._drafts.get(draft.id)
        try:
            if sidecar is None:
                raise OSError("its sidecar is not ours any more")
            judge = filing.judge_takes, self._folder, sidecar.facts, recorded.ended_by
            ended = await self._in_thread(*judge)
        except OSError:
            log.exception("a take could not be judged and counts as speech", extra={"message_id": draft.id})
            return Taken((draft.file,))
        if ended.state != "stored":
            return Taken(())
        return Taken(tuple(take.path for take in ended.kept), self._transcript(draft.id, ended))

    async def another(self, draft: Draft, why: Why) -> Draft:
        sidecar = self._drafts.get(draft.id)
        try:
            if sidecar is None:
                raise OSError("its sidecar is not ours any more")
            takes = [*sidecar.facts.takes, f"{draft.id}-{len(sidecar.facts.takes) + 1}.wav"]
            added = self._in_thread(partial(sidecar.append, takes=takes, why=[*draft.takes, why]))
            await _to_the_end(added)  # its file is closed when the call ends
        except OSError as error:
            raise StoreError("The next take of a message could not be written to the disk.") from error
        return self._draft(sidecar.facts)

    def _draft(self, facts: Facts) -> Draft:
        name, _ = facts.recordings()[-1]
        return Draft(facts.id, self._folder / name, tuple(why for _, why in facts.recordings()))

    async def finish(self, draft: Draft, recorded: Recorded, *, urgent: bool = False) -> Stored:
        return await _to_the_end(self._finish(draft, recorded, urgent))

    def release(self, call_id: str | None) -> None:
        """To be called when a call has ended in any way: the reconciler files what was begun and not finished."""
        for sidecar in [one for one in self._drafts.values() if one.facts.call_id == call_id]:
            self._forget(sidecar.facts.id)
            sidecar.close()

    def _forget(self, id: str) -> None:
        del self._drafts[id]
        self._texts.pop(id, None)

    def _heard(self, draft: Draft, recorded: Recorded) -> None:
        if recorded.transcript is not None:
            self._texts.setdefault(draft.id, {})[draft.file] = recorded.transcript

    def _transcript(self, id: str, ended: filing.Ended) -> Transcript | None:
        """Of the recording as it is kept; None unless all of it was heard while it was made."""
        heard = self._texts.get(id, {})
        parts = [
            replace(heard[take.path], duration=take.seconds) for take in ended.kept if take.path in heard
        ]
        return joined(parts) if parts and len(parts) == len(ended.kept) else None

    async def close(self) -> None:
        """Waits for what is still on its way to the store (bounded by the store's own patience)."""
        while self._late:
            await asyncio.wait(self._late)
        for sidecar in self._drafts.values():
            sidecar.close()
        self._drafts.clear()
        self._threads.shutdown()

    async def _rejoin(self, message_id: str | None) -> Sidecar | None:
        """The draft that this call has begun; None if there is none or the reconciler was faster."""
        if message_id is None or message_id in self._drafts:
            return self._drafts.get(message_id or "")
        try:
            sidecar = await self._in_thread(self._reopen, self._folder / f"{message_id}.json")
        except (OSError, BrokenSidecar):
            log.exception("the draft of a call cannot be read", extra={"message_id": message_id})
            return None
        if sidecar is not None:
            self._drafts[message_id] = sidecar
        return sidecar

    def _reopen(self, path: Path) -> Sidecar | None:
        sidecar = Sidecar.open(path)
        if sidecar is not None:
            try:
                filing.resume(self._folder, sidecar.facts)
            except OSError:
                sidecar.close()
                raise
        return sidecar

    async def ring_back(self, call: Call, number: str, promise: CallbackPromise) -> str | None:
        """Raises StoreError if the disk does not take the intent: then nothing may be promised."""
        facts = replace(
            self._intent(call, promise),
            request=f"{call.id}/{call.state.line}/{call.state.step}",
            cause="asked",
            number=number,
            withheld=None,
            takes=(),
        )
        return await _to_the_end(self._ring_back(facts))

    async def tell(self, call: Call, notice: Notice) -> None:
        """Raises StoreError if the disk does not take the intent."""
        request = f"{call.id}/{call.state.line}/{call.state.step}"
        facts = replace(self._intent(call, None), request=request, notice=notice, takes=())
        await _to_the_end(self._tell(facts))

    async def _tell(self, facts: Facts) -> None:
        try:
            sidecar = await self._in_thread(Sidecar.create, self._folder, facts)
        except OSError as error:
            raise StoreError("The intent of a notice could not be written to the disk.") from error
        await self._patiently(self._file_notice(sidecar), "tell-" + facts.id)

    async def _file_notice(self, sidecar: Sidecar) -> None:
        try:
            await filing.file_notice(self._store, sidecar.facts, self._clock.now())
            await self._in_thread(sidecar.remove)
            self._wake_jobs()
        finally:
            sidecar.close()

    async def _ring_back(self, facts: Facts) -> str | None:
        try:
            sidecar = await self._in_thread(Sidecar.create, self._folder, facts)
        except OSError as error:
            raise StoreError("The intent of a callback could not be written to the disk.") from error
        return await self._patiently(self._file_request(sidecar), "ask-" + facts.id)

    async def _file_request(self, sidecar: Sidecar) -> str:
        try:
            now = self._clock.now()
            ticket = await filing.file_request(self._store, self._calendars, sidecar.facts, now)
            await self._in_thread(sidecar.remove)
            return ticket
        finally:
            sidecar.close()

    def _intent(self, call: Call, promise: CallbackPromise | None) -> Facts:
        now = self._clock.now()
        id = new_id(now)
        return Facts(
            id=id,
            line=call.state.line,
            cause=call.state.cause or "asked",
            number=call.caller.number,
            origin="engine",
            created_at=now,
            call_id=call.id,
            withheld=call.caller.withheld,
            path=tuple(call.state.path),
            dialplan=call.state.dialplan,
            promise=promise,
            takes=(f"{id}.wav",),
            joins=call.state.variables.get(JOINS),
        )

    async def _finish(self, draft: Draft, recorded: Recorded, urgent: bool) -> Stored:
        sidecar = self._drafts.get(draft.id)
        if sidecar is None:  # released, or finished before
            log.error("a message was finished that is not being recorded", extra={"message_id": draft.id})
            return Stored(True, None)
        self._heard(draft, recorded)
        try:
            ended, transcript = await self._in_thread(
                self._settle, sidecar, recorded.ended_by, urgent, self._clock.now()
            )
        except OSError:
            log.exception("a recording could not be settled", extra={"message_id": draft.id})
            self.release(sidecar.facts.call_id)
            return Stored(True, None)
        self._forget(draft.id)
        ticket = await self._patiently(self._file(sidecar, ended, transcript), "file-" + draft.id)
        self._wake_jobs()
        return Stored(ended.state != "silent", ticket)

    def _settle(
        self, sidecar: Sidecar, ended_by: str, urgent: bool, now: datetime
    ) -> tuple[filing.Ended, Transcript | None]:
        """In a thread."""
        facts = sidecar.facts
        ended = filing.judge_takes(self._folder, facts, ended_by)
        transcript = self._transcript(facts.id, ended)
        filing.keep(self._folder, facts, ended)
        sidecar.append(
            state="recorded",
            ended_at=now.isoformat(),
            ended_by=ended.ended_by,
            seconds=ended.seconds,
            speech=ended.state != "silent",
            **({"urgent": True} if urgent else {}),
        )
        return ended, transcript

    async def _file(self, sidecar: Sidecar, ended: filing.Ended, transcript: Transcript | None) -> str | None:
        try:
            now = self._clock.now()
            ticket = await filing.file(self._store, self._calendars, sidecar.facts, ended, now, transcript)
            await self._in_thread(sidecar.remove)
            return ticket
        finally:
            sidecar.close()

    async def _patiently(self, work: Coroutine[Any, Any, T], name: str) -> T | None:
        """Its result, or None when the store fails or takes too long; then it goes on without the caller."""
        task = asyncio.create_task(work, name=name)
        self._late.add(task)
        task.add_done_callback(self._arrived)
        await asyncio.wait({task}, timeout=PATIENCE)
        if not task.done():
            log.warning("the store is slow, the call goes on", extra={"action": name})
            return None
        return None if task.cancelled() or task.exception() else task.result()

    def _arrived(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled() and (error := task.exception()):
            fields = {"action": task.get_name(), "reason": type(error).__name__}
            log.error("the store failed, the reconciler will file it", extra=fields)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Finishes `work` even when cancelled, and is cancelled only then."""
    task = asyncio.create_task(work, name="finish-message")
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
