"""`ivr trunk test` on a real Asterisk: carriers on loopback that bring the call back whole, in part, or not at all."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ivr import orders
from ivr.admin import trunks as admin
from ivr.asterisk import conf, trunks
from ivr.asterisk.ari import Ari
from ivr.asterisk.install import AsteriskInstall
from ivr.asterisk.private import PrivateAsterisk
from ivr.asterisk.proving import Proof, Proving, findings
from ivr.clock import SystemClock
from ivr.errors import AsteriskError
from ivr.outside import Way
from ivr.settings import Settings, load
from ivr.store.database import opened
from ivr.store.migrate import migrate
from ivr.store.tables import Order
from ivr.trunks.load import Trunks, load_trunks
from tests.asterisk.carrier import Carrier, Exchange
from tests.asterisk.desk import until
from tests.asterisk.instances import instance_settings

Carriers = dict[str, Carrier]
RING = {"silent": 3.0}


def carriers_of(sip: str) -> Carriers:
    """By the name of their trunk."""
    return {
        "whole": Exchange("127.0.1.1", sip),
        "tones": Exchange("127.0.1.2", sip),
        "one_way": Exchange("127.0.1.3", sip, lost={"in"}),
        "other_way": Exchange("127.0.1.4", sip, lost={"out"}),
        "withheld": Exchange("127.0.1.5", sip, shows="anonymous"),
        "misplaced": Exchange("127.0.1.6", sip),
        "busy": Carrier("127.0.1.7", {}, 486),
        "full": Carrier("127.0.1.8", {}, 503),
        "declines": Carrier("127.0.1.9", {}, 603),
        "silent": Carrier("127.0.1.10", {}, 0),
        "late": Exchange("127.0.1.11", sip, after=3.0),
        "commanded": Exchange("127.0.1.12", sip),
        "narrow": Exchange("127.0.1.13", sip),
        # With these we register.
        "knows": Carrier("127.0.1.14", {"me": "secret"}),
        "doubts": Carrier("127.0.1.15", {"me": "another"}),
        "forbids": Carrier("127.0.1.16", {}, refuse=403),
        "knows_not": Carrier("127.0.1.17", {}, refuse=404),
        "overrun": Carrier("127.0.1.18", {}, refuse=503),
    }


SAYS = {
    "tones": ", dtmf: inband, codecs: [alaw]",
    "misplaced": ", called_number: fixed",  # always the first of ours
}
REGISTERED = {
    "knows": ("registered", ""),
    "doubts": (
        "refused",
        "ユーザー名またはパスワードが違います。trunks.yaml の user と、パスワードのファイルをご確認ください。"
        "（事業者の応答 401）",
    ),
    "forbids": (
        "refused",
        "事業者に登録を断られました。契約、ユーザー名、発信元のアドレスをご確認ください。（事業者の応答 403）",
    ),
    "knows_not": (
        "refused",
        "この番号やユーザー名は、事業者に登録されていません。user と from_user をご確認ください。（事業者の応答 404）",
    ),
    "overrun": (
        "refused",
        "事業者の設備が混み合っているか、停止しています。自動で再試行します。（事業者の応答 503）",
    ),
}


Registrations = dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def found(
    asterisk_install: AsteriskInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Registrations, dict[str, Proof]]]:
    """All of them beside each other."""
    base = tmp_path_factory.mktemp("proved")
    settings = instance_settings(base)
    private = PrivateAsterisk(asterisk_install, settings)
    with ExitStack() as stack:
        carriers = carriers_of(settings.sip)
        for carrier in carriers.values():
            stack.enter_context(carrier)
        conf.write(trunks.files(_trunks(base, carriers), settings.sip), settings.etc)
        asyncio.run(private.start())
        try:
            yield asyncio.run(_all(private, _trunks(base, carriers)))
        finally:
            asyncio.run(private.stop())


@pytest.fixture(scope="module")
def proofs(found: tuple[Registrations, dict[str, Proof]]) -> dict[str, Proof]:
    return found[1]


def _trunks(base: Path, carriers: Carriers) -> Trunks:
    rows = [
        f'  {name}: {{template: ip, host: "{carrier.address}", channels: {1 if name == "narrow" else 2}, '
        f"numbers: [03-11{place:02}-0001, 03-11{place:02}-0002]{SAYS.get(name, '')}"
        f"{', user: me, registration: true' if name in REGISTERED else ''}}}\n"
        for place, (name, carrier) in enumerate(carriers.items())
    ]
    file = base / "trunks.yaml"
    file.write_text("trunks:\n" + "".join(rows), "utf-8")
    passwords = base / "trunk-passwords.toml"
    passwords.touch(0o600)
    passwords.write_text("".join(f'{name} = "secret"\n' for name in REGISTERED), "utf-8")
    found, problems = load_trunks(file, passwords)
    assert problems == []
    return found


async def _all(asterisk: PrivateAsterisk, known: Trunks) -> tuple[Registrations, dict[str, Proof]]:
    names = [name for name in known.by_name if name not in ("commanded", "narrow", *REGISTERED)]
    standing, commanded, *proofs = await asyncio.gather(
        _standing(asterisk), _command(asterisk), *(_prove(asterisk, known, name) for name in names)
    )
    return standing, {"commanded": commanded, **dict(zip(names, proofs, strict=True))}


async def _standing(asterisk: PrivateAsterisk) -> Registrations:
    """As `ivr trunk list` tells it as soon as each carrier has answered."""

    async def all_have_answered() -> Registrations | None:
        rows = {row["trunk"]: row for row in await admin.states(settings_of(asterisk))}
        found = {name: (rows[name]["state"], rows[name]["reason"]) for name in REGISTERED}
        return found if all(state != "unreachable" for state, _ in found.values()) else None

    standing: Registrations = await until(all_have_answered, 60, "each carrier has answered the registration")
    return standing


async def _command(asterisk: PrivateAsterisk) -> Proof:
    """What `ivr trunk test` does, with an engine that does what it is told and nothing else."""
    told: list[Order] = []

    async def carry_out(order: Order) -> None:
        told.append(order)

    settings = settings_of(asterisk)
    migrate(settings.database_url)
    async with opened(settings.database_url) as store:
        clock = SystemClock()
        engine = asyncio.create_task(orders.serve(settings.run, store, clock, "engine", carry_out))
        try:
            began = clock.now()
            proof = await admin.test(settings, "commanded", None)
            with pytest.raises(AsteriskError, match="needs 2 free channels of the trunk, which has 1, and 0"):
                await admin.test(settings, "narrow", None)
        finally:
            engine.cancel()
            await asyncio.gather(engine, return_exceptions=True)
    assert [(one.kind, one.data["number"], one.data["shown"]) for one in told] == [
        ("trunk_test", "+81311110002", "+81311110001")
    ] * 2
    first, last = (datetime.fromisoformat(one.data["until"]) for one in told)
    assert first - began < timedelta(seconds=70), "no caller of ours is left alone for long"
    assert last <= clock.now(), "and it is over with the test"
    return proof


def settings_of(asterisk: PrivateAsterisk) -> Settings:
    data = asterisk.settings.base.parent
    where = {"IVR_DATA": str(data), "IVR_ARI": str(asterisk.settings.ari)}
    return load({**where, "IVR_TRUNKS": f"{data}/trunks.yaml"})


async def _prove(asterisk: PrivateAsterisk, known: Trunks, name: str) -> Proof:
    shown, number = known.by_name[name].model.numbers
    ari = Ari(asterisk.settings.ari, f"ivr-test-{name}", conf.ENGINE, asterisk.passwords.engine)  # type: ignore[arg-type]
    proving = Proving(ari, number, shown)
    link = asyncio.create_task(ari.run(proving.on_event))
    try:
        await until(lambda: ari.connected, 10, "the link")
        way = Way(trunks.dial_string(known.by_name[name], number), "0" + shown.removeprefix("+81"))
        return await proving.run(way, RING.get(name, 30.0))
    finally:
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)


def test_what_a_carrier_answers_to_a_registration_is_told_in_words(
    found: tuple[Registrations, dict[str, Proof]],
) -> None:
    assert found[0] == REGISTERED


def said(proof: Proof) -> list[str]:
    return [("ok " if one.ok else "BAD ") + one.what for one in findings(proof)][1:]


def test_a_call_that_comes_back_whole(proofs: dict[str, Proof]) -> None:
    assert said(proofs["whole"]) == [
        "ok came back as a call of 0311000001 to 0311000002",
        "ok codec: ulaw out, ulaw in",
        "ok audio out was heard",
        "ok audio in was heard",
        "ok keys out arrived: #12",
        "ok keys in arrived: #12",
    ]
    assert findings(proofs["whole"])[0].what.startswith("answered after ")


def test_the_command_has_the_engine_leave_the_call_to_it(proofs: dict[str, Proof]) -> None:
    assert said(proofs["commanded"])[0] == "ok came back as a call of 0311110001 to 0311110002"
    assert all(one.ok for one in findings(proofs["commanded"]))


def test_a_carrier_that_answers_late(proofs: dict[str, Proof]) -> None:
    assert 3.0 <= (proofs["late"].answered_after or 0) < 30
    assert all(one.ok for one in findings(proofs["late"])), said(proofs["late"])


def test_keys_as_tones_and_a_codec_of_its_own(proofs: dict[str, Proof]) -> None:
    assert said(proofs["tones"])[1:] == [
        "ok codec: alaw out, alaw in",
        "ok audio out was heard",
        "ok audio in was heard",
        "ok keys out arrived: #12",
        "ok keys in arrived: #12",
    ]


@pytest.mark.parametrize(("name", "lost", "kept"), [("one_way", "in", "out"), ("other_way", "out", "in")])
def test_audio_that_is_lost_on_one_way(proofs: dict[str, Proof], name: str, lost: str, kept: str) -> None:
    found = said(proofs[name])
    assert f"BAD audio {lost} was not heard" in found
    assert f'BAD keys {lost}: of "#12" arrived ""' in found
    assert f"ok audio {kept} was heard" in found
    assert f"ok keys {kept} arrived: #12" in found


def test_a_call_that_comes_back_as_another(proofs: dict[str, Proof]) -> None:
    """Such a call is one like any other to the engine."""
    (withheld,) = said(proofs["withheld"])
    assert withheld.startswith(
        "BAD no call of 0311040001 came to 0311040002, but one that shows another number"
    )
    (misplaced,) = said(proofs["misplaced"])
    assert misplaced == "BAD it came back for 0311050001 instead of 0311050002, and was treated as a caller"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("busy", "not answered (SIP 486): お話し中でした。"),
        (
            "full",
            "not answered (SIP 503): 事業者の設備が混み合っているか、停止しています。しばらくしてからおかけ直しください。",
        ),
        (
            "declines",
            "not answered (SIP 603): 着信を拒否されたか、事業者の規制により、つながりませんでした。",
        ),
        ("silent", "not answered: 応答がありませんでした。"),
    ],
)
def test_a_carrier_that_refuses_is_told_with_what_to_do(
    proofs: dict[str, Proof], name: str, what: str
) -> None:
    (found,) = findings(proofs[name])
    assert (found.ok, found.what) == (False, what)
    assert found.todo
