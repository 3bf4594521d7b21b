"""TLS and SRTP: a second Asterisk is the carrier, which takes and makes calls over TLS with an encrypted voice only."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ivr.admin import trunks as admin
from ivr.asterisk import conf, trunks
from ivr.asterisk.ari import Ari
from ivr.asterisk.install import AsteriskInstall
from ivr.asterisk.private import PrivateAsterisk
from ivr.asterisk.proving import Proof, Proving, findings
from ivr.clock import SystemClock
from ivr.outside import Way, national
from ivr.settings import Settings, load
from ivr.store import alarms, health
from ivr.store.database import opened
from ivr.store.migrate import migrate
from ivr.trunks.load import Trunks, load_trunks
from tests.asterisk.desk import until
from tests.asterisk.instances import InstancePorts, instance_settings
from tests.asterisk.somebody import Somebody

# `account` is reached over the connection by which it registered, the others by a connection to us.
TRUNKS = """\
tls: {{authorities: ca.pem, certificate: ours.pem, key: ours.key}}
trunks:
  whole: {{template: ip, host: "127.0.4.1:{port}", numbers: [03-1111-0001, 03-1111-0002], {secure}}}
  account:
    {{template: 050-register, user: account, host: "127.0.4.4:{port}", numbers: [050-3185-9080, 03-1111-0004], {secure}}}
  clear:
    {{template: ip, host: "127.0.4.1:{port}", match: [127.0.4.9], numbers: [03-1111-0005, 03-1111-0006], channels: 4,
      transport: tls}}
  stranger:
    {{template: 050-register, user: nobody, host: "127.0.4.2:{port}", numbers: [03-1111-0007], {secure}}}
  misnamed: {{template: ip, host: "127.0.4.3:{port}", numbers: [03-1111-0008], qualify: 3s, {secure}}}
  expired: {{template: ip, host: "127.0.4.5:{port}", numbers: [03-1111-0009], qualify: 3s, {secure}}}
