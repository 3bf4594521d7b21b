"""How people read the history of a callback: the Japanese of its codes, for pages and notices."""

from typing import Final

from ivr.callbacks import results
from ivr.callbacks.edits import Field
from ivr.callbacks.who import SYSTEM
from ivr.store.tables import CallbackEvent

PRIORITIES: Final = {"critical": "緊急", "high": "高", "medium": "中", "low": "低"}
EVENTS: Final = {
    "created": "受付",
    "claim": "担当になりました",
    "give_back": "担当を外れました",
    "done": "対応済みにしました",
    "reopen": "未対応に戻しました",
    "corrected": "文字を直しました",
    "filled": "候補を採用しました",
    "priority": "優先度を変えました",
    "contact": "同じお客様からのお問い合わせ",
    "accept": "引き継ぎました",
    "answered": "お客様が応答しました",
    "hung_up": "通話が終わりました",
    "assign": "担当を変えました",
    "begin": "対応を始めました",
    "cancel": "取り消しました",
    "dial": "発信しました",
    "duty": "当番の電話を鳴らしました",
    "decline": "引き継ぎをやめました",
    "edit": "内容を直しました",
    "escalate": "期限を過ぎたため、上位に上げました",
    "flag": "目印を変えました",
    "give_up": "連絡不能としました",
    "lease_end": "担当の時間が切れました",
    "memo": "メモ",
    "merge": "ほかの受付番号をまとめました",
    "message": "録音し直されました",
    "near_due": "期限が近づいています",
    "news_due": "経過をご連絡する時刻です",
    "news": "経過をご連絡しました",
    "not_rung": "お電話できませんでした",
    "at_once": "今すぐの折り返し",
    "next": "次回の日時を変えました",
    "number": "折り返し先を変えました",
    "offer": "引き継ぎを依頼しました",
    "once_more": "もう一度お電話することにしました",
    "result": "結果を記録しました",
    "second": "二次対応中",
    "second_end": "二次対応を終えました",
    "split": "別の受付番号に分けました",
    "undo": "元に戻しました",
    "waiting": "お客様待ちにしました",
    "wanted": "折り返し「要」に変えました",
    "working": "確認中にしました",
}
# What a person may change of a callback.
FIELDS: Final[dict[Field, str]] = {
    "name": "お名前",
    "company": "会社名",
    "number": "電話番号",
    "email": "メールアドレス",
    "addressee": "宛先",
    "member": "会員番号",
    "matter": "ご用件",
    "preferred_time": "希望時間帯",
    "reply_wanted": "折り返しの要・不要",
}
# Of a contact: how somebody asked.
SOURCES: Final = {
    "message": "留守番電話",
    "key": "番号を押して希望",
    "form": "フォーム",
    "abandoned": "お待ちの間に切断",
    "agent": "オペレーターの入力",
    "call": "お客様からの再入電",
}


def who(name: str) -> str:
    return {SYSTEM.name: "自動", "rule": "自動（規則）"}.get(name, name)


def why(event: CallbackEvent) -> str:
    """Why something was done, as the history tells it."""
    said = event.why or ""
    if event.what == "priority":  # "high: its reason"
        level, _, reason = said.partition(": ")
        return f"{PRIORITIES.get(level, level)}、{reason}" if reason else PRIORITIES.get(level, level)
    if event.what == "result":  # "busy: a note", or why it was recorded by itself
        result, colon, note = said.partition(": ")
        word = next((word for code, word in results.WORDS.items() if code == result), None)
        return said if word is None else f"{word}、{note}" if colon else word
    if event.what == "escalate":  # "tier 2"
        return said.replace("tier ", "第") + "階層"
    if event.what == "undo":
        return EVENTS.get(said, said)
    if event.what == "edit":  # "name, company"
        named: dict[str, str] = dict(FIELDS.items())
        return "・".join(named.get(one, one) for one in said.split(", "))
    return next((word for code, word in [*SOURCES.items(), *results.WORDS.items()] if code == said), said)
