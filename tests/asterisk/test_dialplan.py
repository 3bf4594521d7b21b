"""asterisk_conf/extensions.conf and pjsip.conf with a real call: who is calling, and what is left without an engine."""

import asyncio
import math
import struct
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.asterisk import conf, numbers
from ivr.asterisk.install import AsteriskInstall
from ivr.asterisk.private import PrivateAsterisk
from ivr.call import Caller
from tests.asterisk.bare_engine import BareEngine
from tests.asterisk.instances import instance_settings
from tests.asterisk.sip import LOUD, SipCall


@pytest.fixture(scope="module")
def asterisk(
    asterisk_install: AsteriskInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateAsterisk]:
    base = tmp_path_factory.mktemp("dialplan")
    private = PrivateAsterisk(asterisk_install, instance_settings(base))
    for prompt in (private.settings.neutral_prompt, private.settings.thanks_prompt):
        write_tone(prompt)
    asyncio.run(private.start())
    yield private
    asyncio.run(private.stop())


def test_without_an_engine_a_caller_hears_a_prompt_and_leaves_a_message(asterisk: PrivateAsterisk) -> None:
    before = int(time.time())
    with SipCall(asterisk.settings.sip, "05031859080", caller="<sip:09012345678@127.0.0.1>") as call:
        assert call.status == 200
        heard = talk_until_recorded(call, asterisk, "05031859080_09012345678")
        call.talk(2.0, LOUD)
    assert len(set(heard)) > 4, "no prompt was heard"
    recording = _new_recording(asterisk, "05031859080_09012345678")
    epoch, dialled, caller, channel = recording.stem.split("_")
    assert before <= int(epoch) <= before + 60
    assert (dialled, caller) == ("05031859080", "09012345678")
    assert channel.startswith("test-"), "the node's name is part of the channel id"
    with wave.open(str(recording)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert 1.5 < file.getnframes() / 8000 < 10


def test_a_number_with_a_plus_and_a_caller_without_one_are_taken_too(asterisk: PrivateAsterisk) -> None:
    caller = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    with SipCall(asterisk.settings.sip, "+815031859080", caller=caller) as call:
        assert call.status == 200
        talk_until_recorded(call, asterisk, "+815031859080_")
        call.talk(1.0, LOUD)
    assert _new_recording(asterisk, "+815031859080_").stem.split("_")[2] == ""


ASSERTED = "P-Asserted-Identity: <sip:09099998888@127.0.0.1>\r\n"


@pytest.mark.parametrize(
    ("caller", "headers", "expected"),
    [
        ("<sip:09012345678@127.0.0.1>", "", "09012345678"),
        ("<sip:+819012345678@127.0.0.1>", "", "+819012345678"),
        ("<sip:09012345678@127.0.0.1>", ASSERTED, "09012345678"),
        ("<sip:09012345678@127.0.0.1>", f"{ASSERTED}Privacy: none\r\n", "09012345678"),
        # Withheld.
        ("<sip:09012345678@127.0.0.1>", f"{ASSERTED}Privacy: id\r\n", ""),
        ("<sip:09012345678@127.0.0.1>", "Privacy: user;id\r\n", ""),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', f"{ASSERTED}Privacy: id\r\n", ""),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', ASSERTED, "anonymous"),
        # Who withholds it may have a name, which nobody sees.
        ('"Tanaka" <sip:09012345678@127.0.0.1>', "Privacy: id\r\n", ""),
        ('"payphone\\" | 1 | \\"$[1/0]${SHELL(id)}" <sip:09012345678@127.0.0.1>', "Privacy: id\r\n", ""),
    ],
)
async def test_who_calls_is_what_the_caller_lets_us_know(
    asterisk: PrivateAsterisk, caller: str, headers: str, expected: str
) -> None:
    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(_short_call, asterisk, caller, headers))
        start = await engine.take()
        assert start["args"] == ["05031859080"]
        assert start["channel"]["caller"]["number"] == expected
        assert "09099998888" not in str(start) and "anaka" not in str(start) and "SHELL" not in str(start)
        await engine.request("DELETE", f"channels/{start['channel']['id']}")
        assert await calling != 200


@pytest.mark.parametrize("privacy", ["", "Privacy: id\r\n"])
@pytest.mark.parametrize(
    ("name", "why"),
    [("Anonymous", "anonymous"), ("Coin line/payphone", "payphone"), ("Unavailable", "unavailable")],
)
async def test_why_a_number_is_withheld_is_kept(
    asterisk: PrivateAsterisk, name: str, why: str, privacy: str
) -> None:
    async with BareEngine(asterisk) as engine:
        caller = f'"{name}" <sip:anonymous@anonymous.invalid>'
        calling = asyncio.create_task(asyncio.to_thread(_short_call, asterisk, caller, privacy))
        about = (await engine.take())["channel"]
        assert numbers.caller(about["caller"]["number"], about["caller"]["name"]) == Caller(None, why)  # type: ignore[arg-type]
        await engine.request("DELETE", f"channels/{about['id']}")
        await calling


async def test_an_agents_telephone_can_dial_nothing_but_the_echo_test(asterisk: PrivateAsterisk) -> None:
    assert "no existence" in await asterisk.cli("dialplan show 0312345678@ivr-agents")
    assert "Echo" in await asterisk.cli("dialplan show 9000@ivr-agents")


async def test_an_agents_name_does_not_open_the_way_in_without_its_password(
    asterisk: PrivateAsterisk,
) -> None:
    agent = conf.AgentTelephone("田中", "tanaka", "secret-1")
    conf.write({conf.AGENTS_FILE: conf.render_agents([agent])}, asterisk.settings.etc)
    await asterisk.cli("module reload res_pjsip.so")
    assert await asyncio.to_thread(_short_call, asterisk, "<sip:tanaka@127.0.0.1>", "") == 401


def _short_call(asterisk: PrivateAsterisk, caller: str, headers: str) -> int:
    with SipCall(asterisk.settings.sip, "05031859080", caller=caller, headers=headers) as call:
        return call.status


def talk_until_recorded(call: SipCall, asterisk: PrivateAsterisk, name: str) -> bytes:
    """What was heard until then."""
    heard = b""
    deadline = time.monotonic() + 30
    while not [path for path in asterisk.settings.fallback_dir.glob("*.wav") if name in path.name]:
        assert time.monotonic() < deadline, "nothing is recorded"
        heard += call.talk(0.2)
    return heard


def _new_recording(asterisk: PrivateAsterisk, name: str) -> Path:
    deadline = time.monotonic() + 30
    while True:
        for path in asterisk.settings.fallback_dir.glob("*.wav"):
            # The header is written at the end of the recording.
            if name in path.name and path.read_bytes()[40:44] not in (b"", bytes(4)):
                return path
        assert time.monotonic() < deadline, "no recording"


def write_tone(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", round(9000 * math.sin(i / 3))) for i in range(4000)))
