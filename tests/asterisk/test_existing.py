"""`ivr asterisk install` and `remove` on an Asterisk that somebody else has, with somebody else's calls on it."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from ivr.asterisk import conf
from ivr.asterisk.bundle import last_resort
from ivr.asterisk.existing import admin, change
from ivr.asterisk.existing.look import MODULES
from ivr.asterisk.install import AsteriskInstall
from ivr.errors import AsteriskError
from ivr.settings import Settings, load
from tests.asterisk.bare_engine import BareEngine
from tests.asterisk.sip import LOUD, SipCall
from tests.asterisk.somebody import Somebody
from tests.asterisk.test_dialplan import write_tone

ENGINE = 65534 if os.geteuid() == 0 else os.geteuid()  # a user without rights
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@asynccontextmanager
async def somebody(install: AsteriskInstall, base: Path, **more: object) -> AsyncIterator[Somebody]:
    theirs = Somebody(install, base / "theirs", **more)  # type: ignore[arg-type]
    try:
        await theirs.booted()
        yield theirs
    finally:
        theirs.stop()


def settings_for(theirs: Somebody, base: Path) -> Settings:
    settings = load({"IVR_DATA": str(base / "data"), "IVR_ARI": str(theirs.ari)})
    for name in ("record", "thanks"):
        write_tone(last_resort(settings.bundle) / f"{name}.wav")
    return settings


def agreed(seen: list[str]) -> Callable[[list[str]], bool]:
    def agree(difference: list[str]) -> bool:
        seen.extend(difference)
        return True

    return agree


class TheirCall(threading.Thread):
    """Somebody talks to their echo until told to stop; what came back of it."""

    def __init__(self, theirs: Somebody) -> None:
        super().__init__(daemon=True)
        self._sip = theirs.sip
        self.over = threading.Event()
        self.echoed: list[int] = []

    def run(self) -> None:
        with SipCall(self._sip, "700") as call:
            while not self.over.is_set():
                self.echoed.append(len(call.talk(0.5, LOUD)))


@pytest.mark.parametrize("freepbx", [False, True], ids=["plain", "FreePBX"])
async def test_installed_used_and_removed_without_a_trace(
    asterisk_install: AsteriskInstall, tmp_path: Path, freepbx: bool
) -> None:
    async with somebody(asterisk_install, tmp_path, freepbx=freepbx) as theirs:
        settings, before, links = settings_for(theirs, tmp_path), theirs.files(), theirs.links()
        os.chown(settings.data, ENGINE, -1)
        talk = TheirCall(theirs)
        talk.start()
        difference: list[str] = []
        done = await admin.install(settings, theirs.etc, NOW, agreed(difference))
        assert done is not None and done.version.startswith("2")
        added = [line for line in difference if line.startswith("+") and "ivr_" in line]
        assert '+#include "ivr_extensions.conf"' in added
        assert not [line for line in difference if line.startswith("-") and not line.startswith("---")]
        made = (settings.asterisk_base, *settings.asterisk_base.rglob("*"), settings.messages)
        assert {path.lstat().st_uid for path in made} == {ENGINE}, "the engine's, which is not root"
        kept = {name: theirs.files()[name] for name in before if "custom" not in name}
        assert all(text.startswith(before[name]) for name, text in kept.items())
        if freepbx:
            assert kept == {name: before[name] for name in kept}, "these are written anew by FreePBX"
            await theirs.apply_config()
            assert await change.refused(theirs.console, done.broadcasts, MODULES) == []
        await asyncio.to_thread(leave_a_message, theirs, settings)
        await record_by_ari(theirs, settings)
        await admin.remove(settings)
        assert (theirs.files(), theirs.links()) == (before, links)
        assert not (theirs.spool / "recording").is_symlink()
        talk.over.set()
        await asyncio.to_thread(talk.join)
    assert len(talk.echoed) > 4
    assert min(talk.echoed[1:]) > 0.8 * 0.5 * 8000, "their call was not disturbed"


def leave_a_message(theirs: Somebody, settings: Settings) -> None:
    """By their number to us: without an engine the last resort records."""
    with SipCall(theirs.sip, "05031859080", caller="<sip:09012345678@127.0.0.1>") as call:
        assert call.status == 200
        for _ in range(60):
            call.talk(0.5, LOUD)
            if any(settings.messages.glob("*_05031859080_*.wav")):
                call.talk(1.0, LOUD)
                return
    raise AssertionError(theirs.log())


async def record_by_ari(theirs: Somebody, settings: Settings) -> None:
    """As an engine does: Asterisk itself refuses to record through a link further down."""
    passwords = conf.ari_passwords(settings.asterisk_base)
    there = SimpleNamespace(settings=SimpleNamespace(ari=str(theirs.ari)), passwords=passwords)
    async with BareEngine(there) as engine:  # type: ignore[arg-type]
        over = threading.Event()
        talk = asyncio.create_task(asyncio.to_thread(talk_until, over, theirs))
        channel = (await engine.take())["channel"]["id"]
        await engine.request("POST", f"channels/{channel}/answer")
        await engine.request("POST", f"channels/{channel}/record", {"name": "messages/ours", "format": "wav"})
        deadline = asyncio.get_running_loop().time() + 30
        while not (settings.messages / "ours.wav").exists():
            assert asyncio.get_running_loop().time() < deadline, theirs.log()
            await asyncio.sleep(0.1)
        over.set()
        await talk


def talk_until(over: threading.Event, theirs: Somebody) -> None:
    with SipCall(theirs.sip, "05031859080", caller="<sip:09012345678@127.0.0.1>") as call:
        while not over.is_set():
            call.talk(0.2, LOUD)


async def test_what_is_refused_is_undone(asterisk_install: AsteriskInstall, tmp_path: Path) -> None:
    """A module that is not installed: its calls, files and spool stay as they were."""
    modules = tmp_path / "modules"
    modules.mkdir()
    for module in asterisk_install.module_dir.iterdir():
        if module.name != "res_stasis_snoop.so":
            (modules / module.name).symlink_to(module)
    there = asterisk_install.__class__(
        asterisk_install.command, modules, asterisk_install.data_dir, asterisk_install.version
    )
    async with somebody(there, tmp_path) as theirs:
        settings, before = settings_for(theirs, tmp_path), theirs.files()
        with pytest.raises(AsteriskError, match=r"(?s)everything is as it was.*res_stasis_snoop\.so"):
            await admin.install(settings, theirs.etc, NOW, agreed([]))
        assert theirs.files() == before
        assert "no existence" in await theirs.console.cli("dialplan show ivr-ears")
        assert not (theirs.spool / "recording" / "messages").exists()
        with pytest.raises(AsteriskError, match="nothing was installed"):
            await admin.remove(settings)


async def test_nothing_is_changed_without_a_yes_or_where_our_names_are_taken(
    asterisk_install: AsteriskInstall, tmp_path: Path
) -> None:
    taken = {"extensions.conf": "[from-somebody]\nexten => 1,1,Hangup()\n[ivr-ears]\nexten => 1,1,Hangup()\n"}
    async with somebody(asterisk_install, tmp_path, files=taken) as theirs:
        settings, before = settings_for(theirs, tmp_path), theirs.files()
        with pytest.raises(AsteriskError, match=r"\[ivr-ears\] already"):
            await admin.install(settings, theirs.etc, NOW, agreed([]))
        (theirs.etc / "extensions.conf").write_text("[from-somebody]\nexten => 1,1,Hangup()\n")
        await theirs.console.cli("dialplan reload")
        before = theirs.files()
        assert await admin.install(settings, theirs.etc, NOW, lambda difference: False) is None
        assert theirs.files() == before
        await admin.install(settings, theirs.etc, NOW, agreed([]))
        (theirs.etc / "extensions.conf").write_text("[theirs]\nexten => 1,1,Hangup()\n")  # they began anew
        assert await admin.remove(settings) == ["extensions.conf"]
        assert {*theirs.files()} == {*before}
