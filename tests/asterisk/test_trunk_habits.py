"""What carriers do in a call that is up, and headers by which somebody tries to break in: a real Asterisk, one after the other."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ivr.asterisk import conf, trunks
from ivr.asterisk.install import AsteriskInstall
from ivr.asterisk.private import PrivateAsterisk
from ivr.trunks.load import load_trunks
from tests.asterisk.bare_engine import BareEngine
from tests.asterisk.instances import instance_settings
from tests.asterisk.sip import SipCall

TRUNKS = """\
trunks:
  plain: {template: ip, host: 127.0.3.1, numbers: [03-1111-2222], channels: 9}
  to: {template: ip, host: 127.0.3.2, numbers: [03-1111-2222], channels: 9, called_number: to}
  party:
    {template: ip, host: 127.0.3.3, numbers: [03-1111-2222], channels: 9, called_number: p-called-party-id,
      identity: p-asserted-identity}
  diverted: {template: ip, host: 127.0.3.4, numbers: [03-1111-2222], channels: 9, called_number: diversion}
  info: {template: ip, host: 127.0.3.5, numbers: [03-1111-2222], channels: 9, dtmf: info}
"""


@pytest.fixture(scope="module")
def asterisk(
    asterisk_install: AsteriskInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateAsterisk]:
    base = tmp_path_factory.mktemp("habits")
    private = PrivateAsterisk(asterisk_install, instance_settings(base))
    file = base / "trunks.yaml"
    text = TRUNKS
    for place in range(5):  # each trunk has a number of its own
        text = text.replace("[03-1111-2222]", f"[03-1111-000{place}]", 1)
    file.write_text(text, "utf-8")
    known, problems = load_trunks(file, base / "none")
    assert problems == []
    conf.write(trunks.files(known, private.settings.sip), private.settings.etc)
    asyncio.run(private.start())
    yield private
    asyncio.run(private.stop())


# -- in a call ------------------------------------------------------------------------------


async def test_a_call_goes_on_when_it_is_refreshed_held_and_given_another_codec(
    asterisk: PrivateAsterisk,
) -> None:
    def refreshed(call: SipCall) -> None:
        timer = "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n"
        assert loud(call.talk(0.6))
        assert call.again("UPDATE", headers=timer) == 200
        assert call.again("INVITE", "sendrecv", headers=timer) == 200
        assert loud(call.talk(0.6)), "after the refresh"
        assert call.again("INVITE", "sendonly") == 200  # hold
        call.talk(0.4)
        assert call.again("INVITE", "sendrecv") == 200
        assert loud(call.talk(0.6)), "after the hold"
        assert call.again("INVITE", "sendrecv", format=8) == 200
        call.talk(0.2)  # what was on its way
        assert loud(call.talk(0.6)), "as PCMA"

    headers = "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n"
    await with_music(asterisk, refreshed, headers=headers)


async def test_a_carrier_that_offers_only_pcma_is_heard(asterisk: PrivateAsterisk) -> None:
    def heard(call: SipCall) -> None:
        assert loud(call.talk(1.0))

    await with_music(asterisk, heard, format=8)


async def test_who_is_to_refresh_a_session_is_what_the_carrier_says(asterisk: PrivateAsterisk) -> None:
    """We do, where it says so; what becomes of it takes minutes: `python -m tools.long_calls`."""

    def agreed(call: SipCall) -> None:
        assert "\r\nSession-Expires: 90;refresher=uas\r\n" in call.reply

    await with_music(asterisk, agreed, headers="Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n")


def test_a_session_that_is_too_short_is_refused_with_the_least(asterisk: PrivateAsterisk) -> None:
    headers = "Supported: timer\r\nSession-Expires: 30;refresher=uac\r\n"
    with SipCall(asterisk.settings.sip, "0311110000", source="127.0.3.1", headers=headers) as call:
        assert (call.status, "\r\nMin-SE: 90\r\n" in call.reply) == (422, True)


async def test_keys_come_as_info_while_a_prompt_plays(asterisk: PrivateAsterisk) -> None:
    def presses() -> None:
        with SipCall(asterisk.settings.sip, "0311110004", source="127.0.3.5") as call:
            call.talk(0.5)
            for key in "#1#2":
                relay = f"Signal={key}\r\nDuration=160\r\n"
                assert (
                    call.again("INFO", headers="Content-Type: application/dtmf-relay\r\n", body=relay) == 200
                )
                call.talk(0.4)

    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(presses))
        start = await engine.take()
        media = "sound:" + str(asterisk.settings.sounds / "moh" / "hold")
        await engine.request("POST", f"channels/{start['channel']['id']}/play", {"media": media})
        assert [(await engine.event("ChannelDtmfReceived"))["digit"] for _ in range(4)] == [
            "#",
            "1",
            "#",
            "2",
        ]
        await calling


async def test_nothing_is_said_before_the_voice_has_its_way_or_half_a_second(
    asterisk: PrivateAsterisk,
) -> None:
    """Who sends nothing is waited for: what is played into a way that is not open yet is lost."""
    taken = threading.Event()

    def says_nothing() -> None:
        with SipCall(asterisk.settings.sip, "0311110000", source="127.0.3.1"):
            taken.wait(30)

    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(says_nothing))
        start = await engine.take()
        taken.set()
        began, taken_at = (
            datetime.fromisoformat(at) for at in (start["channel"]["creationtime"], start["timestamp"])
        )
        assert taken_at - began >= timedelta(seconds=0.45)
        await calling


async def with_music(asterisk: PrivateAsterisk, talk: Callable[[SipCall], None], **more: object) -> None:
    """The caller hears music all the time."""
    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(_calls, asterisk, talk, more))
        start = await engine.take()
        media = "sound:" + str(asterisk.settings.sounds / "moh" / "hold")
        await engine.request("POST", f"channels/{start['channel']['id']}/play", {"media": media})
        await calling
        assert (await engine.event("StasisEnd"))["channel"]["id"] == start["channel"]["id"], "the BYE counts"


def _calls(asterisk: PrivateAsterisk, talk: Callable[[SipCall], None], more: dict[str, object]) -> None:
    with SipCall(asterisk.settings.sip, "0311110000", source="127.0.3.1", **more) as call:  # type: ignore[arg-type]
        assert call.status == 200
        call.talk(0.5)  # until the music begins
        talk(call)


def loud(heard: bytes) -> bool:
    """More than one value of G.711: no silence."""
    return len(heard) > 1600 and len(set(heard)) > 8


# -- hostile headers --------------------------------------------------------------------------

LONG = "".join(f'x-{n}="%n%s%x";' for n in range(280))  # 4 kB
NAME = (
    '"\\"<sip:0366667777@x>\\\\\\"%n%s${SHELL(id)}$[1/0](),[]{}|\'&;"'  # a quoted string with a decoy in it
)
ODD = "\udcff\udcfe\udc80"  # no UTF-8
WHO = "<sip:09012345678@carrier.example.jp>"
PARTY = "P-Called-Party-ID: <sip:0311113333@x>\r\n"

# trunk, From, To, further headers -> number dialled, number of the caller
HOSTILE: dict[str, tuple[str, str, str | None, str, str, str]] = {
    "From with a decoy": ("plain", f"{NAME} {WHO}", None, "", "0311115555", "09012345678"),
    "From with no UTF-8": ("plain", f'"{ODD}" {WHO}', None, "", "0311115555", "09012345678"),
    "From that runs a program": ("plain", "<sip:$%7BSHELL(id)%7D%25n@x>", None, "", "0311115555", ""),
    "long From": ("plain", f"{WHO};{LONG}y=1", None, "", "0311115555", "09012345678"),
    "To with a decoy": ("to", WHO, f"{NAME} <sip:0311113333@x>", "", "0311113333", "09012345678"),
    "To with no UTF-8": ("to", WHO, f'"{ODD}" <sip:0311113333@x>', "", "0311113333", "09012345678"),
    "long To": ("to", WHO, f"<sip:0311113333@x>;{LONG}y=1", "", "0311113333", "09012345678"),
    "asserted with a decoy": (
        "party", WHO, None, f"{PARTY}P-Asserted-Identity: {NAME} <sip:09011112222@x>\r\n", "0311113333", "09011112222",
    ),
    "asserted without a number": (
        "party", WHO, None, f'{PARTY}P-Asserted-Identity: "09099998888" <sip:a"b@x>\r\n', "0311113333", "09012345678",
    ),
    "folded": (
        "party", WHO, None, 'P-Called-Party-ID: "a\r\n b"\r\n\t<sip:0311113333@x>\r\n', "0311113333", "09012345678",
    ),
    "diverted with a decoy": (
        "diverted", WHO, None,
        f'Diversion: {NAME} <sip:0311114444@x>;reason="<sip:0366667777@x>%0a"\r\nDiversion: <sip:0366667777@x>\r\n',
        "0311114444", "09012345678",
    ),
    "decoy and long To": ("to", WHO, f"{NAME} <sip:0311113333@x>;{LONG}y=1", "", "0311113333", "09012345678"),
    "many Diversions": (
        "diverted", WHO, None,
        "Diversion: <sip:0311114444@x>\r\n" + "Diversion: <sip:0366667777@x>;reason=unconditional\r\n" * 70,
        "0311114444", "09012345678",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
async def test_hostile_headers_make_no_wrong_number_and_the_caller_is_served(
    asterisk: PrivateAsterisk, what: str
) -> None:
    trunk, caller, to, headers, dialled, number = HOSTILE[what]
    source = f"127.0.3.{1 + ['plain', 'to', 'party', 'diverted'].index(trunk)}"

    def calls() -> int:
        with SipCall(
            asterisk.settings.sip, "0311115555", caller=caller, headers=headers, to=to, source=source
        ) as call:
            if call.status == 200:
                call.talk(0.6)
            return call.status

    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(calls))
        start = await engine.take()
        assert start["args"] == [dialled, trunk]
        assert re.sub(r"[^+0-9].*", "", start["channel"]["caller"]["number"]) == number
        await engine.request("DELETE", f"channels/{start['channel']['id']}")
        assert await calling == 200
    # Of a name that is no UTF-8, Asterisk tells with the number, whatever is set.
    log = "\n".join(line for line in _log(asterisk).splitlines() if "invalid UTF-8" not in line)
    assert not re.search(r"0311113333|09012345678|09011112222|0366667777", log), log


def _log(asterisk: PrivateAsterisk) -> str:
    file: Path = asterisk.settings.logs / "messages.log"
    return file.read_text("utf-8", "replace") if file.exists() else ""
