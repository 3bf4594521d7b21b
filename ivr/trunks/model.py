"""What a trunk is: a template for its kind of carrier, and what differs.

`hikari-hgw`: an extension of an NTT home gateway (ひかり電話): registers with the gateway, the dialled number
stands in To, keys come as tones. `050-register`: an account of a 050 service that one registers. `ip`: a carrier
that knows us by our address.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ivr.dialplan.numbers import e164
from ivr.dialplan.part import Duration, Part, parse_duration

T = TypeVar("T")
CalledNumber = Literal["request", "to", "p-called-party-id", "diversion", "fixed"]
Dtmf = Literal["auto", "rfc4733", "inband", "info"]
Spelling = Literal["0", "81", "+81"]
Template = Literal["hikari-hgw", "050-register", "ip"]

_HOST = re.compile(r"(?=.{1,253}(?::|$))[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?")
_USER = re.compile(r"[A-Za-z0-9._~!$&'()*+,=-]{1,128}")
_BARRED = re.compile(r"[0-9]{1,16}")

# What a template means; whatever is written wins over it.
_MEANS: Mapping[Template, Mapping[str, Any]] = {
    "hikari-hgw": {"registration": True, "called_number": "to", "dtmf": "inband"},
    "050-register": {"registration": True, "called_number": "fixed"},
    "ip": {"registration": False, "called_number": "request"},
}


def _host(text: str) -> str:
    port = text.partition(":")[2]
    if not _HOST.fullmatch(text) or (port and not 0 < int(port) < 65536):
        raise ValueError(f'"{text}" is no host; write for example "192.168.1.1" or "sip.example.jp:5060"')
    return text


def _user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise ValueError(
            f'"{text}" cannot be a user name of SIP; take out what is no letter, digit or sign of it'
        )
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return _host(text)
    return text


def _barred(text: str) -> str:
    digits = text.replace("-", "")
    if not _BARRED.fullmatch(digits):
        raise ValueError(
            f'"{text}" is no beginning of a number; write digits as they are dialled, like "0570"'
        )
    return digits


def _some(entries: tuple[T, ...]) -> tuple[T, ...]:
    """Not `min_length`, which also counts the entries that are wrong."""
    if not entries:
        raise ValueError("at least one entry is needed")
    return entries


def _flag(value: object) -> object:
    return {"true": True, "false": False}.get(str(value), value)


Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[str, AfterValidator(_network)]
User = Annotated[str, AfterValidator(_user)]
Number = Annotated[str, AfterValidator(e164)]
Prefix = Annotated[str, AfterValidator(_barred)]
Flag = Annotated[bool, BeforeValidator(_flag)]
TrunkName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class NatModel(Part):
    """We stand behind a router that changes addresses."""

    external: Host
    """our address as the carrier sees it"""
    local: Annotated[tuple[Network, ...], Field(max_length=20), AfterValidator(_some)]
    """networks that are on our side: `[192.168.1.0/24]`"""


class TlsModel(Part):
    """Files (PEM) of what is encrypted; one that is no absolute path stands beside trunks.yaml."""

    authorities: str = "/etc/ssl/certs/ca-certificates.crt"
    """whose signature a carrier's certificate must bear; none: whom Debian trusts"""
    certificate: str | None = None
    """ours, with what leads from it to its authority; for carriers that ring us without a registration"""
    key: str | None = None
    """that of the certificate, without a passphrase"""

    @model_validator(mode="after")
    def _whole(self) -> "TlsModel":
        if (self.certificate is None) != (self.key is None):
            raise ValueError('"certificate" and "key" go together')
        return self


