"""Whether each carrier knows us, or is there at all: read from what Asterisk prints and logs, for ARI tells nothing of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["registered", "reachable", "refused", "unreachable"]

_TRUNK = r"trunk\.([a-z][a-z0-9_]*)/(\S+) "
_REGISTRATION = re.compile(rf"^ *{_TRUNK}.*?(Registered|Rejected|Unregistered|Stopped)\b", re.MULTILINE)
_CONTACT = re.compile(rf"^ *Contact: +{_TRUNK}.*?\b(Avail|Unavail)\b", re.MULTILINE)
_SAID = re.compile(
    r"(?:(?P<fatal>\d{3})(?:'| \S.*) fatal response|esponse '(?P<temporal>\d{3})') received from '(?P<from>[^']+)' on registration"
    r"|(?P<silence>No response) received from '(?P<silent>[^']+)' on registration"
    r"|Transport '[^']*' to remote '(?P<remote>[^']+)' - \S+ - (?P<certificate>.+)"
)
_HOST = re.compile(r"^sips?:(?:[^@]*@)?([^:;]+)")

# What a carrier answers -> what it means and what to do.
_MEANS: Mapping[int, str] = {
    401: "ユーザー名またはパスワードが違います。trunks.yaml の user と、パスワードのファイルをご確認ください。",
    403: "事業者に登録を断られました。契約、ユーザー名、発信元のアドレスをご確認ください。",
    404: "この番号やユーザー名は、事業者に登録されていません。user と from_user をご確認ください。",
    407: "ユーザー名またはパスワードが違います。trunks.yaml の user と、パスワードのファイルをご確認ください。",
    423: "登録の有効期間が短すぎると断られました。",
    503: "事業者の設備が混み合っているか、停止しています。自動で再試行します。",
}
_NO_ANSWER = "応答がありません。host、ネットワーク、事業者の障害情報をご確認ください。自動で再試行します。"
_NOT_THERE = _NO_ANSWER + "OPTIONS に応答しない事業者であれば、qualify: 0s としてください。"
# What Asterisk finds wrong in a carrier's certificate, by a word of it.
_CERTIFICATE: Mapping[str, str] = {
    "identity": "事業者の証明書が、host の名前のものではありません。host をご確認ください。",
    "expired": "事業者の証明書の有効期限が切れているか、有効期間がまだ始まっていません。このサーバーの時計をご確認のうえ、合っていれば事業者にお問い合わせください。",
    "revoked": "事業者の証明書は失効しています。事業者にご確認ください。",
    "": "事業者の証明書を信頼できません。trunks.yaml の tls の authorities をご確認ください。",
}


@dataclass(frozen=True, slots=True)
class Registration:
    """`reason`: Japanese, with what to do; empty while all is well."""

    state: State
    reason: str = ""


def read(registrations: str, contacts: str, log: str) -> dict[str, Registration]:
    """Trunk -> how its carrier stands; without those that were not asked yet, or never are.

    `registrations`, `contacts`: "pjsip show …"; `log`: the end of Asterisk's log.
    """
    answers, certificates = _said(log)
    found = {
        name: _asked(state == "Avail", certificates.get(_host(server)))
        for name, server, state in _CONTACT.findall(contacts)
    }
    for name, server, state in _REGISTRATION.findall(registrations):
        # A carrier that registers us and answers no OPTIONS: Asterisk rings nobody there.
        if state != "Registered" or name not in found or not found[name].reason:
            found[name] = _registration(state, answers.get(server), certificates.get(_host(server)))
    return found


def _said(log: str) -> tuple[dict[str, int], dict[str, str]]:
    """Server -> its last answer, and host -> what is wrong with its certificate; what is over no longer counts."""
    answers: dict[str, int] = {}
    certificates: dict[str, str] = {}
    new: set[str] = set()  # hosts whose certificate was refused since the last attempt
    for found in _SAID.finditer(log):
        if found["remote"]:
            certificates[found["remote"]] = found["certificate"]
            new.add(found["remote"])
            continue
        server = found["from"] or found["silent"]
        if found["silence"]:
            answers.pop(server, None)
        else:
            answers[server] = int(found["fatal"] or found["temporal"])
        if found["silence"] is None or _host(server) not in new:
            certificates.pop(_host(server), None)
        new.discard(_host(server))
    return answers, certificates


def _host(server: str) -> str:
    found = _HOST.match(server)
    return found[1] if found else server


def _asked(there: bool, certificate: str | None) -> Registration:
    if there:
        return Registration("reachable")
    return _distrusted(certificate) if certificate else Registration("unreachable", _NOT_THERE)


def _registration(state: str, answer: int | None, certificate: str | None) -> Registration:
    if state == "Registered":
        return Registration("registered")
    if certificate:
        return _distrusted(certificate)
    if state == "Unregistered" or answer is None:
        return Registration("unreachable", _NO_ANSWER)
    reason = _MEANS.get(answer, "事業者に登録を断られました。事業者の案内をご確認ください。")
    return Registration("refused", f"{reason}（事業者の応答 {answer}）")


def _distrusted(certificate: str) -> Registration:
    reason = next(said for word, said in _CERTIFICATE.items() if word in certificate)
    return Registration("unreachable", f"{reason}（{certificate.strip()}）")
