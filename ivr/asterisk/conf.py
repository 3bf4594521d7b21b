"""The files of `asterisk_conf/` filled in for one instance, and the agents' endpoints."""

import contextlib
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from ivr.asterisk.install import AsteriskInstall
from ivr.errors import AsteriskError, SettingsError
from ivr.settings import shipped

TEMPLATES = shipped("asterisk_conf")

OWN = "ivr_*.conf"  # of the templates, what an Asterisk that was there before needs, too

# Written by others while Asterisk runs.
AGENTS_FILE = "ivr_agents.conf"
FALLBACK_FILE = "ivr_fallback.conf"


class _AtTemplate(Template):
    """`@{NAME}`, because `${NAME}` is Asterisk's own in a dialplan."""

    delimiter = "@"


@dataclass(frozen=True)
class InstanceSettings:
    """What differs between two instances on one machine."""

    base: Path
    """Directory for everything of this Asterisk: etc, spool, logs."""
    sip: str
    """host:port"""
    ari: str
    """host:port"""
    rtp: tuple[int, int]
    """First and last port."""
    sounds: Path
    """Holds `beep.wav` and `moh/`, the music on hold."""
    fallback_dir: Path
    """Where the last-resort dialplan records."""
    neutral_prompt: Path
    """WAV (8 kHz) said when there is no engine; it need not exist yet."""
    thanks_prompt: Path
    """WAV (8 kHz) said after such a recording."""
    system_name: str = "ivr"
    """Part of every channel id: differs between nodes."""
    app: str = "ivr-1"
    """The engine's ARI application, where it is asked by name."""
    clock_offset: float = 0.0
    """Seconds, as `IVR_CLOCK_OFFSET`."""

    @property
    def etc(self) -> Path:
        return self.base / "etc"

    @property
    def spool(self) -> Path:
        return self.base / "spool"

    @property
    def recordings(self) -> Path:
        """Where ARI recordings land, as NAME.wav."""
        return self.spool / "recording"

    @property
    def logs(self) -> Path:
        return self.base / "log"

    @property
    def share(self) -> Path:
        return self.base / "share"


ENGINE, GUARD = "ivr-engine", "ivr-guard"


@dataclass(frozen=True)
class AriPasswords:
    """Of the two ARI users, ENGINE and GUARD."""

    engine: str
    guard: str


