"""The words of a notice: subject and body of a mail, the text for Slack, JSON for programs."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr.notify.content import Content
from ivr.outside import spelled

ZONE = ZoneInfo("Asia/Tokyo")
REPLY, CALLED = "折り返し必要のご案内", "入電のご案内"

_WITHHELD = {
    "anonymous": "非通知",
    "payphone": "公衆電話",
    "unavailable": "表示圏外",
    "deleted": "番号は削除済み",
}
_LEADS = {
    "silent": "留守番電話に着信がございましたが、お声を確認することができませんでした。",
    "message": "お客様より、留守番電話にメッセージをお預かりいたしました。",
    "step": "お客様よりお電話をいただきましたので、お知らせいたします。",
}
_WANTED = (
    "お客様よりお電話をいただき、折り返しのご連絡が必要となっております。\n"
    "お手数をおかけいたしますが、ご確認のうえ、お客様へお電話くださいますよう、お願いいたします。"
)
_NOT_WANTED = "お客様よりお電話をいただきました。折り返しのご連絡は、不要とのことでございます。"
_URGENT = "お急ぎのご用件です。"
_LATER = "先のお知らせが、まだ確認されておりませんので、改めてお知らせいたします。"
_NO_MATTER = "（文字にすることができておりません。音声をお聞きください。）"
FOOT = (
    "――――――――――\n"
    "このメールは、電話受付システムより自動でお送りしております。\n"
    "ご返信をいただきましても、お答えすることができませんので、あらかじめご了承ください。"
)


def subject(content: Content) -> str:
    return REPLY if content.reply_wanted else CALLED


def mail_text(content: Content) -> str:
    said = [f"{content.line_name}\nご担当者様", "\n".join(_lead(content))]
    said.append("\n".join(f"{name}：{value}" for name, value in _facts(content)))
    if content.with_matter:
        said.append(f"ご用件：\n{content.matter or _NO_MATTER}")
    if content.audio is not None:
        said.append("音声を、このメールに添付しております。")
    said.append(f"詳しくは、次のページでご確認ください（ログインが必要です）。\n{content.url}")
    return "\n\n".join([*said, FOOT]) + "\n"


def slack_text(content: Content) -> str:
    """In Slack's own markup."""
    facts = [f"{name}：{_plain(value)}" for name, value in _facts(content)]
    matter = [f">{_plain(line)}" for line in (content.matter or _NO_MATTER).splitlines()]
    first = [
        f"*{subject(content)}*",
        *([_URGENT] if content.urgent else []),
        *([_LATER] if content.later else []),
    ]
    link = f"<{content.url}|詳しく見る>"
    return "\n".join([" ".join(first), *facts, *(matter if content.with_matter else []), link])


def as_json(content: Content) -> dict[str, Any]:
    told: dict[str, Any] = {
        "event": content.event,
        "id": content.key,
        "line": content.line,
        "line_name": content.line_name,
        "ticket": content.ticket,
        "message": content.message,
        "call": content.call,
        "at": _iso(content.at),
        "due": _iso(content.due) if content.due else None,
        "cause": content.cause,
        "priority": content.priority,
        "urgent": content.urgent,
        "reply_wanted": content.reply_wanted,
        "about": content.about,
        "url": content.url,
    }
    if content.with_number:
        told["number"] = content.number
    if content.with_matter:
        told["matter"] = content.matter
    return told


def _lead(content: Content) -> list[str]:
    if content.event in _LEADS and content.ticket is None:
        lead = _LEADS[content.event]
    else:
        lead = _WANTED if content.reply_wanted else _NOT_WANTED
    return [*([_LATER] if content.later else []), lead, *([_URGENT] if content.urgent else [])]


def _facts(content: Content) -> list[tuple[str, str]]:
    facts = [("受付番号", content.ticket), ("窓口", content.line_name), ("受付日時", moment(content.at))]
    facts.append(("折り返し期限", moment(content.due) if content.due else None))
    if content.with_number:
        known = (
            spelled(content.number) if content.number else _WITHHELD.get(content.withheld or "", "番号不明")
        )
        facts.append(("お電話番号", known))
    facts.append(("内容", content.about))
    return [(name, value) for name, value in facts if value]


def moment(at: datetime) -> str:
    """2026年11月24日（火）11時05分, Japanese time."""
    local = at.astimezone(ZONE)
    day = f"{local.year}年{local.month}月{local.day}日（{'月火水木金土日'[local.weekday()]}）"
    return f"{day}{local.hour}時{local.minute:02}分"


def _iso(at: datetime) -> str:
    return at.astimezone(ZONE).isoformat(timespec="seconds")


def _plain(text: str) -> str:
    """As Slack asks: these three would be markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
