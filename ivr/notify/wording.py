"""What customers read: subject and text of a mail for each change of what they asked for. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime

from ivr.dialplan.form import Change, CustomerMails
from ivr.notify.texts import FOOT, moment

_SUBJECTS: dict[Change, str] = {
    "received": "お申し込みを承りました",
    "begun": "担当者が決まりました",
    "not_reached": "お電話いたしましたが、つながりませんでした",
    "delayed": "ご連絡が遅れております",
    "done": "ご対応が完了いたしました",
    "cancelled": "お申し込みを取り消しました",
    "unreachable": "受付を終了いたしました",
}
_BODIES: dict[Change, str] = {
    "received": "折り返しのお電話のお申し込みを承りました。担当者より、お電話いたします。",
    "begun": "担当者が決まりました。ご連絡まで、今しばらくお待ちくださいますよう、お願いいたします。",
    "not_reached": "担当者よりお電話いたしましたが、つながりませんでした。改めてお電話いたします。",
    "delayed": (
        "お約束の日時までにご連絡を差し上げることができず、誠に申し訳ございません。\n"
        "順次ご連絡しておりますので、今しばらくお待ちくださいますよう、お願いいたします。"
    ),
    "done": (
        "お問い合わせへの対応が完了いたしました。\n"
        "ご不明な点がございましたら、受付番号を添えて、お問い合わせくださいますよう、お願いいたします。"
    ),
    "cancelled": (
        "折り返しのお申し込みを取り消しました。\n"
        "お心当たりのない場合は、お手数ですが、もう一度お問い合わせくださいますよう、お願いいたします。"
    ),
    "unreachable": (
        "何度かお電話いたしましたが、ご連絡がつきませんでしたので、いったん受付を終了いたします。\n"
        "引き続きご入り用の場合は、お手数ですが、もう一度お問い合わせくださいますよう、お願いいたします。"
    ),
}
_BY_MAIL = "お問い合わせを承りました。担当者より、メールでお答えいたします。"
_WRONG_NUMBER = (
    "担当者よりお電話いたしましたが、お伺いした電話番号では、おつなぎすることができませんでした。\n"
    "お手数ですが、お電話番号をお確かめのうえ、もう一度お申し込みくださいますよう、お願いいたします。"
)
_CLOSED = (
    "{reason}のため、お約束の日時までにご連絡を差し上げることができない見込みでございます。誠に申し訳ございません。\n"
    "再開後、順次ご連絡いたしますので、お待ちくださいますよう、お願いいたします。"
)
_RULE = FOOT.split("\n")[0]
_ANSWERED = f"{_RULE}\nこのメールは、自動でお送りしております。ご不明な点は、このメールにご返信ください。"
# A name is written by a stranger, and stands in a mail to somebody who may be another one.
_NAME = re.compile(r"[^\W\d_]+(?:[ 　・'’.-]{1,2}[^\W\d_]+){0,4}")
LONGEST_NAME = 30


@dataclass(frozen=True, slots=True)
class Told:
    """One customer's own: `ticket` as that one was told. `due`: by when a call was promised; `next`: the next attempt.

    `closing`: why the line is closed when it is due. `wrong_number`: nobody of that name is there.
    """

    change: Change
    line_name: str
    ticket: str
    name: str | None
    asked: datetime
    reply_wanted: bool
    due: datetime | None = None
    next: datetime | None = None
    matter: str | None = None
    closing: str | None = None
    wrong_number: bool = False


def subject(told: Told) -> str:
    said = _SUBJECTS[told.change]
    if told.change == "received" and not told.reply_wanted:
        said = "お問い合わせを承りました"
    if told.closing is not None:
        said = "ご連絡が遅れる見込みでございます"
    return f"{said}（受付番号 {told.ticket}）"


def text(told: Told, rules: CustomerMails) -> str:
    said = [f"{_addressed(told.name)}\n\n{told.line_name}でございます。\n{_body(told)}"]
    said.append("\n".join(f"{name}：{value}" for name, value in _facts(told)))
    if told.matter is not None:
        said.append(f"ご用件：\n{told.matter}")
    foot = _ANSWERED if rules.reply_to else FOOT
    said.append("\n".join([*([_RULE, rules.sign.strip()] if rules.sign else []), foot]))
    return "\n\n".join(said) + "\n"


def _body(told: Told) -> str:
    if told.closing is not None:
        return _CLOSED.format(reason=told.closing)
    if told.change == "received" and not told.reply_wanted:
        return _BY_MAIL
    if told.change == "not_reached" and told.wrong_number:
        return _WRONG_NUMBER
    return _BODIES[told.change]


def _facts(told: Told) -> list[tuple[str, str]]:
    facts = [("受付番号", told.ticket), ("受付日時", moment(told.asked))]
    if told.change in ("received", "begun", "delayed") and told.due is not None:
        facts.append(("お電話のお約束" if told.reply_wanted else "ご回答のお約束", f"{moment(told.due)}まで"))
    if told.change == "not_reached" and told.next is not None and not told.wrong_number:
        facts.append(("次のお電話", f"{moment(told.next)}ごろ"))
    return facts


def _addressed(name: str | None) -> str:
    """By name, if it is nothing but a name."""
    if name is not None and len(name) <= LONGEST_NAME and _NAME.fullmatch(name):
        return f"{name} 様"
    return "お客様"