def ari_passwords(base: Path) -> AriPasswords:
    """Made once for an instance; later calls, from any process, give the same ones."""
    path = base / "ari-passwords.json"
    base.mkdir(parents=True, exist_ok=True)
    fresh = AriPasswords(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    with tempfile.NamedTemporaryFile("w", dir=base) as mine:  # mode 0600
        json.dump(asdict(fresh), mine)
        mine.flush()
        with contextlib.suppress(FileExistsError):  # another was first, whose passwords then hold
            os.link(mine.name, path)
    return AriPasswords(**json.loads(path.read_text()))


def render(
    settings: InstanceSettings, install: AsteriskInstall, passwords: AriPasswords, run_dir: Path
) -> dict[str, str]:
    """File name -> text, for every file of `asterisk_conf/`."""
    ari_host, ari_port = split_address("IVR_ARI", settings.ari)
    split_address("IVR_SIP", settings.sip)
    values = {
        **_own_values(settings, passwords),
        "ETC_DIR": settings.etc,
        "MODULE_DIR": install.module_dir,
        "STATE_DIR": settings.base / "state",
        "SHARE_DIR": settings.share,
        "SPOOL_DIR": settings.spool,
        "RUN_DIR": run_dir,
        "LOG_DIR": settings.logs,
        "SYSTEM_NAME": settings.system_name,
        "SIP": settings.sip,
        "RTP_START": settings.rtp[0],
        "RTP_END": settings.rtp[1],
        "ARI_HOST": ari_host,
        "ARI_PORT": ari_port,
        "MOH_DIR": settings.sounds / "moh",
    }
    return _filled_in("*.conf", values, broadcasts=install.broadcasts)


def render_own(
    settings: InstanceSettings, passwords: AriPasswords, live: Path, *, broadcasts: bool
) -> dict[str, str]:
    """The files of OWN alone, for an Asterisk that was there before. `live`: where what is written later stands."""
    values = {**_own_values(settings, passwords), "LIVE_DIR": live}
    return _filled_in(OWN, values, broadcasts=broadcasts)


def _own_values(settings: InstanceSettings, passwords: AriPasswords) -> dict[str, object]:
    return {
        "LIVE_DIR": settings.etc,
        "APP": settings.app,
        "ENGINE_PASSWORD": passwords.engine,
        "GUARD_PASSWORD": passwords.guard,
        "NEUTRAL_PROMPT": settings.neutral_prompt.with_suffix(""),
        "THANKS_PROMPT": settings.thanks_prompt.with_suffix(""),
        "BEEP": settings.sounds / "beep",
        "FALLBACK_DIR": settings.fallback_dir,
        "CLOCK_OFFSET": round(settings.clock_offset),
    }


# StasisBroadcast came late; before it, one engine is asked by name, and who is not taken in time goes on by T.
_BROADCAST = " same => n,StasisBroadcast(1000,^ivr-.*,${EXTEN}${IVR_BY})"
_BY_NAME = """\
 same => n,Set(TIMEOUT(absolute)=4)
 same => n,Stasis(%s,${EXTEN},${IVR_BY:1})
 same => n,Set(TIMEOUT(absolute)=0)"""
_TOO_LATE = """
exten => T,1,Set(TIMEOUT(absolute)=0)
 same => n,Goto(ivr-fallback,${IVR_DIALLED},1)"""


def _filled_in(which: str, values: dict[str, object], *, broadcasts: bool) -> dict[str, str]:
    for name, value in values.items():
        if re.search(r"[\n;\[\]]", str(value)):
            raise SettingsError(f"{name}: {value} cannot stand in a configuration file of Asterisk")
    by = {"TO_ENGINE": _BROADCAST, "TOO_LATE": ""}
    if not broadcasts:
        by = {"TO_ENGINE": _BY_NAME % values["APP"], "TOO_LATE": _TOO_LATE}
    files = {
        path.name: _AtTemplate(path.read_text(encoding="utf-8")).substitute({**values, **by})
        for path in sorted(TEMPLATES.glob(which))
    }
    if not broadcasts and "modules.conf" in files:
        files["modules.conf"] = re.sub(r"(?m)^require = .*stasis_broadcast.so\n", "", files["modules.conf"])
    return files


def split_address(name: str, address: str) -> tuple[str, int]:
    """`host:port`; `name` is the setting, for the message."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"{name}={address}: expected host:port, such as 127.0.0.1:5060")
    return host, int(port)


@dataclass(frozen=True)
class AgentTelephone:
    """An agent's SIP account; `username` is also the endpoint: ring it as `PJSIP/username`."""

    name: str
    username: str
    password: str


# Not all digits: the From user picks the endpoint, and a caller's number must not be an agent's.
_USERNAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_RESERVED = {"anonymous", "global", "transport-udp", "ivr-agent-endpoint", "ivr-agent-aor"}

_AGENT = """\
[{username}](ivr-agent-endpoint)
callerid = "{name}" <{username}>
auth = {username}
aors = {username}

[{username}]
type = auth
auth_type = digest
username = {username}
password = {password}

[{username}](ivr-agent-aor)
"""


def render_agents(agents: Iterable[AgentTelephone]) -> str:
    """The text of AGENTS_FILE."""
    sections = ["; Written from the store; changes made here are lost.\n"]
    for agent in agents:
        if not _USERNAME.fullmatch(agent.username) or agent.username in _RESERVED:
            raise SettingsError(
                f"{agent.username}: a telephone's user name begins with a letter and has a-z, 0-9, - and _"
            )
        if re.search(r'["\n;<>\[\]]', agent.name + agent.password):
            raise SettingsError(f"{agent.username}: name or password has a character Asterisk cannot read")
        sections.append(_AGENT.format(name=agent.name, username=agent.username, password=agent.password))
    return "\n".join(sections)


def write(files: dict[str, str], etc: Path) -> None:
    """Write each file whole or not at all, readable by this user only, or by the group that a setgid directory gives."""
    try:
        etc.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = 0o640 if etc.stat().st_mode & stat.S_ISGID else 0o600
        for name, text in files.items():
            partial = etc / f".{name}.{os.getpid()}"
            with open(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
            ) as file:
                os.fchmod(file.fileno(), mode)
                file.write(text)
            partial.replace(etc / name)
    except OSError as error:
        raise AsteriskError(
            f"the configuration of Asterisk cannot be written: {error}", retryable=False
        ) from error
