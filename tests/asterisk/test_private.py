"""A private Asterisk on the files of asterisk_conf/: it boots, serves, says why it does not, and leaves nothing."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from ivr.asterisk import conf
from ivr.asterisk.install import AsteriskInstall
from ivr.asterisk.private import PrivateAsterisk
from ivr.errors import AsteriskError
from tests.asterisk.instances import instance_settings
from tests.asterisk.sip import LOUD, SipCall

REQUIRED = re.findall(r"^require = (\S+)\.so$", (conf.TEMPLATES / "modules.conf").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def asterisk(
    asterisk_install: AsteriskInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateAsterisk]:
    private = PrivateAsterisk(asterisk_install, instance_settings(tmp_path_factory.mktemp("private")))
    asyncio.run(private.start())
    yield private
    asyncio.run(private.stop())


@pytest.fixture
async def own_asterisk(asterisk_install: AsteriskInstall, tmp_path: Path) -> AsyncIterator[PrivateAsterisk]:
    """For tests that end it."""
    private = PrivateAsterisk(asterisk_install, instance_settings(tmp_path))
    await private.start()
    yield private
    await private.stop()


async def test_all_that_the_desk_needs_runs(asterisk: PrivateAsterisk) -> None:
    running = set(re.findall(r"^(\S+)\.so .* Running ", await asterisk.cli("module show"), re.MULTILINE))
    assert len(REQUIRED) > 50
    assert set(REQUIRED) - running == set()


async def test_the_boot_is_without_complaint(asterisk: PrivateAsterisk) -> None:
    log = (asterisk.settings.logs / "messages.log").read_text()
    assert "ERROR" not in log and "WARNING" not in log, log


async def test_ari_wants_a_password(asterisk: PrivateAsterisk) -> None:
    assert "Application Name" in await asterisk.cli("ari show apps")
    url = f"http://{asterisk.settings.ari}/ari/asterisk/info"
    users = {
        None: 401,
        aiohttp.encode_basic_auth("ivr-engine", "guess"): 401,
        aiohttp.encode_basic_auth("ivr-engine", asterisk.passwords.engine): 200,
        aiohttp.encode_basic_auth("ivr-guard", asterisk.passwords.guard): 200,
    }
    async with aiohttp.ClientSession() as session:
        for user, expected in users.items():
            async with session.get(url, headers={"Authorization": user} if user else {}) as reply:
                assert reply.status == expected, user


async def test_passwords_are_kept_and_readable_by_us_only(asterisk: PrivateAsterisk) -> None:
    assert conf.ari_passwords(asterisk.settings.base) == asterisk.passwords
    assert asterisk.passwords.engine != asterisk.passwords.guard
    holding = [
        path
        for path in asterisk.settings.base.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and asterisk.passwords.engine.encode() in path.read_bytes()
    ]
    assert {path.name for path in holding} == {"ari-passwords.json", "ivr_ari.conf"}
    assert {path.stat().st_mode & 0o777 for path in holding} == {0o600}


async def test_music_and_beep_are_there(asterisk: PrivateAsterisk) -> None:
    assert "hold" in await asterisk.cli("moh show files")
    assert (asterisk.settings.share / "sounds/ja/beep.wav").is_file()


async def test_agents_come_and_go_by_a_reload(asterisk: PrivateAsterisk) -> None:
    agents = [
        conf.AgentTelephone("田中", "tanaka", "secret-1"),
        conf.AgentTelephone("佐藤", "sato", "secret-2"),
    ]
    conf.write({conf.AGENTS_FILE: conf.render_agents(agents)}, asterisk.settings.etc)
    await asterisk.cli("module reload res_pjsip.so")
    shown = await asterisk.cli("pjsip show endpoint tanaka")
    assert re.search(r"context +: ivr-agents", shown)
    assert re.search(r"trust_id_inbound +: false", shown)
    conf.write({conf.AGENTS_FILE: conf.render_agents(agents[1:])}, asterisk.settings.etc)
    await asterisk.cli("module reload res_pjsip.so")
    assert "Unable to find object tanaka" in await asterisk.cli("pjsip show endpoint tanaka")
    assert "sato/sato" in await asterisk.cli("pjsip show endpoints")


async def test_two_instances_side_by_side(asterisk_install: AsteriskInstall, tmp_path: Path) -> None:
    # The second in a directory whose path is too long for a unix socket.
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    both = [
        PrivateAsterisk(asterisk_install, instance_settings(folder, name))
        for folder, name in ((tmp_path, "one"), (deep, "two"))
    ]
    await asyncio.gather(*(each.start() for each in both))
    try:
        for each in both:
            assert each.settings.system_name in await each.cli("core show settings")
        await both[0].stop()
        assert "System uptime" in await both[1].cli("core show uptime")
    finally:
        await asyncio.gather(*(each.stop() for each in both))
    for each in both:
        assert not _processes_with(str(each.settings.etc))


async def test_stop_leaves_nothing_running(own_asterisk: PrivateAsterisk) -> None:
    assert _processes_with(str(own_asterisk.settings.etc))
    await own_asterisk.stop()
    assert not _processes_with(str(own_asterisk.settings.etc))
    with pytest.raises(AsteriskError, match="does not run"):
        await own_asterisk.cli("core show uptime")


async def test_a_call_that_does_not_end_in_time_keeps_what_was_recorded(
    own_asterisk: PrivateAsterisk,
) -> None:
    folder = own_asterisk.settings.fallback_dir
    enough = threading.Event()
    calling = asyncio.create_task(asyncio.to_thread(_talk_until, enough, own_asterisk.settings.sip))
    deadline = time.monotonic() + 90
    while not [path for path in folder.glob("*.wav") if path.stat().st_size > 16000]:
        assert time.monotonic() < deadline, "nothing is being recorded"
        await asyncio.sleep(0.05)
    began = time.monotonic()
    await own_asterisk.stop(graceful=1)
    assert time.monotonic() - began >= 1
    assert not calling.done(), "the call was still up"
    enough.set()
    (recording,) = folder.glob("*.wav")
    with wave.open(str(recording)) as file:
        assert file.getnframes() >= 8000
    await calling


async def test_it_starts_again_after_a_kill(own_asterisk: PrivateAsterisk) -> None:
    assert own_asterisk.pid is not None
    os.kill(own_asterisk.pid, signal.SIGKILL)
    await own_asterisk.stop()
    await own_asterisk.start()
    assert own_asterisk.returncode is None


async def test_a_port_in_use_is_named(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    for setting, value in (("sip", asterisk.settings.sip), ("ari", asterisk.settings.ari)):
        folder = tmp_path / setting
        folder.mkdir()
        settings = replace(instance_settings(folder), **{setting: value})
        other = PrivateAsterisk(asterisk.install, settings)
        with pytest.raises(AsteriskError, match=f"(?s)IVR_{setting.upper()}={value} cannot.*in use"):
            await other.start()
        assert other.returncode is not None


async def test_a_directory_in_use_is_left_alone(asterisk: PrivateAsterisk) -> None:
    second = PrivateAsterisk(asterisk.install, asterisk.settings)
    with pytest.raises(AsteriskError, match=r"running in .* already"):
        await second.start()
    assert "System uptime" in await asterisk.cli("core show uptime")


async def test_a_missing_module_is_named(asterisk_install: AsteriskInstall, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    for module in asterisk_install.module_dir.iterdir():
        if module.name != "app_stasis.so":
            (modules / module.name).symlink_to(module)
    private = PrivateAsterisk(replace(asterisk_install, module_dir=modules), instance_settings(tmp_path))
    with pytest.raises(AsteriskError, match=r"(?s)ended while starting.*app_stasis"):
        await private.start()


_GUARD = """
import asyncio, os, sys
from pathlib import Path
from ivr.asterisk.fetch import find_asterisk
from ivr.asterisk.private import PrivateAsterisk
from tests.asterisk.instances import instance_settings

async def main():
    private = PrivateAsterisk(find_asterisk(os.environ.get("IVR_ASTERISK", "")), instance_settings(Path(sys.argv[1])))
    await private.start()
    print(private.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_it_does_not_outlive_a_guard_killed_with_9(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _GUARD, str(tmp_path)], stdout=subprocess.PIPE, cwd=conf.TEMPLATES.parent
    ) as guard:
        try:
            assert guard.stdout is not None
            pid = int(guard.stdout.readline())
            assert pid in _processes_with(str(tmp_path / "asterisk/etc"))
        finally:
            guard.kill()
    deadline = time.monotonic() + 90
    while _processes_with(str(tmp_path / "asterisk/etc")):
        assert time.monotonic() < deadline, "Asterisk is still there"


def _talk_until(enough: threading.Event, address: str) -> None:
    with SipCall(address, "0501112222") as call:
        while not enough.is_set():
            call.talk(0.2, LOUD)


def _processes_with(argument: str) -> list[int]:
    """Ids of the processes whose command line has `argument` in it and is Asterisk's."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if argument in command and "asterisk.conf" in command:
            found.append(int(path.parent.name))
    return found
