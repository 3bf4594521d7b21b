"""The engine's mailbox: intent, recording, filing of one message, without ever keeping the caller waiting."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from ivr.call import Call, CallbackPromise, Draft, Notice, Recorded, Stored
from ivr.clock import Clock
from ivr.errors import StoreError
from ivr.messages import filing
from ivr.messages.sidecar import BrokenSidecar, Facts, Sidecar, new_id
from ivr.store.database import Store

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
        wake_jobs: Callable[[], None],
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
        self._late: set[asyncio.Task[Any]] = set()

    async def begin(self, call: Call, promise: CallbackPromise | None) -> Draft:
        """Raises StoreError if the disk does not take the intent: then there must be no beep."""
        sidecar = await self._rejoin(call.state.message_id)
        if sidecar is None:
            facts = self._intent(call, promise)
            try:
                sidecar = await self._in_thread(Sidecar.create, self._folder, facts)
            except OSError as error:
                raise StoreError("The intent of a message could not be written to the disk.") from error
            self._drafts[facts.id] = sidecar
            await self._patiently(filing.intend(self._store, facts), "intend-" + facts.id)
        return Draft(sidecar.facts.id, self._folder / sidecar.facts.takes[-1])

    async def finish(self, draft: Draft, recorded: Recorded, *, again: bool) -> Stored:
        return await _to_the_end(self._finish(draft, recorded, again and recorded.ended_by != "hangup"))

    def release(self, call_id: str | None) -> None:
        """To be called when a call has ended in any way: the reconciler files what was begun and not finished."""
        for sidecar in [one for one in self._drafts.values() if one.facts.call_id == call_id]:
            del self._drafts[sidecar.facts.id]
            sidecar.close()

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
            sidecar = await self._in_thread(Sidecar.open, self._folder / f"{message_id}.json")
        except (OSError, BrokenSidecar):
            log.exception("the draft of a call cannot be read", extra={"message_id": message_id})
            return None
        if sidecar is not None:
            self._drafts[message_id] = sidecar
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
        )

    async def _finish(self, draft: Draft, recorded: Recorded, again: bool) -> Stored:
        sidecar = self._drafts.get(draft.id)
        if sidecar is None:  # released, or finished before
            log.error("a message was finished that is not being recorded", extra={"message_id": draft.id})
            return Stored(True, None)
        try:
            ended = await self._in_thread(self._settle, sidecar, recorded, again, self._clock.now())
        except OSError:
            log.exception("a recording could not be settled", extra={"message_id": draft.id})
            self.release(sidecar.facts.call_id)
            return Stored(True, None)
        if ended is None:
            return Stored(False, None)
        del self._drafts[draft.id]
        ticket = await self._patiently(self._file(sidecar, ended), "file-" + draft.id)
        self._wake_jobs()
        return Stored(ended.state != "silent", ticket)

    def _settle(
        self, sidecar: Sidecar, recorded: Recorded, again: bool, now: datetime
    ) -> filing.Ended | None:
        """None if the caller is asked once more: then the next take has a name. In a thread."""
        facts = sidecar.facts
        ended = filing.judge_takes(self._folder, facts, recorded.ended_by)
        if again and ended.state == "silent":
            sidecar.append(takes=[*facts.takes, f"{facts.id}-{len(facts.takes) + 1}.wav"])
            return None
        filing.keep(self._folder, facts, ended)
        sidecar.append(
            state="recorded",
            ended_at=now.isoformat(),
            ended_by=ended.ended_by,
            seconds=ended.seconds,
            speech=ended.state != "silent",
        )
        return ended

    async def _file(self, sidecar: Sidecar, ended: filing.Ended) -> str | None:
        try:
            ticket = await filing.file(self._store, self._calendars, sidecar.facts, ended, self._clock.now())
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
