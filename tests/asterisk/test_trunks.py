"""trunks.yaml in a real Asterisk, against carriers on loopback: each at an address of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.asterisk import conf, trunks
from ivr.asterisk.ari import Ari
from ivr.asterisk.caller import AriCall
from ivr.asterisk.install import AsteriskInstall
from ivr.asterisk.outgoing import NotReached, Outgoing
from ivr.asterisk.private import PrivateAsterisk
from ivr.asterisk.ways import Ways
from ivr.outside import Outside, Way
from ivr.trunks.load import load_trunks
from tests.asterisk.bare_engine import BareEngine
from tests.asterisk.carrier import Carrier, header
from tests.asterisk.desk import until
from tests.asterisk.instances import instance_settings
from tests.asterisk.sip import LOUD, SipCall

# Who sends the number where: address of the carrier -> trunk.
TRUNKS = """\
trunks:
  hikari:
    {{template: hikari-hgw, host: "{registrar}", user: "0003", numbers: [03-1234-5678, 03-1234-5679], channels: 2}}
  second: {{template: hikari-hgw, host: "{registrar}", user: "0004", numbers: [03-1234-5670], channels: 2,
    match: [127.0.0.7]}}
  account:
    {{template: 050-register, host: 127.0.0.3, user: a1, registration: false, numbers: [050-3185-9080], channels: 2}}
  carrier:
    template: ip
    host: "{registrar}"
    match: [127.0.0.4]
    user: 03123
    numbers: [03-1111-2222]
    channels: 2
    spelling: "+81"
    rtp_timeout: 2s
  called:
    {{template: ip, host: 127.0.0.5, numbers: [03-1111-3333], channels: 2, called_number: p-called-party-id,
      identity: p-asserted-identity, codecs: [alaw]}}
  diverted: {{template: ip, host: 127.0.0.6, numbers: [03-1111-4444], channels: 2, called_number: diversion}}
