"""What was typed: read, judged field by field, and what is said about each that is wrong."""

import hashlib
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from typing import Final

from ivr.dialplan.form import Asked, FormRules
from ivr.dialplan.notices import mail_address
from ivr.web.request import numbers

# In the order of the form
LONGEST: Final = {"name": 100, "company": 100, "member": 40, "matter": 2000, "number": 40, "email": 254}
NAMES: Final = {
    "name": "お名前",
    "company": "会社名",
    "member": "会員ID・お客様番号",
    "matter": "ご用件",
    "number": "お電話番号",
    "time": "ご希望の時間帯",
    "email": "メールアドレス",
}
TIMES: Final = ("午前", "午後", "夕方")
TICK: Final = "お電話での折返し案内を希望する"
ALL = (*LONGEST, "time", "call", "now", "consent")


@dataclass(frozen=True, slots=True)
class Entry:
    """`number` E.164; `call` False: answered by mail; `now`: at once, if that is possible."""

    name: str
    call: bool
    now: bool = False
    number: str | None = None
    company: str | None = None
    member: str | None = None
    email: str | None = None
    matter: str | None = None
    time: str | None = None

    @property
    def digest(self) -> str:
        """The same for what was typed alike."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:16]


def read(
    given: Mapping[str, str], rules: FormRules, ours: Collection[str], *, call: bool | None = None
) -> tuple[Entry | None, dict[str, str]]:
    """`given`: some of ALL, as typed. Field -> what is said about it, in the order of the form; None if any is wrong.

    `call`: a program asks, and says whether to ring; it has asked for the consent itself.
    """
    program = call is not None
    typed = {name: _tidy(given.get(name, ""), name) for name in LONGEST}
    if call is None:
        call = rules.by_mail is None or given.get("call") == "yes"
    wrong = {name: said for name in typed if (said := _missing(name, typed[name], rules, call))}
    if program and not typed["email"]:
        wrong.pop("email", None)
    number = None
    if typed["number"] and "number" not in wrong:
        try:
            number = numbers.read(typed["number"], ours)
        except numbers.BadNumber as error:
            if call:
                wrong["number"] = str(error)
    if typed["email"] and "email" not in wrong:
        try:
            typed["email"] = mail_address(unicodedata.normalize("NFKC", typed["email"]))
        except ValueError:
            wrong["email"] = "メールアドレスに誤りがあるようです。お確かめのうえ、もう一度ご入力ください。"
    time = given.get("time", "") if rules.times else ""
    if time and time not in TIMES:
        wrong["time"] = "ご希望の時間帯を、もう一度お選びください。"
    if not program and given.get("consent") != "yes":
        wrong["consent"] = "個人情報の取扱いをご確認のうえ、チェックを入れてください。"
    if wrong:
        return None, {name: wrong[name] for name in (*NAMES, "consent") if name in wrong}
    words = {name: typed[name] or None for name in ("company", "member", "email", "matter")}
    at_once = call and rules.now is not None and given.get("now") == "yes"
    return Entry(typed["name"], call, at_once, number, time=time or None, **words), {}


def asked(rules: FormRules) -> dict[str, Asked]:
    """Which fields are there, and which of them must be filled in by everybody."""
    found: dict[str, Asked] = {"name": "required", "company": rules.company, "member": rules.member}
    found["number"] = "required" if rules.by_mail is None else "optional"
    return found | {"email": rules.email, "matter": rules.matter}


def _tidy(text: str, name: str) -> str:
    """Without what cannot be seen; line breaks stay in the matter."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "\n" if name == "matter" else ""
    seen = (one if one in kept or unicodedata.category(one)[0] != "C" else " " for one in lines)
    return "".join(seen).strip()


def _missing(name: str, text: str, rules: FormRules, call: bool) -> str | None:
    if len(text) > LONGEST[name]:
        return f"{NAMES[name]}は、{LONGEST[name]}文字以内でご入力ください。"
    if text:
        return None
    if name == "number" and call:
        return f"折り返し先の{numbers.EMPTY}"
    if name == "email" and not call:
        return f"メールでお答えいたしますので、メールアドレスをご入力ください。お電話をご希望の場合は、「{TICK}」にチェックを入れてください。"
    if asked(rules)[name] == "required":
        return f"{NAMES[name]}をご入力ください。"
    return None
