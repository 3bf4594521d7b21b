"""The trunks of `trunks.yaml` as Asterisk wants them: SIP sections, and the way in of each."""

import logging
import re
from collections.abc import Mapping

from ivr.asterisk.conf import split_address
from ivr.errors import SettingsError
from ivr.outside import NoWay, Outside, Way, national
from ivr.settings import Settings
from ivr.trunks.load import Trunk, Trunks, load_trunks
from ivr.trunks.model import CalledNumber, TlsModel, TrunkModel

log = logging.getLogger("ivr.trunks")

SIP_FILE = "ivr_trunks.conf"  # included by pjsip.conf
WAYS_IN_FILE = "ivr_trunks_in.conf"  # included by extensions.conf

HOLD = 20  # times `rtp_timeout`: who has put us on hold may be silent, but not for ever
_TIMERS = {"accept": "yes", "required": "required", "never": "no"}
_HEADERS: Mapping[CalledNumber, str] = {
    "to": "To",
    "p-called-party-id": "P-Called-Party-ID",
    "diversion": "Diversion",
}
_RETRY = 30  # seconds until a registration that failed is tried again
_EXPIRATION = 300  # seconds; a gateway that was restarted knows us again soon


def endpoint(name: str) -> str:
    """What Asterisk calls the trunk. No agent's telephone can have it: theirs have no dot."""
    return f"trunk.{name}"


def files(trunks: Trunks, sip: str | None) -> dict[str, str]:
    """File name -> text. `sip`: host:port as IVR_SIP; None for an Asterisk that has transports of its own."""
    return {SIP_FILE: render_sip(trunks, sip), WAYS_IN_FILE: render_ways_in(trunks)}


def render_sip(trunks: Trunks, sip: str | None) -> str:
    """The text of SIP_FILE. `sip` as of `files`."""
    sections = ["; Written from trunks.yaml; changes made here are lost."]
    if sip is not None:
        sections += _transports(trunks, *split_address("IVR_SIP", sip))
    for trunk in trunks.by_name.values():
        sections += _sip_sections(trunk, ours=sip is not None)
    return "\n\n".join(sections) + "\n"


def _transports(trunks: Trunks, host: str, port: int) -> list[str]:
    sections = []
    used = {trunk.model.transport for trunk in trunks.by_name.values()}
    if "tcp" in used:
        sections.append(_section("transport-tcp", "transport", protocol="tcp", bind=f"{host}:{port}"))
    if "tls" in used:
        options = {
            "protocol": "tls",
            "bind": f"{host}:{port + 1}",
            "method": "tlsv1_2",
            "verify_server": "yes",
        }
        sections.append(_section("transport-tls", "transport", **options, **_certificates(trunks.tls)))
    if trunks.nat is not None:
        for transport in sorted({"udp", *used}):
            lines = [f"[transport-{transport}](+)"]
            for what in ("external_media_address", "external_signaling_address"):
                lines.append(f"{what} = {trunks.nat.external}")
            lines += [f"local_net = {network}" for network in trunks.nat.local]
            sections.append("\n".join(lines))
    return sections


def _certificates(tls: TlsModel) -> dict[str, str]:
    files = {"ca_list_file": tls.authorities, "cert_file": tls.certificate, "priv_key_file": tls.key}
    return {option: file for option, file in files.items() if file}


def _sip_sections(trunk: Trunk, *, ours: bool) -> list[str]:
    """`ours`: the transports are those of `_transports`; otherwise Asterisk takes one that suits."""
    model, name = trunk.model, endpoint(trunk.name)
    transport = {"transport": f"transport-{model.transport}"} if ours else {}
    server = f"sip:{model.host}" + (f";transport={model.transport}" if model.transport != "udp" else "")
    sections = [
        _section(name, "endpoint", **transport, **_endpoint(trunk)),
        _section(name, "aor", contact=server, qualify_frequency=round(model.qualify.total_seconds())),
        _section(name, "identify", endpoint=name, match=",".join(model.sources)),
    ]
    if model.user is not None:
        login = {"auth_type": "digest", "username": model.user, "password": trunk.password or ""}
        sections.append(_section(name, "auth", **login))
    if model.registration:
        registration = {
            **transport,
            "outbound_auth": name,
            "server_uri": server,
            "client_uri": f"sip:{model.sender or model.user}@{model.domain}",
            "contact_user": trunk.name,
            "endpoint": name,
            "line": "yes",
            "retry_interval": _RETRY,
            "forbidden_retry_interval": _RETRY,
            "fatal_retry_interval": _RETRY,
            "max_retries": 1_000_000,
            "auth_rejection_permanent": "no",
            "expiration": _EXPIRATION,
        }
        sections.append(_section(name, "registration", **registration))
    return sections


