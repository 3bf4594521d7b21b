"""The guard with children of a few lines each, and no Asterisk at its address."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.asterisk.instance import share_recordings
from ivr.settings import load

DEADLINE = 60.0

# argv: name, directory. Each start leaves a line "pid" in <directory>/<name>, each stop one in "stopped".
CHILD = """
import asyncio, os, pathlib, signal, sys
from ivr.heartbeat import beat
name, place = sys.argv[1], pathlib.Path(sys.argv[2])
def note(file, text):
    with open(place / file, "a") as out: out.write(f"{text}\\n")
note(name, os.getpid())
if (place / f"{name}.settings").exists():
    print("IVR_SIP: no port", file=sys.stderr)
    sys.exit(78)
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    beating = asyncio.create_task(beat(name))
    note("environment", f"{name} {os.environ['IVR_CLOCK_OFFSET']} [{os.environ['IVR_CLOCK']}]")
    await stop.wait()
    note("stopped", name)
asyncio.run(main())
"""

GUARD = """
import asyncio, pathlib, sys
from ivr import guard, logs, settings
logs.set_up("guard")
place = pathlib.Path(sys.argv[1])
names = ["jobs", "transcriber", "web", "engine"]
commands = {name: [sys.executable, str(place / "child.py"), name, str(place)] for name in names}
before = [sys.executable, "-c", f"open({str(place / 'before')!r}, 'a').write('once')"]
asyncio.run(guard.run(settings.load(), commands, asterisk=False, before=before,
                      ready=lambda: (place / "ready").write_text("yes")))
