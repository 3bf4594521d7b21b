"""Process settings: name, default, type and description side by side.

Each comes from the environment variable `IVR_<NAME>` or, below it, from one
file of `IVR_NAME=value` lines named by `IVR_CONFIG` (default: `ivr.env` in the
working directory, if it is there).
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from ivr.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent


def shipped(name: str) -> Path:
    """What a clone has beside the packages, such as `asterisk_conf`; a wheel carries it in `ivr/shipped`."""
    place = ROOT / name
    return place if place.exists() else Path(__file__).parent / "shipped" / name


TINY_MODEL = ROOT / "transcribe" / "models" / "vosk-tiny-ja"


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def setting(default: str, description: str, *, secret: bool = False) -> Any:
    """`secret`: never shown when settings are printed."""
    return field(metadata={"default": default, "description": description}, repr=not secret)


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:  # a name
            return self.host == "localhost"


@dataclass(frozen=True)
class Ports:
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


@dataclass(frozen=True)
class Settings:
    data: Path = setting("var", "directory for everything that is written: store, recordings, Asterisk")
    database: str = setting(
        "", "database URL; empty: SQLite in the data directory; postgresql://… for PostgreSQL"
    )
    recordings: Path = setting(
        "", "directory of recorded messages, shared with Asterisk; empty: in the data directory"
    )
    dialplans: Path = setting("dialplans", "directory of the YAML dialplans")
    prompts: Path = setting(
        "recordings/prompts", "directory of prompts recorded by hand; they win over synthesis"
    )
    model: Path = setting(
        "",
        "directory of the Vosk model of lines that have none of their own; empty: the trial model of the project",
    )
    http: Address = setting("127.0.0.1:8080", "host:port of the pages and the API")
    proxies: tuple[Network, ...] = setting(
        "",
        "reverse proxies before the pages, whose X-Forwarded-For is believed, e.g. 127.0.0.1, 10.0.0.0/8; empty: none",
    )
    sip: Address = setting("127.0.0.1:5060", "host:port of SIP (UDP) on the private Asterisk")
    ari: Address = setting("127.0.0.1:8088", "host:port of Asterisk's HTTP server (ARI)")
    rtp: Ports = setting("10000-10999", "port range of RTP on the private Asterisk")
    transcriber: tuple[Address, ...] = setting(
        "127.0.0.1:8090", "host:port where the transcriber listens; several are separated by commas"
    )
    transcriber_key: str = setting(
        "",
        "what transcribers on other machines must be told, and tell when they fetch recordings",
        secret=True,
    )
    transfers: tuple[str, ...] = setting(
        "", 'telephone numbers that calls may be transferred to, e.g. "03-1234-5678, 050-3185-*"; empty: none'
    )
    outbound: str = setting(
        "", 'how Asterisk dials a telephone outside, e.g. "PJSIP/{number}@trunk"; empty: it cannot'
    )
    trunks: Path | None = setting(
        "",
        "file of the connections to carriers (外線), trunks.yaml; empty: only SIP that reaches IVR_SIP comes in",
    )
    trunk_passwords: Path = setting(
        "",
        "file of their passwords, for nobody else to read (TOML); empty: trunk-passwords.toml in the data directory",
    )
    url: str = setting(
        "", "address of the pages as people reach it, for links in notices; empty: http://IVR_HTTP"
    )
    smtp: Address | None = setting("", "host:port of the mail server for notices; empty: no mail leaves")
    smtp_tls: str = setting("starttls", "how it is encrypted: starttls (587), tls (465), or none")
    smtp_user: str = setting("", "login at the mail server; empty: none")
    smtp_password: str = setting("", "password of that login", secret=True)
    smtp_ca: str = setting("", "file of certificates to trust beside the machine's own (PEM)")
    mail_from: str = setting("", 'sender of the mails, e.g. "折り返し窓口 <ivr@example.co.jp>"')
    notices: Path | None = setting(
        "", "file of the webhooks and Slack channels that dialplans may name (TOML)"
    )
    second_factor: tuple[str, ...] = setting(
        "",
        'who must log in with a second factor: roles, "*" for all, of a company by @, e.g. "admin, *@ecforce"; empty: who wants to',
    )
    audit_days: int = setting(
        "365", "days that the audit (操作の記録) is kept, which tells who looked at what; 0: for ever"
    )
    engine: str = setting("1", "id of this engine; its ARI application is ivr-<id>")
    jobs: str = setting("1", "id of this jobs process; each of several on one PostgreSQL has its own")
    asterisk: str = setting("", "an Asterisk executable to use instead of the fetched one")
    clock: datetime | None = setting(
        "", "start all clocks there, e.g. 2026-11-24T11:00+09:00; for trying things out"
    )
    clock_offset: float = setting("0", "seconds added to the clock; set by the guard for its children")

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'ivr.db'}"

    @property
    def pages_url(self) -> str:
        return self.url or f"http://{self.http}"

    @property
    def models(self) -> Path:
        """Vosk models that `ivr model fetch` brought, each in a directory by its name."""
        return self.data / "models"

    @property
    def messages(self) -> Path:
        return self.recordings / "messages"

    @property
    def bundle(self) -> Path:
        """What the fallback reads when the engine is gone."""
        return self.data / "bundle"

    @property
    def prompt_cache(self) -> Path:
        return self.data / "prompts"

    @property
    def readings(self) -> Path:
        """How words are read in the prompts that are live."""
        return self.data / "readings.json"

    @property
    def holidays(self) -> Path:
        """A newer list of public holidays than that of the package, if there is one."""
        return self.data / "syukujitsu.csv"

    @property
    def sounds(self) -> Path:
        """Beep, silence and the music on hold, made by us."""
        return self.data / "sounds"

    @property
    def asterisk_base(self) -> Path:
        """Everything of the private Asterisk: configuration, passwords, logs."""
        return self.data / "asterisk"

    @property
    def logs(self) -> Path:
        return self.data / "log"

    @property
    def run(self) -> Path:
        """Port files and locks of the running processes."""
        return self.data / "run"

    @property
    def clock_file(self) -> Path:
        """The offset of the running instance, for commands beside it."""
        return self.run / "clock_offset"

    @property
    def first_login(self) -> Path:
        """What `--trial` made: a user and agents with their passwords."""
        return self.data / "first-login.txt"

    @property
    def trial_trunks(self) -> Path:
        """What `--trial` made: calls that go out reach `ivr answer` alone. The trunks, while it is there and no others are."""
        return _trial_trunks(self.data)

    @property
    def session_key(self) -> Path:
        return self.data / "session.key"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads and converts all settings; every wrong one is named in one SettingsError."""
    given = {**_config_file(environ), **environ}
    values: dict[str, Any] = {}
    errors = []
    for item in fields(Settings):
        name = f"IVR_{item.name.upper()}"
        text = given.get(name, "").strip() or item.metadata["default"]
        try:
            values[item.name] = _convert(item.name, text)
        except ValueError as error:
            errors.append(f"{name}: {error}")
    if errors:
        raise SettingsError("\n".join(errors))
    if values["smtp"] and not values["mail_from"]:
        raise SettingsError("IVR_MAIL_FROM: it is needed with IVR_SMTP; write the sender of the mails")
    if not values["transcriber_key"] and not all(one.is_loopback for one in values["transcriber"]):
        raise SettingsError(
            "IVR_TRANSCRIBER_KEY: it is needed for a transcriber on another machine; "
            "write the same 32 random characters there and here"
        )
    values["recordings"] = values["recordings"] or values["data"] / "recordings"
    values["model"] = values["model"] or TINY_MODEL
    if (
        values["trunks"] is None
        and not values["outbound"]
        and (trial := _trial_trunks(values["data"])).exists()
    ):
        values["trunks"] = trial
    values["trunk_passwords"] = values["trunk_passwords"] or values["data"] / "trunk-passwords.toml"
    return Settings(**values)