def _endpoint(trunk: Trunk) -> dict[str, object]:
    model, name = trunk.model, endpoint(trunk.name)
    options: dict[str, object] = {
        "context": _context(trunk.name),
        "aors": name,
        "identify_by": "ip",  # and by our registration: whoever claims its name in From is a stranger
        "disallow": "all",
        "allow": ",".join(model.codecs),
        "dtmf_mode": model.dtmf,
        "direct_media": "no",
        "rtp_symmetric": "yes",
        "force_rport": "yes",
        "rewrite_contact": "yes",
        # Who calls is read from the headers in the way in: there the caller's Privacy is asked first.
        "trust_id_inbound": "no",
        "trust_id_outbound": "no",
        "allow_subscribe": "no",
        "allow_transfer": "no",
        "timers": _TIMERS[model.session_timers],
        "rtp_timeout": round(model.rtp_timeout.total_seconds()),
        "rtp_timeout_hold": round(HOLD * model.rtp_timeout.total_seconds()),
        "from_domain": model.domain,
        "language": "ja",
    }
    if model.user is not None:
        options["outbound_auth"] = name
    if model.sender is not None:
        options["from_user"] = model.sender
    if model.srtp:
        options["media_encryption"] = "sdes"
    return options


def _section(name: str, type_: str, **options: object) -> str:
    for option, value in options.items():
        # A password may hold anything but the end of its line; ";" begins a comment unless escaped.
        if re.search(r"[\r\n]", str(value)):
            raise SettingsError(f"{name}: {option} cannot stand in a configuration file of Asterisk")
    escaped = {option: str(value).replace(";", "\\;") for option, value in options.items()}
    return "\n".join(
        [f"[{name}]", f"type = {type_}", *(f"{option} = {value}" for option, value in escaped.items())]
    )


def _context(name: str) -> str:
    return f"ivr-trunk-{name}"


def render_ways_in(trunks: Trunks) -> str:
    """The text of WAYS_IN_FILE: a context for each trunk, which finds the numbers and leads into ivr-in."""
    parts = ["; Written from trunks.yaml; changes made here are lost."]
    parts += [_way_in(trunk) for trunk in trunks.by_name.values()]
    return "\n\n".join(parts) + "\n"


def _way_in(trunk: Trunk) -> str:
    model = trunk.model
    lines = [
        f"[{_context(trunk.name)}]",
        # What the request was for: often no number at all, but the name by which we registered.
        "exten => _[+*#0-9]!,1,Set(IVR_REQUESTED=${EXTEN})",
        " same => n,Goto(s,1)",
        "exten => _[a-zA-Z].,1,Set(IVR_REQUESTED=${EXTEN})",
        " same => n,Goto(s,1)",
        f"exten => s,1,Set(IVR_BY=:{trunk.name})",
        *_called(model),
        # A request that names no number is for the trunk's first one.
        f" same => n,ExecIf($[${{LEN(${{IVR_DIALLED}})}} < 2]?Set(IVR_DIALLED={national(model.numbers[0])}))",
    ]
    if model.identity == "p-asserted-identity":
        lines += [
            _number_in("P-Asserted-Identity", "IVR_ASSERTED"),
            ' same => n,ExecIf($["${IVR_ASSERTED}" != "" & !("${PJSIP_HEADER(read,Privacy)}" =~ "id|user|header")]'
            "?Set(CALLERID(num)=${IVR_ASSERTED}))",
        ]
    lines += [
        # Waits for the caller's voice, half a second at most: what is played before the way is open is not heard.
        " same => n,Answer()",
        " same => n,Goto(ivr-in,${IVR_DIALLED},1)",
    ]
    return "\n".join(lines)