class TrunkModel(Part):
    """One connection to one carrier. Its password stands in a file of its own, see docs/operator/trunks."""

    template: Template
    """kind of carrier: `hikari-hgw`, `050-register`, `ip`"""
    host: Host
    """the gateway or the carrier's SIP server, with its port unless that is 5060"""
    numbers: Annotated[tuple[Number, ...], Field(max_length=1000), AfterValidator(_some)]
    """our numbers on this trunk; the first is shown to whom we ring unless the line has one of its own here"""
    channels: Annotated[int, Field(ge=1, le=1000)]
    """calls at one time, as ordered from the carrier"""
    user: User | None = None
    """user name (利用者ID) for the registration and for calls that go out"""
    registration: Flag = False
    """`true`: we register with the carrier"""
    from_user: User | None = None
    """what stands before the @ of From when we ring somebody; none: the number that is shown; `hikari-hgw`: the
    number of the extension, which is `user` without its zeros"""
    from_domain: Host | None = None
    """what stands behind it; none: `host`"""
    match: Annotated[tuple[Network, ...], Field(max_length=50)] = ()
    """addresses that calls of this carrier come from; none: `host`"""
    called_number: CalledNumber = "request"
    """where the dialled number is: `request`, `to`, `p-called-party-id`, `diversion`, or `fixed`: always the first of
    `numbers`"""
    spelling: Spelling = "0"
    """how numbers are written when we ring somebody: `"0"`, `"81"`, `"+81"`"""
    identity: Literal["from", "p-asserted-identity"] = "from"
    """where the caller's number is; the second is used only where the caller's Privacy allows"""
    dtmf: Dtmf = "auto"
    """how keys come: `rfc4733`, `inband` (tones), `info`; `auto`: the first if it is offered, else tones"""
    codecs: Annotated[tuple[Literal["ulaw", "alaw"], ...], AfterValidator(_some)] = ("ulaw", "alaw")
    """in the order in which they are wanted"""
    default_line: str | None = None
    """the line that takes calls to a number that no line has; none: they hear that the number is not in use"""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """how SIP is carried"""
    srtp: Flag = False
    """`true`: the voice is encrypted (SDES), as carriers with `tls` want it"""
    session_timers: Literal["accept", "required", "never"] = "accept"
    """whether calls are refreshed (RFC 4028)"""
    rtp_timeout: Duration = parse_duration("30s")
    """a call of which no voice comes for so long is over: its caller vanished"""
    qualify: Duration = parse_duration("60s")
    """how often we ask whether the carrier is there; `0s`: never"""
    barred: Annotated[tuple[Prefix, ...], Field(max_length=100)] = ()
    """beginnings of numbers that are never rung over this trunk, beside those that never are"""

    @model_validator(mode="before")
    @classmethod
    def _by_template(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("template") not in _MEANS:
            return given
        return {**_MEANS[given["template"]], **given}

    @property
    def sender(self) -> str | None:
        """`from_user`, or what the template makes of it; None: the number that is shown."""
        if self.from_user is None and self.template == "hikari-hgw" and self.user is not None:
            return self.user.lstrip("0") or self.user
        return self.from_user

    @property
    def domain(self) -> str:
        """What stands behind the @ when we ring somebody or register."""
        return (self.from_domain or self.host).partition(":")[0]

    @property
    def sources(self) -> tuple[str, ...]:
        """Addresses, networks and names that calls of this carrier come from."""
        return self.match or (self.host.partition(":")[0],)

    @property
    def told_apart(self) -> tuple[str, ...]:
        """Those of `numbers` as which a call can arrive."""
        return self.numbers[:1] if self.called_number == "fixed" else self.numbers

    @model_validator(mode="after")
    def _whole(self) -> "TrunkModel":
        if self.registration and self.user is None:
            raise ValueError('"user" is missing: nobody can be registered without one')
        if not timedelta(seconds=1) <= self.rtp_timeout <= timedelta(hours=1):
            raise ValueError('"rtp_timeout" must be from 1s to 1h')
        if self.srtp and self.transport != "tls":
            raise ValueError('"srtp" needs "transport: tls": its keys would travel in clear')
        return self


class TrunksShape(Part):
    """The whole file."""

    trunks: Annotated[dict[TrunkName, TrunkModel], Field(max_length=100)] = Field(default={})
    """by a name of your choice"""
    nat: NatModel | None = None
    """between us and the carriers; a home gateway on our own network needs none"""
    tls: TlsModel | None = None
    """for trunks with `transport: tls`"""