"""


@pytest.fixture(scope="module")
def carrier() -> Iterator[Carrier]:
    with Carrier("127.0.0.2", {"0003": "himitsu;\\1", "0004": "x", "03123": "pw"}) as carrier:
        yield carrier


@pytest.fixture(scope="module")
def asterisk(
    asterisk_install: AsteriskInstall, carrier: Carrier, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateAsterisk]:
    base = tmp_path_factory.mktemp("trunks")
    settings = instance_settings(base)
    private = PrivateAsterisk(asterisk_install, settings)
    file, passwords = base / "trunks.yaml", base / "passwords.toml"
    file.write_text(TRUNKS.format(registrar=carrier.address), "utf-8")
    passwords.touch(0o600)
    passwords.write_text('hikari = \'himitsu;\\1\'\naccount = "x"\nsecond = "x"\ncarrier = "pw"\n', "utf-8")
    known, problems = load_trunks(file, passwords)
    assert problems == []
    conf.write(trunks.files(known, settings.sip), settings.etc)
    asyncio.run(private.start())
    yield private
    asyncio.run(private.stop())


async def test_we_register_with_the_gateway_by_name_and_password(
    asterisk: PrivateAsterisk, carrier: Carrier
) -> None:
    await until(lambda: "0003" in carrier.registered, 20, "the gateway knows us")
    assert carrier.registered["0003"].startswith("<sip:hikari@127.0.0.1:")
    await until(lambda: _shows(asterisk, "pjsip show registrations", "Registered"), 5, "Asterisk knows it")


async def _shows(asterisk: PrivateAsterisk, command: str, text: str) -> bool:
    return text in await asterisk.cli(command)


@pytest.mark.parametrize(
    ("source", "request_user", "to", "headers", "expected"),
    [
        # An extension of a home gateway: the request names us, To the number.
        (
            "127.0.0.2",
            "hikari",
            '"a:b" <sip:0312345679@192.168.1.1;user=phone>',
            "",
            ["0312345679", "hikari"],
        ),
        ("127.0.0.2", "hikari", "<sip:hikari@192.168.1.1>", "", ["0312345678", "hikari"]),
        ("127.0.0.3", "a1", "<sip:a1@050.example.jp>", "", ["05031859080", "account"]),
        ("127.0.0.4", "+81311112222", None, "", ["+81311112222", "carrier"]),
        ("127.0.0.4", "0399999999", None, "", ["0399999999", "carrier"]),
        (
            "127.0.0.5",
            "x1",
            None,
            "P-Called-Party-ID: <sip:0311113333@ims.example.jp>\r\n",
            ["0311113333", "called"],
        ),
        (
            "127.0.0.6",
            "x1",
            None,
            "Diversion: <sip:0311114444@ims.example.jp>;reason=unconditional\r\n",
            ["0311114444", "diverted"],
        ),
    ],
)
async def test_the_dialled_number_is_found_where_the_carrier_puts_it(
    asterisk: PrivateAsterisk,
    source: str,
    request_user: str,
    to: str | None,
    headers: str,
    expected: list[str],
) -> None:
    async with BareEngine(asterisk) as engine:
        pcma = 8 if source == "127.0.0.5" else 0  # that trunk takes nothing else
        calling = asyncio.create_task(
            asyncio.to_thread(_rings, asterisk, source, request_user, to, headers, pcma)
        )
        start = await engine.take()
        assert start["args"] == expected
        assert start["channel"]["name"].startswith(f"PJSIP/trunk.{expected[1]}-"), (
            "by which calls are counted"
        )
        assert start["channel"]["caller"]["number"] == "09012345678"
        await engine.request("DELETE", f"channels/{start['channel']['id']}")
        await calling


WITHHELD = '"Anonymous" <sip:anonymous@anonymous.invalid>'


@pytest.mark.parametrize(
    ("source", "caller", "number", "endpoint"),
    [
        ("127.0.0.2", WITHHELD, "0312345679", "trunk.hikari"),
        ("127.0.0.9", WITHHELD, "hikari", "anonymous"),
        # A stranger cannot be a carrier by claiming its name.
        ("127.0.0.9", "<sip:trunk.hikari@127.0.0.2>", "hikari", "anonymous"),
    ],
)
async def test_who_withholds_the_number_is_the_carriers_all_the_same(
    asterisk: PrivateAsterisk, source: str, caller: str, number: str, endpoint: str
) -> None:
    def rings() -> None:
        to = "<sip:0312345679@192.168.1.1>"
        with SipCall(asterisk.settings.sip, "hikari", caller=caller, to=to, source=source) as call:
            call.talk(0.8)

    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(rings))
        start = await engine.take()
        assert start["args"][0] == number
        assert start["channel"]["name"].startswith(f"PJSIP/{endpoint}-")
        assert start["channel"]["caller"]["number"] in ("", "anonymous", "trunk.hikari")
        await engine.request("POST", f"channels/{start['channel']['id']}/answer")
        await calling


async def test_two_extensions_of_one_gateway_are_told_apart(
    asterisk: PrivateAsterisk, carrier: Carrier
) -> None:
    """The gateway rings the address that we registered, which says whose it is."""
    await until(lambda: {"0003", "0004"} <= carrier.registered.keys(), 30, "the gateway knows both")
    for user, trunk in (("0003", "hikari"), ("0004", "second")):
        parameters = carrier.registered[user].partition(">")[0].partition(";")[2]
        assert parameters.startswith("line=")
        async with BareEngine(asterisk) as engine:
            calling = asyncio.create_task(
                asyncio.to_thread(_rings_contact, asterisk, trunk, f";{parameters}")
            )
            start = await engine.take()
            assert start["args"] == ["0312345679", trunk]
            await engine.request("DELETE", f"channels/{start['channel']['id']}")
            await calling


def _rings_contact(asterisk: PrivateAsterisk, user: str, parameters: str) -> None:
    to = "<sip:0312345679@192.168.1.1>"
    with SipCall(asterisk.settings.sip, user, to=to, source="127.0.0.2", parameters=parameters) as call:
        call.talk(0.8)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("P-Asserted-Identity: <sip:+819011112222@x>\r\n", "+819011112222"),
        ("P-Asserted-Identity: <sip:+819011112222@x>\r\nPrivacy: none\r\n", "+819011112222"),
        ("P-Asserted-Identity: <sip:+819011112222@x>\r\nPrivacy: id\r\n", ""),
        ("", "09012345678"),
    ],
)
async def test_an_asserted_identity_counts_where_privacy_allows(
    asterisk: PrivateAsterisk, headers: str, expected: str
) -> None:
    async with BareEngine(asterisk) as engine:
        called = f"P-Called-Party-ID: <sip:0311113333@x>\r\n{headers}"
        calling = asyncio.create_task(asyncio.to_thread(_rings, asterisk, "127.0.0.5", "x1", None, called, 8))
        start = await engine.take()
        assert start["channel"]["caller"]["number"] == expected
        await engine.request("DELETE", f"channels/{start['channel']['id']}")
        await calling


def _rings(
    asterisk: PrivateAsterisk, source: str, request_user: str, to: str | None, headers: str, format: int = 0
) -> int:
    who = "<sip:09012345678@carrier.example.jp>"
    with SipCall(
        asterisk.settings.sip, request_user, caller=who, headers=headers, to=to, source=source, format=format
    ) as call:
        if call.status == 200:
            call.talk(0.8)
        return call.status


@pytest.mark.parametrize(
    "source",
    [
        "127.0.0.2",  # a home gateway: tones and nothing else
        "127.0.0.4",  # any carrier that offers no RFC 4733
    ],
)
async def test_keys_come_as_tones_while_a_prompt_plays(asterisk: PrivateAsterisk, source: str) -> None:
    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(_presses, asterisk, source))
        start = await engine.take()
        id = start["channel"]["id"]
        await engine.request("POST", f"channels/{id}/play", {"media": "sound:" + str(_long(asterisk))})
        keys = [(await engine.event("ChannelDtmfReceived"))["digit"] for _ in range(4)]
        assert keys == ["#", "1", "#", "2"]
        await engine.request("DELETE", f"channels/{id}")
        await calling


def _presses(asterisk: PrivateAsterisk, source: str) -> None:
    with SipCall(asterisk.settings.sip, "0311112222", source=source) as call:
        call.talk(1.0)
        for key in "#1#2":
            call.talk(0.15, _tones(key))
            call.talk(0.15)
        call.talk(1.0)


def _long(asterisk: PrivateAsterisk) -> Path:
    return asterisk.settings.sounds / "moh" / "hold"


def _tones(key: str) -> bytes:
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477)
    place = "123456789*0#".index(key)
    at = np.arange(1200) / 8000
    tone = sum(np.sin(2 * np.pi * hertz * at) for hertz in (rows[place // 3], columns[place % 3]))
    return _mu_law(tone * 8000)


def _mu_law(samples: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> bytes:
    """ITU-T G.711."""
    magnitude = np.minimum(np.abs(samples), 32635).astype(int) + 132
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    sign = np.where(samples < 0, 0x80, 0)
    return bytes((~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8))


async def test_a_caller_who_vanishes_is_gone_soon(asterisk: PrivateAsterisk) -> None:
    """Without BYE and without a further packet; `rtp_timeout` is 2 s on this trunk."""
    async with BareEngine(asterisk) as engine:
        calling = asyncio.create_task(asyncio.to_thread(_vanishes, asterisk))
        start = await engine.take()
        await calling
        ended = await engine.event("StasisEnd", patience=15)
        assert ended["channel"]["id"] == start["channel"]["id"]


def _vanishes(asterisk: PrivateAsterisk) -> None:
    call = SipCall(asterisk.settings.sip, "0311112222", source="127.0.0.4").__enter__()
    call.talk(1.0, LOUD)
    call.status = 0  # no BYE
    call.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("trunk", "from_", "request_user"),
    [
        ("hikari", "<sip:3@127.0.0.2>", "0311119999"),
        ("carrier", "<sip:0311112222@127.0.0.2>", "+81311119999"),
    ],
)
async def test_we_ring_somebody_over_a_trunk(
    asterisk: PrivateAsterisk, carrier: Carrier, trunk: str, from_: str, request_user: str
) -> None:
    """By digest, with what the carrier wants to see in From."""
    known, _ = load_trunks(
        asterisk.settings.base.parent / "trunks.yaml", asterisk.settings.base.parent / "passwords.toml"
    )
    before = len(carrier.invited)
    async with BareEngine(asterisk) as engine:
        endpoint = trunks.dial_string(known.by_name[trunk], "+81311119999")
        dial = {"endpoint": endpoint, "app": "ivr-9", "callerId": "0311112222", "channelId": f"out-{trunk}"}
        await engine.request("POST", "channels", dial)
        destroyed = await engine.event("ChannelDestroyed")
        assert destroyed["cause"] == 17, "the carrier said busy"
    (invite,) = carrier.invited[before:]
    assert invite.startswith(f"INVITE sip:{request_user}@127.0.0.2:")
    assert header(invite, "From").partition(";")[0] == from_


async def test_a_session_that_the_carrier_finds_too_short_is_asked_for_again(
    asterisk: PrivateAsterisk, carrier: Carrier
) -> None:
    """RFC 4028: 422 names the least, 30 minutes are too short here."""
    before, carrier.min_se = len(carrier.invited), 3600
    try:
        async with BareEngine(asterisk) as engine:
            endpoint = "PJSIP/0311119999@trunk.carrier"
            await engine.request(
                "POST", "channels", {"endpoint": endpoint, "app": "ivr-9", "channelId": "timed"}
            )
            assert (await engine.event("ChannelDestroyed"))["cause"] == 17, "the carrier said busy"
    finally:
        carrier.min_se = 0
    first, second = carrier.invited[before:]
    assert header(first, "Session-Expires") == "1800"
    assert (header(second, "Session-Expires"), header(second, "Min-SE")) == ("3600", "3600")


# What a carrier answers when we ring somebody, and what it means (RFC 3261 and 3398)
ANSWERS = {
    486: ("busy", "お話し中でした。"),
    600: ("busy", "お話し中でした。"),
    480: ("no_answer", "電源が入っていないか、電波の届かない場所におられます。"),
    603: ("refused", "着信を拒否されたか、事業者の規制により、つながりませんでした。"),
    403: ("refused", "着信を拒否されたか、事業者の規制により、つながりませんでした。"),
    404: ("not_in_use", "この電話番号は、現在使われていません。"),
    484: ("not_in_use", "この電話番号は、現在使われていません。"),
    503: (
        "failed",
        "事業者の設備が混み合っているか、停止しています。しばらくしてからおかけ直しください。",
    ),
    488: ("failed", "事業者と音声の形式が合いません。管理者にご連絡ください。"),
}


async def test_what_a_carrier_answers_is_told_in_words(asterisk: PrivateAsterisk, carrier: Carrier) -> None:
    ari = Ari(asterisk.settings.ari, "ivr-8", conf.ENGINE, asterisk.passwords.engine)
    linked = asyncio.create_task(ari.run(lambda _: None))
    ended: list[str] = []

    async def over(call: AriCall) -> None:
        ended.append(call.id)
        await call.aclose()

    nothing: Any = None
    outside = Outside(way=lambda number, ours: Way(f"PJSIP/{number}@trunk.carrier", "0311112222"))
    outgoing = Outgoing(ari, nothing, Path(), Ways(ari, outside), lambda call: None, over)
    try:
        await until(lambda: ari.connected, 10, "the link")
        told = {}
        for status in ANSWERS:
            carrier.answer = status
            found = await outgoing.ring("+81311119999", 5, id=f"back-{status}-a-aiko", line="desk")
            assert isinstance(found, NotReached)
            told[status] = (found.reason, found.said)
        assert told == ANSWERS
        assert len(ended) == len(ANSWERS)
    finally:
        carrier.answer = 486
        linked.cancel()
        await asyncio.gather(linked, return_exceptions=True)
