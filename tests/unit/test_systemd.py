"""The units of packaging/: systemd takes them, and is told what it asks to be told."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ivr import guard, systemd
from ivr.settings import load

PACKAGING = Path(__file__).parents[2] / "packaging"
UNITS = sorted(path.name for path in PACKAGING.glob("*.service"))


def tool(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"{name} is missing: apt-get install systemd"
    return found


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_against_a_unit(tmp_path: Path, name: str) -> None:
    program = tmp_path / "ivr"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        text = (PACKAGING / unit).read_text("utf-8").replace("/usr/bin/ivr", str(program))
        # Which users there are on this machine is none of the unit's business.
        (tmp_path / unit).write_text(re.sub(r"(?m)^Documentation=.*\n", "", text), "utf-8")
    checked = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        timeout=60,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_nothing_is_taken_from_where_root_calls_the_command(tmp_path: Path) -> None:
    """Else whoever may write into a directory where root types `ivr` could do all that root may."""
    (tmp_path / "argparse.py").write_text("raise SystemExit('taken')")
    command = (PACKAGING / "ivr").read_text("utf-8").replace("/usr/lib/ivr/bin/python3", sys.executable)
    done = subprocess.run(
        ["sh", "-c", command, "ivr", "asterisk", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "install" in done.stdout


def test_users_and_directories_are_made_as_the_engine_needs_them(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    root = f"--root={tmp_path}"
    subprocess.run([tool("systemd-sysusers"), root, str(PACKAGING / "ivr.sysusers")], check=True, timeout=60)
    users = (tmp_path / "etc" / "passwd").read_text()
    groups = (tmp_path / "etc" / "group").read_text()
    assert re.search(r"^ivr:x:\d+:\d+:.*:/var/lib/ivr:.*nologin$", users, re.MULTILINE)
    assert re.search(r"^asterisk:x:\d+:ivr$", groups, re.MULTILINE)
    made = subprocess.run(
        [tool("systemd-tmpfiles"), root, "--create", str(PACKAGING / "ivr.tmpfiles")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    folder = (tmp_path / "var/lib/ivr/recordings/messages").stat()
    assert folder.st_mode & 0o7777 == 0o2770
    ids = {line.split(":")[0]: int(line.split(":")[2]) for line in (users + groups).splitlines()}
    assert (folder.st_uid, folder.st_gid) == (
        int(re.search(r"^ivr:x:(\d+)", users, re.MULTILINE)[1]),  # type: ignore[index]
        ids["asterisk"],
    )


def test_the_units_may_read_the_settings() -> None:
    """/etc/ivr is for root and the group ivr; the units' first group is that of Asterisk."""
    assert "d /etc/ivr 0750 root ivr -" in (PACKAGING / "ivr.tmpfiles").read_text().splitlines()
    for unit in UNITS:
        lines = (PACKAGING / unit).read_text().splitlines()
        assert {"User=ivr", "Group=asterisk", "SupplementaryGroups=ivr"} <= {*lines}


def test_what_only_a_person_can_mend_is_not_started_again_and_again() -> None:
    """Status 78: the settings are wrong, or there is no such database (docs/operator/install.md)."""
    for unit in UNITS:
        assert "RestartPreventExitStatus=78" in (PACKAGING / unit).read_text().splitlines()


def test_the_program_of_each_unit_is_one_of_ours() -> None:
    """As `ivr` itself reads it."""
    for unit in UNITS:
        (line,) = re.findall(r"^ExecStart=/usr/bin/ivr (.*)$", (PACKAGING / unit).read_text(), re.MULTILINE)
        from ivr.cli import parser

        parser().parse_args(line.split())


def test_what_the_guard_leaves_to_the_other_unit() -> None:
    settings = load({})
    assert "transcriber" in guard.commands(settings)
    assert [*guard.commands(settings, transcribers=False)] == ["jobs", "web", "engine"]


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        monkeypatch.setenv(systemd.SOCKET, str(tmp_path / "notify"))
        systemd.tell("READY=1")
        assert listener.recv(100) == b"READY=1"
    systemd.tell("WATCHDOG=1")  # nobody listens any more
    monkeypatch.delenv(systemd.SOCKET)
    systemd.tell("READY=1")


def test_a_sign_of_life_is_due_three_times_within_what_systemd_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    assert systemd.signs_every() == pytest.approx(3.333, abs=0.001)
    monkeypatch.delenv("WATCHDOG_USEC")
    assert systemd.signs_every() == float("inf"), "none is waited for"


async def test_a_guard_under_systemd_says_that_it_is_up_lives_and_stops(tmp_path: Path) -> None:
    """The real guard, with children that only beat."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        child = "import asyncio; from ivr import heartbeat; asyncio.run(heartbeat.beat('web'))"
        program = (
            "import asyncio, sys; from ivr import guard; from ivr.settings import load\n"
            f"asyncio.run(guard.run(load(), {{'web': [sys.executable, '-c', {child!r}]}}, asterisk=False,"
            " ready=lambda: None, before=[sys.executable, '-c', 'pass']))"
        )
        environ = {
            **os.environ,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "6000000",
            "IVR_DATA": str(tmp_path / "var"),
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environ)
        try:
            heard: list[bytes] = []
            signs: list[float] = []
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(60):
                while b"READY=1" not in heard:
                    heard.append(await loop.sock_recv(listener, 100))
                for _ in range(2):
                    assert await loop.sock_recv(listener, 100) == b"WATCHDOG=1"
                    signs.append(loop.time())
                process.terminate()
                while heard[-1] != b"STOPPING=1":
                    heard.append(await loop.sock_recv(listener, 100))
                assert await process.wait() == 0
                assert signs[1] - signs[0] > 0.3, "two seconds apart, not at every look"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
