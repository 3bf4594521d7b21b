"""The jobs process: files what others left, then sees each message through to its transcript.

The only file that imports the job engine (DBOS; docs/decisions). It keeps the ids of messages and which step
of a job is done, in tables of its own; what people see is in ours. Every job is safe to run twice.
"""

import asyncio
import fcntl
import logging
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from ivr.errors import IvrError, SettingsError
from ivr.messages.reconciler import Reconciler
from ivr.messages.transcription import Transcription
from ivr.notify.notices import Notices
from ivr.store.database import driver_url

log = logging.getLogger("ivr.jobs")

EVERY = 10.0  # seconds; a wake-up may be lost
QUEUE = "transcripts"
NOTICES = "notices"  # a queue of its own: a mail server that stalls holds up no text
MAILS_AT_ONCE = 4
AT_ONCE = 2  # the transcriber queues the others anyway
# Work of another version is left lying: raise it never, change steps by patching (facts: "stranded").
VERSION = "1"


class Jobs:
    def __init__(
        self,
        data: Path,
        database_url: str,
        executor: str,
        transcription: Transcription,
        reconciler: Reconciler,
        orders: Callable[[], Awaitable[None]],
        notices: Notices,
    ) -> None:
        """`executor` is the same after each restart, and no two processes with one store have the same.

        `orders` does whatever orders to the jobs process are pending; it may take long.
        """
        self._data = data
        self._database_url = database_url
        self._executor = executor
        self._transcription = transcription
        self._reconciler = reconciler
        self._orders = orders
        self._notices = notices
        self._woken: list[asyncio.Event] = []
        self._job: Callable[[str], Coroutine[Any, Any, None]]
        self._delivery: Callable[[int], Coroutine[Any, Any, None]]

    def wake(self) -> None:
        """Look at the store now."""
        for event in self._woken:
            event.set()

    async def run(self) -> None:
        """Until cancelled. SettingsError if the job engine cannot work here."""
        lock = _alone(self._data / f"jobs-{self._executor}.lock")
        try:
            await self._launch()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._loop(self.look), name="messages")
                group.create_task(self._loop(self.tell), name="notices")
                group.create_task(self._loop(self._orders), name="orders")
        finally:
            # What is in the middle of a step goes on from there at the next start.
            await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
            os.close(lock)

    async def look(self) -> None:
        """One round: files what is left lying and hands each due transcript to the job engine, once."""
        await self._reconciler.run()
        for message_id, due in await self._transcription.due():
            with SetWorkflowID(job_id(message_id, due)):
                await DBOS.enqueue_workflow_async(QUEUE, self._job, message_id)

    async def tell(self) -> None:
        """One round: makes the notices of what is new and hands each that is due to the job engine, once."""
        await self._notices.sweep()
        for delivery_id, due in await self._notices.due():
            with SetWorkflowID(f"notice-{delivery_id}-{due:%Y%m%dT%H%M%S.%f}"):
                await DBOS.enqueue_workflow_async(NOTICES, self._delivery, delivery_id)

    async def _loop(self, work: Callable[[], Awaitable[None]]) -> None:
        woken = asyncio.Event()
        self._woken.append(woken)
        while True:
            woken.clear()
            try:
                await work()
            except (IvrError, OSError):
                log.exception("a round of jobs failed and is tried again")
            try:
                async with asyncio.timeout(EVERY):
                    await woken.wait()
            except TimeoutError:
                continue

    async def _launch(self) -> None:
        _check_sqlite()
        config: DBOSConfig = {
            "name": "ivr",
            "executor_id": self._executor,
            "application_version": VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "system_database_url": _job_database(self._data, self._database_url),
            "log_level": "WARNING",
            "max_executor_threads": 16,
        }
        DBOS(config=config)
        self._job = _register(self._transcription)
        self._delivery = _register_delivery(self._notices)
        DBOS.launch()
        await DBOS.register_queue_async(
            NOTICES, worker_concurrency=MAILS_AT_ONCE, polling_interval_sec=0.5, on_conflict="always_update"
        )
        await DBOS.register_queue_async(
            QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=0.5, on_conflict="always_update"
        )


def job_id(message_id: str, due: datetime) -> str:
    """One job for each attempt, however often it is handed over."""
    return f"msg-{message_id}-{due:%Y%m%dT%H%M%S.%f}"


def _register(transcription: Transcription) -> Callable[[str], Coroutine[Any, Any, None]]:
    @DBOS.workflow(name="transcript")
    async def transcript(message_id: str) -> None:
        # Two steps: after a crash the claim is remembered, and the work is done again at once.
        if await DBOS.run_step_async({"name": "claim"}, transcription.claim, message_id):
            await DBOS.run_step_async({"name": "transcribe"}, transcription.transcribe, message_id)

    return transcript


def _register_delivery(notices: Notices) -> Callable[[int], Coroutine[Any, Any, None]]:
    @DBOS.workflow(name="notice")
    async def notice(delivery_id: int) -> None:
        # As above. One attempt: when the next one is due stands in the ledger, and is another job.
        if await DBOS.run_step_async({"name": "claim"}, notices.claim, delivery_id):
            await DBOS.run_step_async({"name": "send"}, notices.send, delivery_id)

    return notice


def _job_database(data: Path, database_url: str) -> str:
    """A file of its own beside SQLite's, for two writers in one file would wait for each other; PostgreSQL: a schema."""
    url = driver_url(database_url, asynchronous=False)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{data / 'jobs.db'}"
    return url.render_as_string(hide_password=False)


def _check_sqlite() -> None:
    if sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42):
        raise SettingsError(
            f"Python {sys.version_info.major}.{sys.version_info.minor} comes with SQLite {sqlite3.sqlite_version}, "
            "with which the job engine cannot work; use Python 3.11, or SQLite 3.42 or later."
        )


def _alone(path: Path) -> int:
    """Two executors with one name would both do what either left. The lock ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SettingsError("Another jobs process runs on this data directory; end that one first.") from None
    return descriptor
