"""Rounds of deletion as durable jobs: one for all processes, and the job engine forgets what it did long ago."""

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from dbos import DBOS

from ivr.clock import SystemClock, offset_for
from ivr.dialplan.retention import RetentionRules
from ivr.jobs import Jobs
from ivr.messages.reconciler import Reconciler
from ivr.messages.retention import Retention
from ivr.store import messages
from ivr.store.database import Store
from tests.messages_helpers import EVENING, calendars, e164, no_notices
from tests.store.rows import TOKYO, message
from tests.store.test_mailbox_jobs import running

SOON = 90.0
KEPT = {"ecforce": (RetentionRules.model_validate({"audio": "0"}), TOKYO)}


async def nothing() -> None:
    return None


class Desk:
    def __init__(self, store: Store, url: str, directory: Path) -> None:
        self.store, self.url, self.directory = store, url, directory
        self.recordings = directory / "recordings"
        (self.recordings / "messages").mkdir(parents=True)
        self.rounds = 0

    async def left(self, id: str) -> None:
        (self.recordings / "messages" / f"{id}.wav").write_bytes(b"RIFF")
        async with self.store.write() as session:
            await messages.intend(session, message(id, created_at=EVENING))
            await messages.stored(
                session, id, state="silent", ended_at=EVENING, ended_by="key", duration=1.0, kind="fax"
            )
            (await messages.get(session, id)).told_at = EVENING

    def jobs(self) -> Jobs:
        clock = SystemClock(offset_for(EVENING + timedelta(minutes=1)))
        reconciler = Reconciler(self.store, self.recordings, calendars, clock, e164)
        retention = Counted(self.store, self.recordings, clock, lambda: KEPT)
        retention.desk = self
        notices = no_notices(self.store, self.recordings)
        return Jobs(self.directory, self.url, "jobs-1", (), reconciler, nothing, notices, retention)

    async def until_gone(self, id: str) -> None:
        deadline = time.monotonic() + SOON
        file = self.recordings / "messages" / f"{id}.wav"
        while await asyncio.to_thread(file.exists):
            assert time.monotonic() < deadline
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await asyncio.Event().wait()


class Counted(Retention):
    desk: Desk

    async def round(self) -> int:
        self.desk.rounds += 1
        return await super().round()


async def test_a_round_is_one_job_however_often_it_is_handed_over(
    store: Store, url: str, tmp_path: Path
) -> None:
    desk = Desk(store, url, tmp_path / "data")
    await desk.left("m1")
    jobs = desk.jobs()
    async with running(jobs):
        await desk.until_gone("m1")
        for _ in range(3):
            await jobs.retain()
        begun = await DBOS.list_workflows_async(workflow_id_prefix="retention-")
        assert len(begun) <= 2, "one for two minutes; the clock may have passed on to the next"
        assert desk.rounds <= 2


async def test_what_ended_long_ago_is_forgotten(store: Store, url: str, tmp_path: Path) -> None:
    desk = Desk(store, url, tmp_path / "data")
    await desk.left("m1")
    jobs = desk.jobs()
    async with running(jobs):
        await desk.until_gone("m1")
        deadline = time.monotonic() + SOON
        while not await DBOS.list_workflows_async(status="SUCCESS"):
            assert time.monotonic() < deadline
        await jobs.forget()
        assert await DBOS.list_workflows_async(status="SUCCESS"), "it is young"
        jobs._notices._clock = SystemClock(offset_for(EVENING) + 10 * 365 * 86400)
        await jobs.forget()
        assert await DBOS.list_workflows_async() == []
