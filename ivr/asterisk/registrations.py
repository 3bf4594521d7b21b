"""Whether each carrier knows us: read from what Asterisk prints and logs, for ARI tells nothing of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["registered", "refused", "unreachable"]

_ROW = re.compile(
    r"^ *trunk\.([a-z][a-z0-9_]*)/\S+ .*?(Registered|Rejected|Unregistered|Stopped)\b", re.MULTILINE
)
_ANSWER = re.compile(
    r"(?:(\d{3}) \S.* fatal response|esponse '(\d{3})') received from '([^']+)' on registration"
)
_SERVER = re.compile(r"^ *trunk\.([a-z][a-z0-9_]*)/(\S+)", re.MULTILINE)

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


@dataclass(frozen=True, slots=True)
class Registration:
    """`reason`: Japanese, with what to do; empty while registered."""

    state: State
    reason: str = ""


def read(shown: str, log: str) -> dict[str, Registration]:
    """Trunk -> how its registration stands. `shown`: "pjsip show registrations"; `log`: the end of Asterisk's log."""
    servers = {name: server for name, server in _SERVER.findall(shown)}
    answers = {found[3]: int(found[1] or found[2]) for found in _ANSWER.finditer(log)}
    return {name: _registration(state, answers.get(servers[name])) for name, state in _ROW.findall(shown)}


def _registration(state: str, answer: int | None) -> Registration:
    if state == "Registered":
        return Registration("registered")
    if state == "Unregistered" or answer is None:
        return Registration("unreachable", _NO_ANSWER)
    reason = _MEANS.get(answer, "事業者に登録を断られました。事業者の案内をご確認ください。")
    return Registration("refused", f"{reason}（事業者の応答 {answer}）")
