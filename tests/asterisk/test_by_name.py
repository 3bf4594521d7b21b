"""An Asterisk without StasisBroadcast: one engine is asked by name, and a timer saves who is not taken."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ivr.asterisk.install import AsteriskInstall
from ivr.asterisk.private import PrivateAsterisk
from tests.asterisk.bare_engine import BareEngine
from tests.asterisk.instances import instance_settings
from tests.asterisk.sip import SipCall
from tests.asterisk.test_dialplan import talk_until_recorded, write_tone


@pytest.fixture(scope="module")
def asterisk(
    asterisk_install: AsteriskInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateAsterisk]:
    base = tmp_path_factory.mktemp("by-name")
    modules = base / "modules"
    modules.mkdir()
    for module in asterisk_install.module_dir.iterdir():
        if "stasis_broadcast" not in module.name:
            (modules / module.name).symlink_to(module)
    old = replace(asterisk_install, module_dir=modules)
    private = PrivateAsterisk(old, replace(instance_settings(base), app="ivr-9"))
    for prompt in (private.settings.neutral_prompt, private.settings.thanks_prompt):
        write_tone(prompt)
    asyncio.run(private.start())
    yield private
    asyncio.run(private.stop())


async def test_the_engine_is_asked_by_name_and_takes_the_timer_off(asterisk: PrivateAsterisk) -> None:
    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(_call, asterisk, 6.0))
        start = await engine.event("StasisStart")
        assert start["args"] == ["05031859080", ""]
        assert start["channel"]["dialplan"]["app_name"] == "Stasis", "by which our engine knows of the timer"
        id = start["channel"]["id"]
        off = {"variable": "TIMEOUT(absolute)", "value": "0"}
        await engine.request("POST", f"channels/{id}/variable", off)
        await engine.request("POST", f"channels/{id}/answer")
        assert await calling == 200
        assert not list(asterisk.settings.fallback_dir.glob("*.wav")), "it was left with the engine"


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "absent"])
async def test_who_is_not_taken_by_an_engine_reaches_the_fallback(
    asterisk: PrivateAsterisk, frozen: bool
) -> None:
    engine = BareEngine(asterisk)
    if frozen:
        await engine.__aenter__()  # connected, and never acts
    try:
        number = "05031859081" if frozen else "05031859082"
        await asyncio.to_thread(_leave, asterisk, number)
    finally:
        if frozen:
            await engine.__aexit__()


def _call(asterisk: PrivateAsterisk, seconds: float) -> int:
    with SipCall(asterisk.settings.sip, "05031859080", caller="<sip:09012345678@127.0.0.1>") as call:
        call.talk(seconds)
        return call.status


def _leave(asterisk: PrivateAsterisk, number: str) -> None:
    with SipCall(asterisk.settings.sip, number, caller="<sip:09012345678@127.0.0.1>") as call:
        assert call.status == 200
        talk_until_recorded(call, asterisk, number)
