"""trunks.yaml: what is read, what is refused and how it is said, and what its carriers' answers mean."""

import subprocess
from datetime import date
from pathlib import Path

import pytest

from ivr.asterisk import registrations, trunks
from ivr.asterisk.trunks import LiveTrunks
from ivr.checking import check_directory
from ivr.cli import main
from ivr.outside import Way
from ivr.settings import load
from ivr.trunks.load import load_trunks
from ivr.trunks.model import TrunkModel

ROOT = Path(__file__).parents[2]
GATEWAY = '{template: hikari-hgw, host: 192.168.1.1, user: "0003", numbers: [03-1234-5678], channels: 2}'


def problems_of(tmp_path: Path, text: str, passwords: str = 'hikari = "x"\n', mode: int = 0o600) -> list[str]:
    file, secret = tmp_path / "trunks.yaml", tmp_path / "trunk-passwords.toml"
    file.write_text(text, "utf-8")
    secret.write_text(passwords, "utf-8")
    secret.chmod(mode)
    return [str(problem) for problem in load_trunks(file, secret)[1]]


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    found, problems = load_trunks(None, tmp_path / "nothing")
    assert (dict(found.by_name), problems) == ({}, [])


def test_a_gateway_needs_little(tmp_path: Path) -> None:
    assert problems_of(tmp_path, f"trunks:\n  hikari: {GATEWAY}\n") == []
    found, _ = load_trunks(tmp_path / "trunks.yaml", tmp_path / "trunk-passwords.toml")
    model = found.by_name["hikari"].model
    assert (model.registration, model.called_number, model.dtmf) == (True, "to", "inband")
    assert (model.sender, model.sources, model.numbers) == ("3", ("192.168.1.1",), ("+81312345678",))
    sip = trunks.render_sip(found, None)
    assert "\nrtp_timeout = 30\n" in sip, "who vanishes is gone within 35 s"
    assert "\nrtp_timeout_hold = 600\n" in sip, "who vanishes on hold, after ten minutes"
    assert found.of_number("+81312345678") is found.by_name["hikari"]
    assert found.of_number("+81312345679") is None
    assert "himitsu" not in repr(found) and '"x"' not in repr(found)


def test_what_is_written_wins_over_the_template(tmp_path: Path) -> None:
    text = f"trunks:\n  hikari: {GATEWAY[:-1]}, dtmf: auto, registration: false, from_user: '7'}}\n"
    assert problems_of(tmp_path, text) == []
    model = (
        load_trunks(tmp_path / "trunks.yaml", tmp_path / "trunk-passwords.toml")[0].by_name["hikari"].model
    )
    assert (model.registration, model.dtmf, model.sender) == (False, "auto", "7")


def test_everything_wrong_is_said_at_once_with_its_place(tmp_path: Path) -> None:
    text = (
        "trunks:\n"
        "  hikari:\n"
        "    template: hikari-hgv\n"
        "    host: 192.168.1.1/24\n"
        "    numbers: [03-1234]\n"
        "    channels: 0\n"
        "    rpt_timeout: 30s\n"
        "    qualify: 60\n"
    )
    assert problems_of(tmp_path, text) == [
        'trunks.yaml:3:15: trunk "hikari": template: "hikari-hgv" is not known; did you mean "hikari-hgw"?',
        'trunks.yaml:4:11: trunk "hikari": host: "192.168.1.1/24" is no host; write for example "192.168.1.1" or "sip.example.jp:5060"',
        'trunks.yaml:5:15: trunk "hikari": numbers: "03-1234" is no Japanese telephone number; write it with its area code, like 050-3185-9080',
        'trunks.yaml:6:15: trunk "hikari": channels: 0 is too small; at least 1',
        'trunks.yaml:8:14: trunk "hikari": qualify: "60" has no unit; did you mean "60s"?',
        'trunks.yaml:7:5: trunk "hikari": unknown key "rpt_timeout"; did you mean "rtp_timeout"?',
    ]