def _trial_trunks(data: Path) -> Path:
    return data / "trial-trunks.yaml"


def on_running_clock(settings: Settings) -> Settings:
    """`settings` with the clock of the instance that runs on this data directory."""
    if settings.clock_offset or not settings.clock_file.exists():
        return settings
    return replace(settings, clock_offset=float(settings.clock_file.read_text("ascii")))


def _config_file(environ: Mapping[str, str]) -> dict[str, str]:
    named = environ.get("IVR_CONFIG")
    path = Path(named or "ivr.env")
    if not path.exists():
        if named:
            raise SettingsError(f"IVR_CONFIG names {path}, which does not exist")
        return {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8; save the file as UTF-8") from None
    given: dict[str, str] = {}
    known = {f"IVR_{item.name.upper()}" for item in fields(Settings)}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or name.strip() not in known:
            raise SettingsError(
                f"{path}:{number}: expected NAME=value with one of {', '.join(sorted(known))}"
            )
        given[name.strip()] = value.strip().strip("\"'")
    return given


def _convert(name: str, text: str) -> Any:
    match name:
        case "data" | "dialplans" | "prompts":
            return Path(text).expanduser().resolve()
        case "recordings" | "model" | "notices" | "trunks" | "trunk_passwords":
            return Path(text).expanduser().resolve() if text else None
        case "http" | "sip" | "ari":
            return _address(text)
        case "transcriber":
            return tuple(_address(entry.strip()) for entry in text.split(","))
        case "transcriber_key":
            if text and len(text) < 16:
                raise ValueError("it is too short to be secret; take 32 random characters")
        case "smtp":
            return _address(text) if text else None
        case "smtp_tls":
            if text not in ("starttls", "tls", "none"):
                raise ValueError(f'"{text}" is none of starttls, tls, none')
        case "mail_from":
            if text and not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(text)[1]):
                raise ValueError(
                    f'"{text}" is no sender; write for example "折り返し窓口 <ivr@example.co.jp>"'
                )
        case "url":
            if text and not re.fullmatch(r"https?://[^\s?#]+", text):
                raise ValueError(
                    f'"{text}" is no address of pages; write for example "https://ivr.example.co.jp"'
                )
            return text.rstrip("/")
        case "rtp":
            first, _, last = text.partition("-")
            if not (first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) <= 65535):
                raise ValueError(f'"{text}" is no port range; write for example "10000-10999"')
            return Ports(int(first), int(last))
        case "transfers":
            return _numbers(text)
        case "second_factor":
            return _roles(text)
        case "proxies":
            return _networks(text)
        case "outbound":
            if text and ("{number}" not in text or "/" not in text):
                raise ValueError(f'"{text}" dials nobody; write for example "PJSIP/{{number}}@trunk"')
        case "clock":
            return _moment(text) if text else None
        case "clock_offset":
            return float(text)
        case "audit_days":
            if not (text.isascii() and text.isdecimal() and len(text) < 6):
                raise ValueError(f'"{text}" is no number of days; write for example "365"')
            return int(text)
        case "engine" | "jobs":
            if not (text.isalnum() and text.isascii()):
                raise ValueError(f'"{text}" may hold only letters and digits')
    return text


def _numbers(text: str) -> tuple[str, ...]:
    found = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    for entry in found:
        if not re.fullmatch(r"\+?[0-9][0-9 -]*\*?", entry):
            raise ValueError(f'"{entry}" is no telephone number; write "03-1234-5678", or "03-1234-*"')
    return found


def _roles(text: str) -> tuple[str, ...]:
    found = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    for entry in found:
        if not re.fullmatch(r"(agent|supervisor|admin|\*)(@[^@\s]+)?", entry):
            raise ValueError(f'"{entry}" is no role; write "admin", "supervisor@ecforce" or "*"')
    return found


def _networks(text: str) -> tuple[Network, ...]:
    found = []
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        try:
            found.append(ipaddress.ip_network(entry))
        except ValueError:
            raise ValueError(
                f'"{entry}" is no address of a proxy; write for example "127.0.0.1" or "10.0.0.0/8"'
            ) from None
    return tuple(found)


def _address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f'"{text}" is no host:port; write for example "127.0.0.1:8080"')
    return Address(host, int(port))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise ValueError(f'"{text}" is no time with an offset; write for example "2026-11-24T11:00+09:00"')
    return moment
