"""The jobs process: files what others left, then sees each message through its stages: audio, text, reading.

The only file that imports the job engine (DBOS; docs/decisions). It keeps the ids of messages and which step
of a job is done, in tables of its own; what people see is in ours. Every job is safe to run twice.
"""

import asyncio
import fcntl
import logging
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID

from ivr.callbacks.escalation import Escalation
from ivr.errors import IvrError, SettingsError, StoreError
from ivr.messages.reconciler import Reconciler
from ivr.messages.retention import Retention
from ivr.messages.stage import LEASE, StageWork
from ivr.notify.notices import Notices
from ivr.store.database import driver_url
from ivr.store.locks import Names
from ivr.store.stages import Due, Stage

log = logging.getLogger("ivr.jobs")

Job = Callable[[str], Coroutine[Any, Any, None]]

EVERY = 10.0  # seconds; a wake-up may be lost
TAKE_OVER_EVERY = 5.0
NAME_PATIENCE = 10.0  # seconds: whoever was killed has its name until the database notices
# Stage -> its queue, the name of its jobs, what their second step is called.
# Names that jobs in flight have; they stay.
QUEUES: Mapping[Stage, tuple[str, str, str]] = {
    "transcript": ("transcripts", "transcript", "transcribe"),
    "audio": ("audio", "audio", "normalise"),
    "reading": ("readings", "reading", "read"),
}
# What was handed over and did not come to its claim within this time is handed over once more.
FORGOTTEN = LEASE
RETENTION = "retention"  # queue and name of its jobs
RETENTION_EVERY = 120  # seconds
CALLBACKS = "callbacks"  # queue and name of the jobs that look at due times
CALLBACKS_EVERY = 60  # seconds
# Finished jobs are forgotten: longer than any attempt is looked for again.
FORGOTTEN_AFTER = timedelta(days=7)
FORGET_AT_ONCE = 500
NOTICES = "notices"  # a queue of its own: a mail server that stalls holds up no text
MAILS_AT_ONCE = 4
# Work of another version is left lying: raise it never, change steps by patching (facts: "stranded").
VERSION = "1"


