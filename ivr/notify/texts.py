"""The words of a notice: subject and body of a mail, the text for Slack, JSON for programs."""

from datetime import datetime
from typing import Any

from ivr.callbacks import said
from ivr.clock import JAPAN, iso
from ivr.notify.content import Content, Happened
from ivr.outside import spelled

REPLY, CALLED = "折り返し必要のご案内", "入電のご案内"
TRIAL = "試験用モデル"
_SUBJECTS = {
    "near_due": "折り返し期限が近づいているご案内",
    "tier2": "折り返し期限を過ぎたご案内（二次対応）",
    "tier3": "折り返し期限を過ぎたご案内（三次対応）",
    "news_due": "お客様への経過のご連絡のお願い",
    "exhausted": "連絡不能のご判断のお願い",
}

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
_DUE = {
    "near_due": "折り返しのお約束の時刻が近づいておりますが、まだ対応が始まっておりません。",
    "tier2": "折り返しのお約束の時刻となりましたが、まだ対応が始まっておりません。\n二次対応として、ご確認をお願いいたします。",
    "tier3": "折り返しのお約束の時刻を過ぎておりますが、まだ対応が始まっておりません。\n三次対応として、至急ご確認をお願いいたします。",
    "news_due": "お客様へ、経過をご連絡するお約束の時刻となりました。\nご連絡のうえ、「経過をお客様に伝えた」と記録してくださいますよう、お願いいたします。",
    "exhausted": "お客様に何度かお電話いたしましたが、つながりませんでした。\n連絡不能とするかどうか、ご判断をお願いいたします。",
}
_WANTED = (
    "お客様よりお電話をいただき、折り返しのご連絡が必要となっております。\n"
    "お手数をおかけいたしますが、ご確認のうえ、お客様へお電話くださいますよう、お願いいたします。"
)
# By how somebody asked: with and without a wish to be rung.
_ASKED = {
    "form": (
        "お客様より、お申し込みのページで、折り返しのお電話のお申し込みをいただきました。\n"
        "お手数をおかけいたしますが、ご確認のうえ、お客様へお電話くださいますよう、お願いいたします。",
        "お客様より、お申し込みのページで、お問い合わせをいただきました。お電話は、ご希望ではございません。",
    ),
    "abandoned": (
        "お客様が、お待ちの間に電話をお切りになりました。折り返しのご連絡が必要となっております。\n"
        "お手数をおかけいたしますが、ご確認のうえ、お客様へお電話くださいますよう、お願いいたします。",
        "お客様が、お待ちの間に電話をお切りになりました。",
    ),
}
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
    return _SUBJECTS.get(content.event) or (REPLY if content.reply_wanted else CALLED)


def mail_text(content: Content) -> str:
    parts = [f"{content.line_name}\nご担当者様", "\n".join(_lead(content))]
    parts.append("\n".join(f"{name}：{value}" for name, value in _facts(content)))
    if content.with_matter:
        parts.append(f"{_heading(content)}：\n{content.matter or _NO_MATTER}")
    if content.history is not None:
        parts.append("\n".join(["経緯：", *map(_line, content.history)]))
    if content.audio is not None:
        parts.append("音声を、このメールに添付しております。")
    parts.append(f"詳しくは、次のページでご確認ください（ログインが必要です）。\n{content.url}")
    return "\n\n".join([*parts, FOOT]) + "\n"


def slack_text(content: Content) -> str:
    """In Slack's own markup."""
    facts = [f"{name}：{_plain(value)}" for name, value in _facts(content)]
    matter = [f"{_heading(content)}："]
    matter += [f">{_plain(line)}" for line in (content.matter or _NO_MATTER).splitlines()]
    history = [_plain(_line(one)) for one in content.history or ()]
    first = [
        f"*{subject(content)}*",
        *([_URGENT] if content.urgent else []),
        *([_LATER] if content.later else []),
    ]
    link = f"<{content.url}|詳しく見る>"
    return "\n".join([" ".join(first), *facts, *(matter if content.with_matter else []), *history, link])


def as_json(content: Content) -> dict[str, Any]:
    told: dict[str, Any] = {
        "event": content.event,
        "id": content.key,
        "line": content.line,
        "line_name": content.line_name,
        "ticket": content.ticket,
        "message": content.message,
        "call": content.call,
        "at": iso(content.at),
        "due": iso(content.due),
        "cause": content.cause,
        "priority": content.priority,
        "urgent": content.urgent,
        "reply_wanted": content.reply_wanted,
        "source": content.source or ("message" if content.message else None),
        "about": content.about,
        "url": content.url,
    }
    if content.with_number:
        told["number"] = content.number
    if content.with_matter:
        told["matter"] = content.matter
        told["matter_model"] = content.heard_by and content.heard_by + (
            f"（{TRIAL}）" if content.trial else ""
        )
    if content.history is not None:
        told["history"] = [_event(one) for one in content.history]
    if content.event == "change" and content.happened is not None:
        told |= {"change": _event(content.happened), "state": content.state, "agent": content.agent}
        told |= {"outcome": content.outcome, "next_at": iso(content.next_at)}
    return told


def _event(one: Happened) -> dict[str, Any]:
    """`id` tells their order, for notices may overtake each other."""
    told = {"id": one.id, "what": one.what, "by": one.who, "at": iso(one.at)}
    return told | {"why": one.why, "before": one.before, "after": one.after}


def _heading(content: Content) -> str:
    return f"ご用件（{TRIAL}による文字起こし）" if content.matter and content.trial else "ご用件"


def _line(one: Happened) -> str:
    """Of the history: 11月24日 11:05　発信しました（tanaka）"""
    local = one.at.astimezone(JAPAN)
    what = said.EVENTS.get(one.what, one.what)
    why = f"：{one.said}" if one.said else ""
    return f"{local.month}月{local.day}日 {local.hour}:{local.minute:02}　{what}（{said.who(one.who)}）{why}"


def _lead(content: Content) -> list[str]:
    if content.event in _DUE:
        lead = _DUE[content.event]
        if not content.reply_wanted:  # by the form a mail was promised
            lead = lead.replace("折り返しの", "メールでのご回答の")
    elif content.event in _LEADS and content.ticket is None:
        lead = _LEADS[content.event]
    else:
        wanted, not_wanted = _ASKED.get(content.source or "", (_WANTED, _NOT_WANTED))
        lead = wanted if content.reply_wanted else not_wanted
    return [*([_LATER] if content.later else []), lead, *([_URGENT] if content.urgent else [])]


def _facts(content: Content) -> list[tuple[str, str]]:
    facts = [("受付番号", content.ticket), ("窓口", content.line_name), ("受付日時", moment(content.at))]
    facts.append(("折り返し期限", moment(content.due) if content.due else None))
    if content.event in _DUE:
        facts.append(("担当", content.agent or "決まっておりません"))
    if content.with_number:
        known = (
            spelled(content.number) if content.number else _WITHHELD.get(content.withheld or "", "番号不明")
        )
        facts.append(("お電話番号", known))
    facts.append(("内容", content.about))
    return [(name, value) for name, value in facts if value]


def moment(at: datetime) -> str:
    """2026年11月24日（火）11時05分, Japanese time."""
    local = at.astimezone(JAPAN)
    day = f"{local.year}年{local.month}月{local.day}日（{'月火水木金土日'[local.weekday()]}）"
    return f"{day}{local.hour}時{local.minute:02}分"


def _plain(text: str) -> str:
    """As Slack asks: these three would be markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