def _called(model: TrunkModel) -> list[str]:
    match model.called_number:
        case "fixed":
            return [f" same => n,Set(IVR_DIALLED={national(model.numbers[0])})"]
        case "request":
            return [" same => n,Set(IVR_DIALLED=${FILTER(+0-9,${IVR_REQUESTED})})"]
    return [_number_in(_HEADERS[model.called_number], "IVR_DIALLED")]


def _number_in(header: str, variable: str) -> str:
    """Sets `variable` to the number in a header such as `"Name" <sip:0312345678@host>`, to nothing if there is none.

    Of several the first one. A name is what a caller likes: one in quotes that looks like a number counts for nothing,
    so that escapes are taken out and each quote becomes a "!". What an expression of Asterisk could take for its own is
    filtered out before it is one.
    """
    # An escaped backslash and an escaped quote, each escaped again for the dialplan.
    read, escaped = f"PJSIP_HEADER(read,{header})", (r"\\\\", r"\\\"")
    if header == "To":  # without its parameters, which may be too long to be read; but with more escapes
        read, escaped = "CHANNEL(pjsip,local_uri)", (r"\\\\\\\\", r"\\\\\\\"")
    steps = [
        f"IVR_RAW=${{{read}}}",
        *(f"IVR_RAW=${{STRREPLACE(IVR_RAW,{each})}}" for each in escaped),
        "IVR_RAW=${REPLACE(IVR_RAW,!)}",
        r"IVR_RAW=${REPLACE(IVR_RAW,\",!)}",
        "IVR_RAW=${FILTER(a-zA-Z0-9:@<>+!,${IVR_RAW})}",
        f'{variable}=$["${{IVR_RAW}}" =~ "^[^!<]*<sips?:([+0-9]+)[@>]"]'
        '$["${IVR_RAW}" =~ "^![^!]*![^!<]*<sips?:([+0-9]+)[@>]"]',
    ]
    return "\n".join(f" same => n,Set({step})" for step in steps)


def dial_string(trunk: Trunk, number: str) -> str:
    """How Asterisk rings `number` (E.164, Japanese) over the trunk."""
    return f"PJSIP/{trunk.model.spelling}{number.removeprefix('+81')}@{endpoint(trunk.name)}"


class LiveTrunks:
    """What the engine knows of the trunks; with an error in the file, the last good ones stay."""

    def __init__(self, settings: Settings, trunks: Trunks | None = None) -> None:
        """`trunks`: what was read of the file already; None: it is read now."""
        self._settings = settings
        self._trunks = trunks or Trunks()
        if trunks is None:
            self.reload()

    def reload(self) -> None:
        """Blocks."""
        trunks, problems = load_trunks(self._settings.trunks, self._settings.trunk_passwords)
        if any(problem.severity == "error" for problem in problems):
            log.error("trunks.yaml has errors and was not taken in", extra={"problems": len(problems)})
        else:
            self._trunks = trunks

    def default_line(self, trunk: str) -> str | None:
        """Key of the line for numbers that no line has."""
        found = self._trunks.by_name.get(trunk)
        return found.model.default_line if found else None

    def way(self, number: str, ours: str) -> Way | NoWay:
        """How `number` is rung over the trunk of our number `ours` (both E.164), else over the first, with a number of it."""
        trunk = self._trunks.of_number(ours) or next(iter(self._trunks.by_name.values()), None)
        if trunk is None:
            return "nowhere"
        if national(number).startswith(trunk.model.barred):
            return "barred"
        shown = ours if ours in trunk.model.numbers else trunk.model.numbers[0]
        return Way(dial_string(trunk, number), national(shown), endpoint(trunk.name), trunk.model.channels)


def outside_of(settings: Settings, trunks: LiveTrunks) -> Outside:
    """What calls may be transferred to, over the trunks if there are any."""
    return Outside(settings.transfers, settings.outbound, trunks.way if settings.trunks else None)
