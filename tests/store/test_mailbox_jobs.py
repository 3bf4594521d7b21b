"""The jobs process: every message reaches its transcript, once, whatever is killed."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dbos import DBOS
from sqlalchemy import select

from ivr.clock import SystemClock, offset_for
from ivr.errors import SettingsError
from ivr.jobs import Jobs
from ivr.lines import Lines
from ivr.messages.pipeline import Normalising, Reading
from ivr.messages.reconciler import Reconciler
from ivr.messages.sidecar import new_id
from ivr.messages.transcriber import HttpTranscriber, Transcriber, Transcribers
from ivr.messages.transcription import Transcription
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from ivr.transcript import Transcript
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.messages_helpers import EVENING, NUMBER, calendars, e164, no_notices, publish, said
from tests.speech import wav
from tests.transcriber_process import TINY, TranscriberProcess, until

ROOT = Path(__file__).parents[2]
SOON = 150.0


class Desk:
    def __init__(self, store: Store, url: str, directory: Path) -> None:
        self.store, self.url, self.directory = store, url, directory
        self.recordings = directory / "recordings"
        self.folder = self.recordings / "messages"
        self.folder.mkdir(parents=True)
        self.transcriber = FakeTranscriber(self.recordings, {})
        self.orders = 0

    def leave(self, text: str = "もしもし 田中 です", *, urgent: bool = False, at: datetime = EVENING) -> str:
        """A message as the fallback leaves it, finished."""
        id = new_id(at)
        intent = {"id": id, "line": "ecforce", "cause": "closed", "number": NUMBER, "origin": "fallback"}
        intent |= {"created_at": at.isoformat(), "urgent": urgent, "state": "recorded", "ended_by": "key"}
        said(self.folder / f"{id}.wav")
        self.transcriber._texts[f"{id}.wav"] = text
        draft = self.folder / f".{id}.tmp"
        draft.write_text(json.dumps(intent) + "\n")
        draft.rename(self.folder / f"{id}.json")
        return id

    def jobs(self, transcriber: Transcriber | None = None) -> Jobs:
        clock = SystemClock(offset_for(EVENING))
        stages = (
            Transcription(self.store, self.recordings, transcriber or self.transcriber, clock),
            Normalising(self.store, self.recordings, clock),
            Reading(self.store, clock, Lines()),
        )
        reconciler = Reconciler(self.store, self.recordings, calendars, clock, e164)
        notices = no_notices(self.store, self.recordings)
        return Jobs(self.directory, self.url, "jobs-1", stages, reconciler, self._order, notices)

    async def _order(self) -> None:
        self.orders += 1

    async def states(self) -> dict[str, str]:
        async with self.store.read() as session:
            rows = await session.execute(select(MessageRow.id, MessageRow.transcript_state))
            return {id: state for id, state in rows}

    async def until(self, jobs: Jobs, true: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        """The states once they satisfy `true`; wakes the jobs while it waits."""
        deadline = time.monotonic() + SOON
        while not true(states := await self.states()):
            assert time.monotonic() < deadline, states
            jobs.wake()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await asyncio.Event().wait()
        return states


@asynccontextmanager
async def running(jobs: Jobs) -> AsyncIterator[None]:
    task = asyncio.create_task(jobs.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def desk(store: Store, url: str, tmp_path: Path) -> Desk:
    await publish(store)
    return Desk(store, url, tmp_path / "data")


async def test_messages_reach_their_transcripts_once(desk: Desk) -> None:
    ids = {desk.leave() for _ in range(5)}
    jobs = desk.jobs()
    async with running(jobs):
        states = await desk.until(jobs, lambda states: list(states.values()) == ["done"] * 5)
        later = desk.leave()
        states = await desk.until(jobs, lambda states: list(states.values()) == ["done"] * 6)
    assert set(states) == {*ids, later}
    assert sorted(path.stem for path in desk.transcriber.asked) == sorted({*ids, later})
    assert desk.orders >= 2, "at start, and woken"


async def test_a_dead_transcriber_delays_the_text_and_nothing_else(desk: Desk) -> None:
    desk.transcriber.fail_next("unreachable", retryable=True)
    id = desk.leave()
    jobs = desk.jobs()
    async with running(jobs):
        await desk.until(jobs, lambda states: bool(desk.transcriber.asked) and states == {id: "waiting"})
        await desk.until(jobs, lambda states: states == {id: "done"})
    assert len(desk.transcriber.asked) == 2


@asynccontextmanager
async def another(desk: Desk, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A jobs process that has begun with a text and never ends it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.store.jobs_child", str(desk.directory), desk.url, name),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(SOON):
            assert await child.stdout.readline() == b"ASKED\n"
        yield child
    finally:
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGKILL)
        await child.wait()


async def test_jobs_killed_in_the_middle_go_on_at_the_next_start(desk: Desk) -> None:
    id = desk.leave()
    async with another(desk, "jobs-1"):
        pass
    assert await desk.states() == {id: "working"}, "killed outside the window"
    jobs = desk.jobs()
    started = time.monotonic()
    async with running(jobs):
        await desk.until(jobs, lambda states: states == {id: "done"})
    assert time.monotonic() - started < SOON, "resumed, not waited for the lease of 11 minutes"
    assert len(desk.transcriber.asked) == 1


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_of_two_processes_one_is_killed_and_the_other_finishes_its_work(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.jobs.TAKE_OVER_EVERY", 0.3)
    first = desk.leave()
    async with another(desk, "jobs-2") as child:
        jobs = desk.jobs()
        async with running(jobs):
            ids = {
                first,
                *(desk.leave() for _ in range(4)),
            }  # the other takes two at once, and never ends one
            states = await desk.until(jobs, lambda states: list(states.values()).count("done") >= 3)
            assert states[first] == "working"
            assert first not in {path.stem for path in desk.transcriber.asked}, "taken from one who lives"
            child.send_signal(signal.SIGKILL)
            await desk.until(jobs, lambda states: set(states.values()) == {"done"})
    assert sorted(path.stem for path in desk.transcriber.asked) == sorted(ids)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_of_two_transcribers_one_is_killed_at_its_work_and_the_other_finishes_it(
    desk: Desk, tmp_path: Path
) -> None:
    with (
        TranscriberProcess(tmp_path / "1.log", TINY, desk.recordings) as first,
        TranscriberProcess(tmp_path / "2.log", TINY, desk.recordings) as second,
    ):
        ids = [desk.leave(at=EVENING - timedelta(seconds=275)) for _ in range(5)]
        long = desk.folder / f"{ids[0]}.wav"
        long.write_bytes(wav(long.read_bytes()[44:] * 50, 8000))  # 275 s
        jobs = desk.jobs(Transcribers([HttpTranscriber(one.url) for one in (first, second)]))
        async with running(jobs):
            reads = lambda: next((one for one in (first, second) if one.has_open(long)), None)  # noqa: E731
            killed = await asyncio.to_thread(until, reads, seconds=SOON, what="one of them reads it")
            killed.process.kill()
            await desk.until(jobs, lambda states: set(states.values()) == {"done"} and len(states) == 5)
    async with desk.store.read() as session:
        rows = {row.id: row for row in await session.scalars(select(MessageRow))}
    assert rows[ids[0]].transcript_attempts == 2, "killed outside the window"
    for row in rows.values():
        assert row.transcript_text is not None and row.transcript_text.startswith("もしもし田中です")


async def test_urgent_ones_go_before_older_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six old ones wait; two are being read when an urgent one comes. It is the next."""
    gate = asyncio.Event()
    transcribe = desk.transcriber.transcribe

    async def slowly(path: Path, model: str | None = None) -> Transcript:
        transcript = await transcribe(path, model)
        await gate.wait()
        return transcript

    monkeypatch.setattr(desk.transcriber, "transcribe", slowly)
    old = [desk.leave() for _ in range(6)]
    jobs = desk.jobs()
    async with running(jobs):
        await desk.until(
            jobs, lambda states: list(states.values()).count("working") == 2 and len(states) == 6
        )
        late = desk.leave(urgent=True)
        await desk.until(jobs, lambda states: len(states) == 7)
        deadline = time.monotonic() + SOON
        while not any(late in job.workflow_id for job in await DBOS.list_workflows_async(status="ENQUEUED")):
            assert time.monotonic() < deadline, "it was never handed over"
        asked = len(desk.transcriber.asked)
        gate.set()
        await desk.until(jobs, lambda states: set(states.values()) == {"done"})
    order = [path.stem for path in desk.transcriber.asked]
    assert (asked, sorted(order)) == (2, sorted([*old, late]))
    assert late in order[2:4], "not before the two that were begun, and before the four that waited"


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_two_of_one_name_are_refused(desk: Desk, tmp_path: Path) -> None:
    desk.leave()
    async with another(desk, "jobs-1"):
        elsewhere = desk.jobs()
        elsewhere._data = tmp_path / "elsewhere"
        with pytest.raises(SettingsError, match="IVR_JOBS"):
            await elsewhere.run()


async def test_two_on_one_directory_are_refused(desk: Desk) -> None:
    jobs = desk.jobs()
    async with running(jobs):
        await desk.until(jobs, lambda _: desk.orders > 0)
        with pytest.raises(SettingsError):
            await desk.jobs().run()
        id = desk.leave()
        await desk.until(jobs, lambda states: states == {id: "done"})
