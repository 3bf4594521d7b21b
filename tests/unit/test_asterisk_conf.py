"""Filling in asterisk_conf/: all or nothing, passwords once, and no agent who is a caller's number."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.asterisk import conf
from ivr.asterisk.conf import AgentTelephone, InstanceSettings, render_agents
from ivr.asterisk.install import AsteriskInstall
from ivr.errors import SettingsError

INSTALL = AsteriskInstall(("/x/asterisk",), Path("/x/modules"), Path("/x/share"), "22.10.1")
PASSWORDS = conf.AriPasswords("engine-secret", "guard-secret")
SETTINGS = InstanceSettings(
    base=Path("/data/asterisk"),
    sip="127.0.0.2:5070",
    ari="127.0.0.3:8099",
    rtp=(20000, 20998),
    sounds=Path("/data/sounds"),
    fallback_dir=Path("/data/fallback"),
    neutral_prompt=Path("/data/bundle/record.wav"),
    thanks_prompt=Path("/data/bundle/thanks.wav"),
    system_name="node-1",
    clock_offset=-86400.4,
)


def test_every_file_is_filled_in() -> None:
    files = conf.render(SETTINGS, INSTALL, PASSWORDS, Path("/run/x"))
    assert not [name for name, text in files.items() if "@{" in text]
    assert "bind = 127.0.0.2:5070" in files["pjsip.conf"]
    assert "bindaddr = 127.0.0.3\nbindport = 8099" in files["http.conf"]
    assert "rtpstart = 20000\nrtpend = 20998" in files["rtp.conf"]
    assert "systemname = node-1" in files["asterisk.conf"]
    assert "Playback(/data/bundle/record)\n" in files["ivr_extensions.conf"]
    assert "$[${EPOCH} + -86400]" in files["ivr_extensions.conf"]
    assert "${EXTEN}" in files["ivr_extensions.conf"], "Asterisk's own variables stay"


def test_a_stranger_who_vanishes_is_gone_within_35_seconds() -> None:
    """Trunks: tests/unit/test_trunks_file.py; how long it takes indeed: tools/long_calls.py."""
    sip = conf.render(SETTINGS, INSTALL, PASSWORDS, Path("/run/x"))["pjsip.conf"]
    anonymous = sip.partition("[anonymous]\n")[2].partition("\n[")[0]
    assert "\nrtp_timeout = 30\n" in anonymous and "\nrtp_timeout_hold = 600\n" in anonymous


def test_passwords_are_in_one_file_only() -> None:
    files = conf.render(SETTINGS, INSTALL, PASSWORDS, Path("/run/x"))
    assert [name for name, text in files.items() if "-secret" in text] == ["ivr_ari.conf"]


@pytest.mark.parametrize("address", ["5060", "127.0.0.1", "127.0.0.1:sip", "127.0.0.1:0", ":5060", "h:70000"])
def test_an_address_without_host_and_port_is_refused_by_its_name(address: str) -> None:
    with pytest.raises(SettingsError, match="IVR_SIP"):
        conf.render(replace(SETTINGS, sip=address), INSTALL, PASSWORDS, Path("/run/x"))


@pytest.mark.parametrize("directory", ["/data/a;b", "/data/a\n[engine]", "/data/[x]"])
def test_what_would_change_the_meaning_of_a_file_is_refused(directory: str) -> None:
    with pytest.raises(SettingsError, match="FALLBACK_DIR"):
        conf.render(replace(SETTINGS, fallback_dir=Path(directory)), INSTALL, PASSWORDS, Path("/run/x"))


def test_processes_that_start_together_agree_on_the_passwords(tmp_path: Path) -> None:
    got: list[conf.AriPasswords] = []
    ready = threading.Barrier(4)

    def ask() -> None:
        ready.wait()
        got.append(conf.ari_passwords(tmp_path))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert len(set(got)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["ari-passwords.json"]
    assert (tmp_path / "ari-passwords.json").stat().st_mode & 0o777 == 0o600


def test_an_agent_is_an_endpoint_that_can_register() -> None:
    text = render_agents([AgentTelephone("田中", "tanaka", "pw")])
    assert '[tanaka](ivr-agent-endpoint)\ncallerid = "田中" <tanaka>\nauth = tanaka\naors = tanaka\n' in text
    assert "[tanaka]\ntype = auth\nauth_type = digest\nusername = tanaka\npassword = pw\n" in text
    assert "[tanaka](ivr-agent-aor)\n" in text


# A caller whose number were an agent's user name would be asked for the agent's password.
@pytest.mark.parametrize(
    "username", ["1001", "09012345678", "", "anonymous", "global", "Tanaka", "a b", "x]\n[y"]
)
def test_user_names_that_could_be_something_else_are_refused(username: str) -> None:
    with pytest.raises(SettingsError):
        render_agents([AgentTelephone("田中", username, "pw")])


@pytest.mark.parametrize(
    ("name", "password"), [('田"中', "pw"), ("田中\nx", "pw"), ("田中", "p;w"), ("田中", "p\nw")]
)
def test_names_and_passwords_cannot_add_lines(name: str, password: str) -> None:
    with pytest.raises(SettingsError, match="tanaka"):
        render_agents([AgentTelephone(name, "tanaka", password)])
