"""Asterisk 20 and 22: what of Asterisk is written into its files is in both, and what came late is asked for or refused.

The lists are of Asterisk 20.15; when came what, says its ChangeLogs/ChangeLog-20.*.md.
"""

import re
from pathlib import Path

import pytest

from ivr.asterisk import conf, trunks
from ivr.asterisk.bundle import SCRIPT, BundleLine, render_dialplan
from ivr.asterisk.conf import AgentTelephone
from ivr.asterisk.install import AsteriskInstall, require_recent
from ivr.errors import AsteriskError
from ivr.trunks.load import load_trunks
from tests.unit.test_asterisk_conf import PASSWORDS, SETTINGS

APPLICATIONS = set(
    [
        "AGI",
        "Answer",
        "AudioSocket",
        "Echo",
        "ExecIf",
        "Goto",
        "GotoIf",
        "Hangup",
        "NoOp",
        "Playback",
        "Record",
        "Return",
        "Set",
        "Stasis",
        "Verbose",
    ]
)
FUNCTIONS = set(
    [
        "AUDIOSOCKET",
        "CALLERID",
        "CHANNEL",
        "CUT",
        "DEVICE_STATE",
        "ENV",
        "FILTER",
        "IF",
        "LEN",
        "PJSIP_HEADER",
        "PJSIP_HEADERS",
        "REPLACE",
        "STRREPLACE",
        "TIMEOUT",
        "TOLOWER",
    ]
)
LATE = {  # what -> the first release of the series 20 that has it
    "auth_type = digest": (20, 12),
    "RESTRequest": (20, 14),
    "res_websocket_client": (20, 15),
    "StasisBroadcast": (20, 17),
}
TRUNKS = """\
trunks:
  hikari: {template: hikari-hgw, host: 192.168.1.1, user: "0003", numbers: [03-1234-5678], channels: 2}
  phone: {template: 050-register, host: sip.example.jp, user: "05012345678", numbers: [050-1234-5678], channels: 2}
  line: {template: ip, host: 192.0.2.10, numbers: [03-1234-5679], channels: 4}
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every file that an Asterisk without StasisBroadcast gets from us."""
    place = tmp_path_factory.mktemp("trunks")
    (place / "trunks.yaml").write_text(TRUNKS, "utf-8")
    secrets = place / "passwords.toml"
    secrets.write_text('hikari = "x"\nphone = "y"\n', "utf-8")
    secrets.chmod(0o600)
    found, problems = load_trunks(place / "trunks.yaml", secrets)
    assert problems == []
    old = AsteriskInstall(("/x/asterisk",), Path("/x/modules"), Path("/x/share"), "20.15.0")
    return {
        **conf.render(SETTINGS, old, PASSWORDS, Path("/run/x")),
        "ivr_trunks.conf": trunks.render_sip(found, "127.0.0.1:5060"),
        "ivr_trunks_in.conf": trunks.render_ways_in(found),
        "ivr_agents.conf": conf.render_agents([AgentTelephone("佐藤", "sato", "secret")]),
        "ivr_fallback.conf": render_dialplan([LINE], Path("/data/bundle"), Path("/usr/bin/python3")),
    }


LINE = BundleLine("shop", "t", "n", "d", ["+815031859076"], [], None, True, [], None, None)  # type: ignore[arg-type]


def code(text: str) -> str:
    """Without comments."""
    return re.sub(r"(?m)^\s*;.*$", "", text)


def test_the_dialplans_applications_and_functions_are_old(written: dict[str, str]) -> None:
    for name in ("ivr_extensions.conf", "ivr_trunks_in.conf", "ivr_fallback.conf"):
        text = code(written[name])
        steps = re.findall(r"(?m)^(?:exten =>[^,]+,\w+|\s*same => n)(?:\([\w-]+\))?,(\w+)\(", text)
        assert len(steps) > 3
        inner = set(re.findall(r"\?(\w+)\(", text)) - {"id"}
        assert {*steps, *inner} <= APPLICATIONS, name
        assert set(re.findall(r"(?:\$\{|Set\()([A-Z_]+)\(", text)) <= FUNCTIONS, name


def test_what_came_late_is_only_where_it_is_asked_for(written: dict[str, str]) -> None:
    assert not [name for name, text in written.items() if re.search("stasis_?broadcast", code(text), re.I)]
    assert (
        "Stasis(ivr-" in written["ivr_extensions.conf"]
        and "TIMEOUT(absolute)=4" in written["ivr_extensions.conf"]
    )
    assert "AudioSocket" not in SCRIPT.read_text("utf-8")


@pytest.mark.parametrize(
    "version", ["18.26.4", "20.7.0", "20.14.1", "21.9.1", "22.4.1", "20.7-cert6", "19.8.1", "22.0.0"]
)
def test_an_asterisk_that_lacks_what_is_not_asked_for_is_refused(version: str) -> None:
    with pytest.raises(AsteriskError, match=r"needed is 20\.15, 21\.10, 22\.5 or later"):
        require_recent(version, "it")


@pytest.mark.parametrize(
    "version", ["20.15.0", "20.20.1", "21.10.2", "22.5.0", "22.10.1+dfsg+~cs6", "23.0.0"]
)
def test_an_asterisk_that_has_it_is_taken(version: str) -> None:
    require_recent(version, "it")


def test_everything_late_but_what_is_asked_for_is_in_the_first_release_that_is_taken(
    written: dict[str, str],
) -> None:
    everything = "\n".join(map(code, written.values()))
    used = {what for what in LATE if what in everything} | {"RESTRequest"}
    assert used == {"auth_type = digest", "RESTRequest", "res_websocket_client"}
    assert max(LATE[what] for what in used) == (20, 15)