"""
SECURE = "channels: 4, transport: tls, srtp: true"
TRANSPORT = """\
[tls-{name}]
type = transport
protocol = tls
method = tlsv1_2
bind = {host}:{port}
cert_file = {folder}/{name}.pem
priv_key_file = {folder}/{name}.key
"""
# The carrier knows the one by its address, the other by name and password.
CARRIER = """\
[global]
type = global
endpoint_identifier_order = username,ip
[voice](!)
type = endpoint
context = exchange
disallow = all
allow = ulaw
media_encryption = sdes
direct_media = no
rtp_symmetric = yes
rewrite_contact = yes
[customer](voice)
transport = tls-good
aors = customer
[customer]
type = aor
contact = sip:{ours}\\;transport=tls
[customer]
type = identify
endpoint = customer
match = 127.0.0.1
[account](voice)
transport = tls-registrar
aors = account
auth = account
[account]
type = aor
max_contacts = 1
[account]
type = auth
username = account
password = himitsu
"""
EXCHANGE = """\
[exchange]
exten => 05031859080,1,Dial(PJSIP/account,20)
exten => _0311.,1,Dial(PJSIP/${EXTEN}@customer,20)
"""


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _certificates(folder: Path) -> None:
    """The carrier's authority, whom we trust, a stranger's, and who has what of them."""
    fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "other"):
        files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        _openssl(folder, "req", "-x509", *fresh, "-days", "30", "-subj", f"/CN={name}", *files)
    of = {
        "ours": ("ca", "127.0.0.1"),
        "good": ("ca", "127.0.4.1"),
        "registrar": ("ca", "127.0.4.4"),
        "untrusted": ("other", "127.0.4.2"),
        "misnamed": ("ca", "127.0.4.99"),
        "expired": ("ca", "127.0.4.5"),
    }
    for name, (authority, address) in of.items():
        days = "-1" if name == "expired" else "30"
        (folder / "san").write_text(f"subjectAltName=IP:{address}\n")
        _openssl(
            folder, "req", *fresh, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"
        )
        signed = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", days)
        _openssl(
            folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-extfile", "san", "-out", f"{name}.pem"
        )


# Trunk -> what is told of it.
DISTRUSTED = {
    "stranger": "事業者の証明書を信頼できません。trunks.yaml の tls の authorities をご確認ください。"
    "（The certificate is untrusted）",
    "misnamed": "事業者の証明書が、host の名前のものではありません。host をご確認ください。"
    "（The server identity does not match to any identities specified in the certificate）",
    "expired": "事業者の証明書の有効期限が切れているか、有効期間がまだ始まっていません。このサーバーの時計をご確認のうえ、合っていれば事業者にお問い合わせください。"
    "（The certificate has expired or not yet valid）",
}


@dataclass
class Seen:
    proofs: dict[str, Proof]
    states: dict[str, dict[str, Any]]
    health: dict[str, Any]
    alarms: dict[str, str]


@pytest.fixture(scope="module")
def seen(asterisk_install: AsteriskInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    base = tmp_path_factory.mktemp("tls")
    _certificates(base)
    private = PrivateAsterisk(asterisk_install, instance_settings(base))
    host, _, sip = private.settings.sip.partition(":")
    ports = InstancePorts()
    places = {
        "good": "127.0.4.1",
        "untrusted": "127.0.4.2",
        "misnamed": "127.0.4.3",
        "expired": "127.0.4.5",
        "registrar": "127.0.4.4",
    }
    transports = "".join(
        TRANSPORT.format(name=name, folder=base, host=address, port=ports.first)
        for name, address in places.items()
    )
    files = {
        "pjsip.conf": transports + CARRIER.format(ours=f"{host}:{int(sip) + 1}"),
        "extensions.conf": EXCHANGE,
        "modules.conf": conf.render(private.settings, asterisk_install, private.passwords, base)[
            "modules.conf"
        ],
    }
    (base / "trunks.yaml").write_text(TRUNKS.format(port=ports.first, secure=SECURE), "utf-8")
    (base / "trunk-passwords.toml").touch(0o600)
    (base / "trunk-passwords.toml").write_text('account = "himitsu"\nstranger = "x"\n')
    known, problems = load_trunks(base / "trunks.yaml", base / "trunk-passwords.toml")
    assert problems == []
    conf.write(trunks.files(known, private.settings.sip), private.settings.etc)
    (base / "carrier").mkdir()
    carrier = Somebody(asterisk_install, base / "carrier", files)
    try:
        asyncio.run(private.start())
        yield asyncio.run(_look(private, carrier, known, base))
    finally:
        asyncio.run(private.stop())
        carrier.stop()


async def _look(private: PrivateAsterisk, carrier: Somebody, known: Trunks, base: Path) -> Seen:
    await carrier.booted()
    environ = {"IVR_DATA": str(base), "IVR_TRUNKS": f"{base}/trunks.yaml"}
    settings = load(environ)
    migrate(settings.database_url)
    states: dict[str, dict[str, Any]] = {}

    async def settled() -> bool:
        states.update({one["trunk"]: one for one in await admin.states(settings)})
        return states["account"]["state"] == "registered" and all(
            "証明書" in states[name]["reason"] for name in DISTRUSTED
        )

    await until(settled, 60, "it is known of each carrier how it stands")
    names = ("whole", "clear", "account")
    proofs = await asyncio.gather(*(_prove(private, known, name) for name in names))
    return Seen(dict(zip(names, proofs, strict=True)), states, *await _told(settings))


async def _prove(private: PrivateAsterisk, known: Trunks, name: str) -> Proof:
    number, shown = known.by_name[name].model.numbers
    ari = Ari(private.settings.ari, f"ivr-test-{name}", conf.ENGINE, private.passwords.engine)  # type: ignore[arg-type]
    proving = Proving(ari, number, shown)
    link = asyncio.create_task(ari.run(proving.on_event))
    try:
        await until(lambda: ari.connected, 10, "the link")
        return await proving.run(Way(trunks.dial_string(known.by_name[name], number), national(shown)))
    finally:
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)


async def _told(settings: Settings) -> tuple[dict[str, Any], dict[str, str]]:
    """What /readyz answers of the trunks, and the alarms."""
    async with opened(settings.database_url) as store:
        looking = asyncio.create_task(admin.Watching(settings, store, SystemClock()).run())
        try:

            async def row() -> bool:
                async with store.read() as db:
                    return await health.get(db, "trunks") is not None

            await until(row, 30, "the look at the trunks")
            async with store.read() as db:
                found = await health.get(db, "trunks")
                assert found is not None and found.ok is False
                return found.detail, {one.key: one.text for one in await alarms.standing(db)}
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


@pytest.mark.parametrize(
    ("name", "arrived"), [("whole", "0311110002 to 0311110001"), ("account", "0311110004 to 05031859080")]
)
def test_a_call_over_tls_with_an_encrypted_voice_is_heard_and_understood_both_ways(
    seen: Seen, name: str, arrived: str
) -> None:
    found = [("ok " if one.ok else "BAD ") + one.what for one in findings(seen.proofs[name])]
    assert found[1:] == [
        f"ok came back as a call of {arrived}",
        "ok codec: ulaw out, ulaw in",
        "ok audio out was heard",
        "ok audio in was heard",
        "ok keys out arrived: #12",
        "ok keys in arrived: #12",
    ], found


def test_a_voice_in_clear_is_refused_by_such_a_carrier_and_said(seen: Seen) -> None:
    (found,) = findings(seen.proofs["clear"])
    assert found.what == "not answered (SIP 488): 事業者と音声の形式が合いません。管理者にご連絡ください。"
    assert "`srtp`" in found.todo


def test_a_wrong_certificate_is_refused_and_said_in_plain_words(seen: Seen) -> None:
    """By `ivr trunk list`, /readyz and an alarm."""
    states = {name: (one["state"], one["reason"]) for name, one in seen.states.items()}
    assert states["account"] == ("registered", "")
    for name, reason in DISTRUSTED.items():
        assert states[name] == ("unreachable", reason)
        assert seen.health[name] == {"state": "unreachable", "reason": reason}
    assert seen.alarms == {
        f"trunk:{name}": f"外線「{name}」で、着信または発信ができません。{reason}"
        for name, reason in DISTRUSTED.items()
    }
