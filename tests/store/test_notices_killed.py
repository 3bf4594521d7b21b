"""The jobs process killed with -9 while it tells: everybody is told, and a second arrival can be known as one."""

import asyncio
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr.call import CallbackPromise
from ivr.jobs import Jobs
from ivr.messages import filing
from ivr.messages.sidecar import new_id
from ivr.store.database import Store
from ivr.store.tables import Delivery
from tests.mail_server import MailServer
from tests.messages_helpers import EVENING, NUMBER, calendars, publish
from tests.store.notices_child import jobs_of
from tests.store.test_mailbox_jobs import running

ROOT = Path(__file__).parents[2]
SOON = 150.0


async def leave(store: Store) -> None:
    facts = filing.Facts(
        new_id(EVENING),
        "ecforce",
        "closed",
        NUMBER,
        "engine",
        EVENING,
        promise=CallbackPromise("medium", "1 business day", "office"),
    )
    await filing.file(store, calendars, facts, filing.Ended("stored", 3.0, "key", None), EVENING)


async def child(directory: Path, url: str, server: MailServer) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.store.notices_child", str(directory), url, str(server.port)),
        cwd=ROOT,
    )


async def kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    await process.wait()


async def ledger(store: Store) -> Sequence[Delivery]:
    async with store.read() as session:
        return (await session.scalars(select(Delivery))).all()


async def until_all_are_sent(store: Store, jobs: Jobs, count: int) -> Sequence[Delivery]:
    deadline = time.monotonic() + SOON
    while True:
        rows = await ledger(store)
        if [row.state for row in rows] == ["sent"] * count:
            return rows
        assert time.monotonic() < deadline, Counter(row.state for row in rows)
        jobs.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.Event().wait()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    (made / "recordings").mkdir(parents=True)
    return made


async def test_killed_between_the_mail_and_the_note(store: Store, url: str, directory: Path) -> None:
    taken = asyncio.Event()

    async def takes_it_and_is_never_heard(server: MailServer) -> str:
        taken.set()
        await asyncio.Event().wait()
        raise AssertionError

    await publish(store)
    await leave(store)
    async with MailServer() as server:
        server.data.append(takes_it_and_is_never_heard)
        process = await child(directory, url, server)
        try:
            async with asyncio.timeout(SOON):
                await taken.wait()
        finally:
            await kill(process)
        (row,) = await ledger(store)
        assert row.state == "sending", "killed outside the window"
        jobs = jobs_of(store, directory, url, server.port)
        started = time.monotonic()
        async with running(jobs):
            (row,) = await until_all_are_sent(store, jobs, 1)
        assert time.monotonic() - started < SOON, "resumed, not waited for the lease of 5 minutes"
        assert [mail["Message-ID"] for mail in server.parsed()] == [f"<{row.key}@example.co.jp>"]
    assert (row.attempts, row.data["unsure"]) == (1, True), "it may have arrived twice, and says so"


async def test_killed_again_and_again_everybody_is_told(store: Store, url: str, directory: Path) -> None:
    chance = random.Random(20261124)
    await publish(store)
    async with MailServer() as server:
        for _ in range(3):
            for _ in range(6):
                await leave(store)
            before = len(server.taken)
            process = await child(directory, url, server)
            try:
                deadline = time.monotonic() + SOON
                while len(server.taken) <= before:
                    assert time.monotonic() < deadline and process.returncode is None
                    await _a_moment(0.01)
                await _a_moment(chance.random() / 4)
            finally:
                await kill(process)
        jobs = jobs_of(store, directory, url, server.port)
        async with running(jobs):
            rows = await until_all_are_sent(store, jobs, 18)
        arrived = Counter(str(mail["Message-ID"]) for mail in server.parsed())
    assert arrived.keys() == {f"<{row.key}@example.co.jp>" for row in rows}, "everybody, and nothing else"
    sure = {f"<{row.key}@example.co.jp>" for row in rows if not row.data.get("unsure")}
    assert [key for key, times in arrived.items() if times > 1 and key in sure] == []


async def _a_moment(seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