"""


class Guard:
    def __init__(self, place: Path, **environ: str) -> None:
        self.place = place
        (place / "child.py").write_text(CHILD)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            nobody = probe.getsockname()[1]
        ours = {"IVR_DATA": str(place / "data"), "IVR_ARI": f"127.0.0.1:{nobody}"}
        with (place / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", GUARD, str(place)],
                env={**os.environ, **ours, **environ},
                stderr=stderr,
            )

    def pids(self, name: str) -> list[int]:
        """Of every start, oldest first."""
        file = self.place / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def wait(self, done: Callable[[], object], limit: float = DEADLINE) -> None:
        end = time.monotonic() + limit
        while not done():
            assert time.monotonic() < end, (self.place / "stderr").read_text()
            time.sleep(0.02)

    def ready(self) -> None:
        self.wait((self.place / "ready").exists)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.wait(lambda: not any(alive(pid) for pid in self.all_pids()))

    def all_pids(self) -> list[int]:
        return [pid for name in ("jobs", "transcriber", "web", "engine") for pid in self.pids(name)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def guard(place: Path) -> Iterator[Guard]:
    running = Guard(place)
    yield running
    running.close()


def test_all_start_after_the_store_is_ready_and_stop_in_order_within_20_seconds(guard: Guard) -> None:
    guard.ready()
    assert (guard.place / "before").read_text() == "once"
    pids = guard.all_pids()
    assert len(pids) == 4
    began = time.monotonic()
    guard.process.send_signal(signal.SIGINT)
    assert guard.process.wait(20) == 0
    assert time.monotonic() - began < 20
    assert not any(alive(pid) for pid in pids)
    stopped = (guard.place / "stopped").read_text().split()
    assert stopped[0] == "engine"
    assert set(stopped) == {"engine", "jobs", "transcriber", "web"}


def test_whoever_dies_is_started_again_and_the_others_stay(guard: Guard) -> None:
    guard.ready()
    others = [guard.pids(name) for name in ("jobs", "transcriber", "engine")]
    os.kill(guard.pids("web")[0], signal.SIGKILL)
    guard.wait(lambda: len(guard.pids("web")) == 2)
    assert [guard.pids(name) for name in ("jobs", "transcriber", "engine")] == others
    assert "child='web' ended='by SIGKILL'" in (guard.place / "stderr").read_text()


def test_an_engine_without_a_heartbeat_for_two_seconds_is_killed_and_started_again(guard: Guard) -> None:
    guard.ready()
    frozen = guard.pids("engine")[0]
    os.kill(frozen, signal.SIGSTOP)
    began = time.monotonic()
    guard.wait(lambda: not alive(frozen))
    took = time.monotonic() - began
    assert 1.4 < took < 30, "two seconds from the last heartbeat, which came up to half a second before"
    guard.wait(lambda: len(guard.pids("engine")) == 2)


def test_a_page_process_that_is_busy_is_left_alone(guard: Guard) -> None:
    guard.ready()
    web = guard.pids("web")[0]
    os.kill(web, signal.SIGSTOP)
    frozen = guard.pids("engine")[0]
    os.kill(frozen, signal.SIGSTOP)
    guard.wait(lambda: len(guard.pids("engine")) == 2)
    assert alive(web)
    os.kill(web, signal.SIGCONT)


def test_a_guard_that_is_killed_leaves_nothing_behind(guard: Guard) -> None:
    guard.ready()
    pids = guard.all_pids()
    guard.process.kill()
    guard.wait(lambda: not any(alive(pid) for pid in pids))


def test_a_second_interrupt_kills_at_once(guard: Guard) -> None:
    guard.ready()
    pids = guard.all_pids()
    os.kill(guard.pids("engine")[0], signal.SIGSTOP)  # would be given 11 seconds
    guard.process.send_signal(signal.SIGINT)
    guard.process.send_signal(signal.SIGTERM)
    assert guard.process.wait(5) is not None
    assert not any(alive(pid) for pid in pids)


def test_bad_settings_are_said_once_and_not_tried_in_a_loop(place: Path) -> None:
    (place / "web.settings").touch()
    guard = Guard(place)
    try:
        guard.wait(lambda: "its settings cannot be used" in (place / "stderr").read_text())
        guard.wait(lambda: guard.pids("jobs"))
        # Time for several restarts of somebody else.
        for count in (2, 3):
            os.kill(guard.pids("jobs")[-1], signal.SIGKILL)
            guard.wait(lambda count=count: len(guard.pids("jobs")) == count)  # type: ignore[misc]
        assert len(guard.pids("web")) == 1
        assert (place / "stderr").read_text().count("IVR_SIP: no port") == 1
        assert not (place / "ready").exists()
    finally:
        guard.close()


def test_the_clock_is_moved_once_for_all_and_not_again_by_a_restart(place: Path) -> None:
    guard = Guard(place, IVR_CLOCK="2026-11-24T11:00+09:00")
    try:
        guard.ready()
        os.kill(guard.pids("engine")[0], signal.SIGKILL)
        guard.wait(lambda: (place / "environment").read_text().count("engine") == 2)
        lines = [line.split() for line in (place / "environment").read_text().splitlines()]
        assert {line[2] for line in lines} == {"[]"}, "a child must not turn the clock back again"
        assert len({line[1] for line in lines}) == 1
        eleven = 1795485600  # 2026-11-24T02:00:00Z
        assert abs(time.time() + float(lines[0][1]) - eleven) < 60
    finally:
        guard.close()


async def test_without_a_guard_a_heartbeat_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from ivr.heartbeat import beat

    monkeypatch.delenv("IVR_GUARD_PORT", raising=False)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(beat("engine"), 0.1)


def test_recordings_land_where_the_settings_say_also_after_a_change(tmp_path: Path) -> None:
    for place in ("first", "second", "second"):
        recordings = tmp_path / place
        settings = load({"IVR_DATA": str(tmp_path / "data"), "IVR_RECORDINGS": str(recordings)})
        share_recordings(settings)
        (settings.asterisk_base / "spool" / "recording" / "messages" / "m.wav").touch()
        assert (recordings / "messages" / "m.wav").exists()