class Jobs:
    def __init__(
        self,
        data: Path,
        database_url: str,
        executor: str,
        stages: Sequence[StageWork],
        reconciler: Reconciler,
        orders: Callable[[], Awaitable[None]],
        notices: Notices,
        retention: Retention | None = None,
        escalation: Escalation | None = None,
    ) -> None:
        """`executor` is the same after each restart, and no two processes with one store have the same.

        `orders` does whatever orders to the jobs process are pending; it may take long. Without `retention`
        nothing is deleted, without `escalation` no callback moves up.
        """
        self._data = data
        self._database_url = database_url
        self._executor = executor
        self._shared = driver_url(database_url, asynchronous=False).get_backend_name() == "postgresql"
        self._stages = {work.stage: work for work in stages}
        self._reconciler = reconciler
        self._orders = orders
        self._notices = notices
        self._retention = retention
        self._escalation = escalation
        self._woken: list[asyncio.Event] = []
        self._stage_over = asyncio.Event()
        self._jobs: dict[Stage, Job] = {}
        self._delivery: Callable[[int], Coroutine[Any, Any, None]]
        self._round: Callable[[], Coroutine[Any, Any, None]]
        self._sweep: Callable[[], Coroutine[Any, Any, None]]

    def wake(self) -> None:
        """Look at the store now."""
        for event in self._woken:
            event.set()

    async def run(self) -> None:
        """Until cancelled. SettingsError if the job engine cannot work here."""
        # On SQLite one process alone: a second one, whatever its name, would wait for the first all the time.
        lock = _alone(self._data / f"{self._executor if self._shared else 'jobs'}.lock")
        names = None
        try:
            names = await self._name_itself() if self._shared else None
            await self._launch()
            async with asyncio.TaskGroup() as group:
                if names is not None:
                    group.create_task(self._take_over_forever(names), name="take-over")
                group.create_task(self._loop(self._file), name="messages")
                group.create_task(self._loop(self.tell), name="notices")
                group.create_task(self._loop(self._orders), name="orders")
                group.create_task(self._hand_over_forever(), name="stages")
                group.create_task(self._retain_forever(), name="retention")
                group.create_task(self._escalate_forever(), name="callbacks")
        finally:
            # What is in the middle of a step goes on from there at the next start.
            await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
            if names is not None:
                await names.close()
            os.close(lock)

    # -- several processes on one PostgreSQL ------------------------------------------------------

    async def _name_itself(self) -> Names:
        """Before the job engine starts: it takes up at once what its name left. SettingsError if the name is taken."""
        names = await Names.connect(driver_url(self._database_url, asynchronous=False))
        try:
            async with asyncio.timeout(NAME_PATIENCE):
                while not await names.take(self._executor):  # noqa: ASYNC110 - the database tells nobody
                    await asyncio.sleep(TAKE_OVER_EVERY / 20)
        except TimeoutError:
            await names.close()
            raise SettingsError(
                f"Another process is {self._executor} on this database; give each its own IVR_JOBS."
            ) from None
        return names

    async def _take_over_forever(self, names: Names) -> None:
        """A StoreError ends this process: its name may be another's by now."""
        while True:
            await self.take_over(names)
            await asyncio.sleep(TAKE_OVER_EVERY)

    async def take_over(self, names: Names) -> None:
        """What a process that is gone had begun goes back to its queue; its name tells that it is gone: nobody holds it."""
        await names.held()
        begun = await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False)
        for executor in {job.executor_id for job in begun} - {self._executor, None}:
            assert executor is not None
            if await names.take(executor):
                try:
                    found = await asyncio.to_thread(DBOS._recover_pending_workflows, [executor])
                finally:
                    await names.give_back(executor)
                extra = {"executor": executor, "jobs": len(found)}
                log.warning("jobs of a process that is gone were taken over", extra=extra)

    async def _file(self) -> None:
        """What was left lying, and what the engine filed since: its stages begin."""
        await self._reconciler.run()
        self._stage_over.set()

    async def _hand_over_forever(self) -> None:
        while True:
            await self._stage_over.wait()
            self._stage_over.clear()
            try:
                await self.hand_over()
            except StoreError:
                log.exception("what is due was not handed over and is looked for again")

    async def hand_over(self) -> None:
        """Every stage that is due goes to the job engine, once."""
        for stage, work in self._stages.items():
            for due in await work.due():
                name = job_id(stage, due, work.now())
                with SetWorkflowID(name), SetEnqueueOptions(priority=1 if due.urgent else 2):
                    await DBOS.enqueue_workflow_async(QUEUES[stage][0], self._jobs[stage], due.message_id)

    async def tell(self) -> None:
        """One round: makes the notices of what is new and hands each that is due to the job engine, once."""
        await self._notices.sweep()
        now = self._notices.now()
        for delivery_id, due in await self._notices.due():
            with SetWorkflowID(notice_id(delivery_id, due, now)):
                await DBOS.enqueue_workflow_async(NOTICES, self._delivery, delivery_id)

    async def _retain_forever(self) -> None:
        while True:
            try:
                await self.retain()
                await self.forget()
            except (IvrError, OSError):
                log.exception("a round of retention failed and is tried again")
            await asyncio.sleep(RETENTION_EVERY)

    async def retain(self) -> None:
        """Hands one round of deletions to the job engine: one for all processes in the same two minutes."""
        if self._retention is not None:
            place = int(self._retention.now().timestamp()) // RETENTION_EVERY
            with SetWorkflowID(f"retention-{place}"):
                await DBOS.enqueue_workflow_async(RETENTION, self._round)

    async def _escalate_forever(self) -> None:
        while True:
            try:
                await self.escalate()
            except (IvrError, OSError):
                log.exception("a look at the callbacks failed and is tried again")
            await asyncio.sleep(CALLBACKS_EVERY)

    async def escalate(self) -> None:
        """Hands one look at due times and leases to the job engine: one for all processes in the same minute."""
        if self._escalation is not None:
            place = int(self._escalation.now().timestamp()) // CALLBACKS_EVERY
            with SetWorkflowID(f"callbacks-{place}"):
                await DBOS.enqueue_workflow_async(CALLBACKS, self._sweep)

    async def forget(self) -> None:
        """What the job engine still knows of jobs that ended long ago."""
        before = (self._notices.now() - FORGOTTEN_AFTER).isoformat()
        over = [*("SUCCESS", "ERROR", "CANCELLED"), "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
        while True:
            old = await DBOS.list_workflows_async(
                status=over, end_time=before, limit=FORGET_AT_ONCE, load_input=False, load_output=False
            )
            await DBOS.delete_workflows_async([job.workflow_id for job in old])
            if len(old) < FORGET_AT_ONCE:
                return

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
        self._jobs = {stage: _register(work, self._stage_over.set) for stage, work in self._stages.items()}
        self._delivery = _register_delivery(self._notices)
        if self._retention is not None:
            self._round = _register_round(RETENTION, "delete", self._retention.round)
        if self._escalation is not None:
            self._sweep = _register_round(CALLBACKS, "look", self._escalation.round)
        DBOS.launch()
        await DBOS.register_queue_async(
            NOTICES, worker_concurrency=MAILS_AT_ONCE, polling_interval_sec=0.5, on_conflict="always_update"
        )
        for queue in (RETENTION, CALLBACKS):
            await DBOS.register_queue_async(
                queue, concurrency=1, polling_interval_sec=5.0, on_conflict="always_update"
            )
        for stage, work in self._stages.items():
            await DBOS.register_queue_async(
                QUEUES[stage][0],
                worker_concurrency=work.at_once,
                polling_interval_sec=0.5,
                on_conflict="always_update",
            )


def job_id(stage: Stage, due: Due, now: datetime) -> str:
    """One job for each attempt, however often it is handed over; another if that one came to nothing."""
    prefix = "msg" if stage == "transcript" else stage
    name = f"{prefix}-{due.message_id}-{due.at:%Y%m%dT%H%M%S.%f}"
    forgotten = (now - due.at) // FORGOTTEN
    return f"{name}-{forgotten}" if forgotten > 0 else name


def notice_id(delivery_id: int, due: datetime, now: datetime) -> str:
    """As `job_id`, of an attempt at a notice."""
    name = f"notice-{delivery_id}-{due:%Y%m%dT%H%M%S.%f}"
    forgotten = (now - due) // FORGOTTEN
    return f"{name}-{forgotten}" if forgotten > 0 else name


def _register(stage: StageWork, over: Callable[[], None]) -> Job:
    """`over` is called when it came to an end: another stage may be due."""
    _, name, step = QUEUES[stage.stage]

    @DBOS.workflow(name=name)
    async def job(message_id: str) -> None:
        # Steps: after a crash the claim is remembered, or found to be this job's own by its lease, and the work is
        # done again at once.
        lease = await DBOS.run_step_async({"name": "lease"}, stage.lease)
        if await DBOS.run_step_async({"name": "claim"}, stage.claim, message_id, lease):
            await DBOS.run_step_async({"name": step}, stage.work, message_id)
            over()

    return job


def _register_delivery(notices: Notices) -> Callable[[int], Coroutine[Any, Any, None]]:
    @DBOS.workflow(name="notice")
    async def notice(delivery_id: int) -> None:
        # As above. One attempt: when the next one is due stands in the ledger, and is another job.
        lease = await DBOS.run_step_async({"name": "lease"}, notices.lease)
        if await DBOS.run_step_async({"name": "claim"}, notices.claim, delivery_id, lease):
            await DBOS.run_step_async({"name": "send"}, notices.send, delivery_id)

    return notice


def _register_round(
    name: str, step: str, work: Callable[[], Awaitable[Any]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    @DBOS.workflow(name=name)
    async def round_() -> None:
        await DBOS.run_step_async({"name": step}, work)

    return round_


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