def test_what_is_wrong_between_trunks_is_said_beside_what_is_wrong_in_one(tmp_path: Path) -> None:
    text = (
        "trunks:\n"
        "  bad: {template: ip, host: a.jp, numbers: [03-1], channels: 2}\n"
        "  one: {template: ip, host: b.jp, numbers: [03-1234-5678], channels: 2, user: me}\n"
        "  two: {template: ip, host: b.jp, numbers: [03-1234-5678], channels: 2}\n"
    )
    told = [problem.partition(': trunk "')[2] for problem in problems_of(tmp_path, text)]
    assert told == [
        'bad": numbers: "03-1" is no Japanese telephone number; write it with its area code, like 050-3185-9080',
        'two": numbers: trunk "one" has this number already',
        'two": calls of trunk "one" come from b.jp, too; tell them apart by "match"',
        f'one": user: no password; write one = "…" into {tmp_path}/trunk-passwords.toml',
    ]
    (tmp_path / "trunk-passwords.toml").chmod(0o644)
    told = [
        str(problem)
        for problem in load_trunks(tmp_path / "trunks.yaml", tmp_path / "trunk-passwords.toml")[1]
    ]
    assert len(told) == 4 and "others may read it" in told[3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trunks: {Hikari: {}}", "no name"),
        ("trunk: {}", 'did you mean "trunks"?'),
        ("- a", 'this file needs the key "trunks"'),
        ("trunks: [", "YAML"),
        (f"trunks: {{hikari: {GATEWAY}, two: {GATEWAY}}}", 'trunk "hikari" has this number already'),
        (
            "trunks:\n"
            "  one: {template: ip, host: a.jp, numbers: [03-1234-5678], channels: 2}\n"
            "  two: {template: ip, host: a.jp, numbers: [03-1234-5679], channels: 2}\n",
            'calls of trunk "one" come from a.jp, too; tell them apart by "match"',
        ),
        (f"trunks: {{other: {GATEWAY}}}", 'no password; write other = "…" into /'),
        (
            "trunks: {hikari: {template: hikari-hgw, host: h, numbers: [03-1234-5678], channels: 2}}",
            '"user" is missing',
        ),
        (f"trunks: {{hikari: {GATEWAY[:-1]}, srtp: true}}}}", '"srtp" needs "transport: tls"'),
        (f"trunks: {{hikari: {GATEWAY[:-1]}, rtp_timeout: 0s}}}}", "from 1s to 1h"),
        (f"trunks: {{hikari: {GATEWAY[:-1]}, user: 'a;b'}}}}", "given twice"),
        (GATEWAY.replace("0003", "a b").join(("trunks: {hikari: ", "}")), "cannot be a user name of SIP"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in problem for problem in problems_of(tmp_path, text)), problems_of(tmp_path, text)


def test_passwords_that_others_may_read_are_not_taken(tmp_path: Path) -> None:
    text = f"trunks:\n  hikari: {GATEWAY}\n"
    (problem,) = problems_of(tmp_path, text, mode=0o644)
    assert f"others may read it: chmod 600 {tmp_path}/trunk-passwords.toml" in problem
    (problem,) = problems_of(tmp_path, text, "hikari = 5\n")
    assert 'hikari has no password; write hikari = "…"' in problem


TLS = "{template: ip, host: sip.example.jp, numbers: [03-1234-5678], channels: 2, transport: tls, srtp: true}"


def test_what_is_encrypted_needs_a_certificate_where_the_carrier_rings_us(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, f"trunks:\n  one: {TLS}\n")
    assert problem == (
        'trunks.yaml:2:94: warning: trunk "one": transport: this carrier cannot ring us over TLS without a certificate '
        "of ours: beside `trunks`, `tls: {certificate: ours.pem, key: ours.key}`; an Asterisk that was there before has "
        "its own"
    )
    registered = TLS[:-1] + ", user: me, registration: true}"
    assert problems_of(tmp_path, f"trunks:\n  hikari: {registered}\n") == []
    found, _ = load_trunks(tmp_path / "trunks.yaml", tmp_path / "trunk-passwords.toml")
    written = trunks.render_sip(found, "192.0.2.1:5060")
    assert "bind = 192.0.2.1:5061\n" in written and "verify_server = yes\n" in written
    assert (
        "ca_list_file = /etc/ssl/certs/ca-certificates.crt\n" in written + "\n" and "cert_file" not in written
    )
    assert "media_encryption = sdes" in written


def test_certificates_are_tried_before_asterisk_gets_them(tmp_path: Path) -> None:
    text = f"tls: {{authorities: ca.pem, certificate: a.pem, key: a.key}}\ntrunks:\n  one: {TLS}\n"
    told = problems_of(tmp_path, text)
    assert [one.partition(": ")[0] for one in told] == ["trunks.yaml:1:20", "trunks.yaml:1:41"]
    assert f"{tmp_path}/ca.pem holds no certificates: No such file or directory" in told[0]
    assert f"{tmp_path}/a.pem and {tmp_path}/a.key are no certificate and its key" in told[1]
    subject = ["-nodes", "-subj", "/CN=a", "-pkeyopt", "ec_paramgen_curve:P-256", "-newkey", "ec"]
    for name in ("a", "b"):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(["openssl", "req", "-x509", *subject, *files], cwd=tmp_path, check=True)
    (tmp_path / "ca.pem").write_text("x")
    told = problems_of(tmp_path, text.replace("a.key", "b.key"))
    assert "ca.pem holds no certificates" in told[0] and "a.pem and" in told[1] and len(told) == 2
    (tmp_path / "ca.pem").write_bytes((tmp_path / "b.pem").read_bytes())
    assert problems_of(tmp_path, text) == []
    found, _ = load_trunks(tmp_path / "trunks.yaml", tmp_path / "none")
    written = trunks.render_sip(found, "192.0.2.1:5060")
    for option, name in (("ca_list_file", "ca.pem"), ("cert_file", "a.pem"), ("priv_key_file", "a.key")):
        assert f"{option} = {tmp_path}/{name}\n" in written + "\n"
    assert problems_of(tmp_path, text.replace(", key: a.key", ""))[0].endswith(
        '"certificate" and "key" go together'
    )


def test_a_password_cannot_break_out_of_its_line(tmp_path: Path) -> None:
    assert problems_of(tmp_path, f"trunks:\n  hikari: {GATEWAY}\n", 'hikari = "a;b\\\\c[x]"\n') == []
    found, _ = load_trunks(tmp_path / "trunks.yaml", tmp_path / "trunk-passwords.toml")
    assert "\npassword = a\\;b\\c[x]\n" in trunks.render_sip(found, "127.0.0.1:5060")
    assert problems_of(tmp_path, f"trunks:\n  hikari: {GATEWAY}\n", 'hikari = "a\\nb"\n') != []


SHOWN = """
 <Registration/ServerURI..............................>  <Auth....................>  <Status.......>
==========================================================================================

 trunk.bad/sip:127.0.0.2:38904                           trunk.bad                   Rejected          (exp. 23s)
 trunk.gone/sip:127.0.0.9:9                              trunk.gone                  Unregistered      (exp. 3s ago)
 trunk.good/sip:127.0.0.3:38904                          trunk.good                  Registered        (exp. 270s)
 trunk.shut/sip:127.0.0.4:38904                          trunk.shut                  Rejected          (exp. 28s)
 trunk.unknown/sip:127.0.0.5:38904                       trunk.unknown               Rejected          (exp. 28s)
 trunk.late/sip:127.0.0.6:38904                          trunk.late                  Rejected          (exp. 28s)
 trunk.forged/sip:sip.example.jp:5061;transport=tls      trunk.forged                Rejected          (exp. 28s)
 trunk.mended/sip:127.0.0.8:5061;transport=tls           trunk.mended                Rejected          (exp. 28s)
 trunk.deaf/sip:127.0.0.10:38904                         trunk.deaf                  Registered        (exp. 28s)

Objects found: 9
"""
CONTACTS = """
  Contact:  <Aor/ContactUri..............................> <Hash....> <Status> <RTT(ms)..>
==========================================================================================

  Contact:  aiko/sip:aiko@127.0.0.1:5070                   1459c43239 Unavail      -nan
  Contact:  trunk.good/sip:127.0.0.3:38904                 1459c43239 Avail       0.512
  Contact:  trunk.deaf/sip:127.0.0.10:38904                b803d1b8fe Unavail      -nan
  Contact:  trunk.there/sip:127.0.0.11                     1c249cc85b Avail      12.345
  Contact:  trunk.away/sip:127.0.0.12                      1c249cc85c Unavail      -nan
  Contact:  trunk.expired/sip:127.0.0.13:5061;transport=tl 1c249cc85d Unavail      -nan
  Contact:  trunk.new/sip:127.0.0.14                       1c249cc85e NonQual      -nan
"""
# As Asterisk 22.10.1 writes it
SAID = """
WARNING res_pjsip_outbound_registration.c: Temporal response '401' received from 'sip:127.0.0.2:38904' on registration attempt to 'sip:4@127.0.0.2', retrying in '30'
WARNING res_pjsip_outbound_registration.c: 403 Forbidden fatal response received from 'sip:127.0.0.4:38904' on registration attempt to 'sip:3@127.0.0.2', retrying in '30' seconds
WARNING res_pjsip_outbound_registration.c: '404' fatal response received from 'sip:127.0.0.5:38904' on registration attempt to 'sip:3@127.0.0.2', retrying in '30' seconds
WARNING res_pjsip_outbound_registration.c: Temporal response '401' received from 'sip:127.0.0.6:38904' on registration attempt to 'sip:4@127.0.0.2', retrying in '30'
WARNING res_pjsip_outbound_registration.c: No response received from 'sip:127.0.0.6:38904' on registration attempt to 'sip:4@127.0.0.2', retrying in '30'
ERROR res_pjsip/pjsip_transport_events.c: Transport 'transport-tls' to remote '127.0.0.8' - 127.0.0.8:5061 - The certificate is untrusted
WARNING res_pjsip_outbound_registration.c: No response received from 'sip:127.0.0.8:5061;transport=tls' on registration attempt to 'sip:4@127.0.0.8', retrying in '30'
WARNING res_pjsip_outbound_registration.c: Temporal response '403' received from 'sip:127.0.0.8:5061;transport=tls' on registration attempt to 'sip:4@127.0.0.8', retrying in '30'
ERROR res_pjsip/pjsip_transport_events.c: Transport 'transport-tls' to remote 'sip.example.jp' - 192.0.2.1:5061 - The server identity does not match to any identities specified in the certificate
WARNING res_pjsip_outbound_registration.c: No response received from 'sip:sip.example.jp:5061;transport=tls' on registration attempt to 'sip:4@sip.example.jp', retrying in '30'
ERROR res_pjsip/pjsip_transport_events.c: Transport 'transport-tls' to remote '127.0.0.13' - 127.0.0.13:5061 - The certificate has expired or not yet valid
"""


def test_a_carriers_answer_is_told_in_plain_words() -> None:
    found = registrations.read(SHOWN, CONTACTS, SAID)
    assert {name: one.state for name, one in found.items()} == {
        "good": "registered",
        "there": "reachable",
        "deaf": "unreachable",
        "away": "unreachable",
        "expired": "unreachable",
        "bad": "refused",
        "gone": "unreachable",
        "shut": "refused",
        "unknown": "refused",
        "late": "unreachable",
        "forged": "unreachable",
        "mended": "refused",
    }
    for name, said in {
        "bad": "パスワードが違います。",
        "shut": "登録を断られました。",
        "unknown": "登録されていません。",
        "gone": "応答がありません。",
        "late": "応答がありません。",
        "mended": "登録を断られました。",
        "forged": "証明書が、host の名前のものではありません。",
        "expired": "証明書の有効期限が切れているか、",
        "deaf": "qualify: 0s としてください。",
        "away": "qualify: 0s としてください。",
    }.items():
        assert said in found[name].reason, name
    assert "401" in found["bad"].reason
    assert found["good"].reason == found["there"].reason == ""


def test_every_key_of_a_trunk_is_documented() -> None:
    page = (ROOT / "docs" / "operator" / "trunks.md").read_text("utf-8")
    assert [name for name in TrunkModel.model_fields if f"`{name}`" not in page] == []


def test_who_is_rung_goes_over_the_trunk_of_the_number_that_was_called(tmp_path: Path) -> None:
    (tmp_path / "trunks.yaml").write_text(
        "trunks:\n"
        "  one: {template: ip, host: a.example.jp, numbers: [03-1234-5678], channels: 9, barred: [050]}\n"
        "  two: {template: ip, host: b.example.jp, numbers: [03-1234-5679], channels: 9, spelling: '81',\n"
        "    default_line: shop}\n",
        "utf-8",
    )
    live = LiveTrunks(load({"IVR_DATA": str(tmp_path), "IVR_TRUNKS": str(tmp_path / "trunks.yaml")}))
    two = Way("PJSIP/81311112222@trunk.two", "0312345679", "trunk.two", 9)
    assert live.way("+81311112222", "+81312345679") == two
    # A number that no trunk has is not shown on one.
    one = Way("PJSIP/0311112222@trunk.one", "0312345678", "trunk.one", 9)
    assert live.way("+81311112222", "+81399999999") == one
    assert live.way("+815031859080", "+81312345678") == "barred"
    assert (live.default_line("two"), live.default_line("one"), live.default_line("")) == ("shop", None, None)
    (tmp_path / "trunks.yaml").write_text("trunks: [", "utf-8")
    live.reload()
    assert live.default_line("two") == "shop", "the last good one stays"


DESK = """\
line: {tenant: shop, name: 総合受付, numbers: ["03-1234-5678"], capacity: 4}
start: thanks
steps:
  thanks: {type: play, say: お電話ありがとうございました。, next: bye}
  bye: {type: hangup}
"""


def test_the_check_holds_trunks_against_the_lines(tmp_path: Path) -> None:
    (tmp_path / "dialplans").mkdir()
    (tmp_path / "dialplans" / "desk.yaml").write_text(DESK, "utf-8")
    (tmp_path / "trunks.yaml").write_text(
        "trunks:\n"
        "  few: {template: ip, host: a.example.jp, numbers: [03-1234-5678], channels: 5}\n"
        "  lost: {template: ip, host: b.example.jp, numbers: [03-1234-5679], channels: 9, default_line: desc}\n"
        "  bad: {template: ip, host: c.example.jp, numbers: [03-1234-5670], channels: 0}\n",
        "utf-8",
    )
    settings = load(
        {
            "IVR_DATA": str(tmp_path),
            "IVR_DIALPLANS": str(tmp_path / "dialplans"),
            "IVR_TRUNKS": str(tmp_path / "trunks.yaml"),
        }
    )
    said = [str(problem) for problem in check_directory(settings, date(2026, 11, 24))]
    assert said == [
        'trunks.yaml:4:78: trunk "bad": channels: 0 is too small; at least 1',
        'trunks.yaml:2:78: warning: trunk "few": channels: 5 channels are too few for the capacity of desk; '
        "with fewer than 6 the carrier says busy to callers who could have left a message",
        'trunks.yaml:3:96: trunk "lost": default_line: there is no line "desc"; did you mean "desk"?',
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hikary"], 'there is no trunk hikary; did you mean "hikari"?'),
        (
            ["hikari", "--number", "x"],
            "x is none of our numbers as which a call arrives: 03-1234-5678, 050-3185-9080",
        ),
        # The carrier names the account, which is always the first number.
        (["account", "--number", "03-1234-5679"], "as which a call arrives: 050-3185-9080, 03-1234-5678"),
    ],
)
def test_what_cannot_be_tested_is_said_before_anything_rings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    account = (
        "{template: 050-register, host: h, user: u, numbers: [050-3185-9080, 03-1234-5679], channels: 2}"
    )
    text = f"trunks:\n  hikari: {GATEWAY}\n  account: {account}\n"
    assert problems_of(tmp_path, text, 'hikari = "x"\naccount = "x"\n') == []
    monkeypatch.setenv("IVR_DATA", str(tmp_path))
    monkeypatch.setenv("IVR_TRUNKS", str(tmp_path / "trunks.yaml"))
    assert main(["trunk", "test", *arguments]) == 78
    assert said in capsys.readouterr().err
