"""The figures in the words of the pages; docs/admin/reports.md defines each."""

from typing import Final

from ivr.callbacks import results
from ivr.reports.facts import MANY
from ivr.web import words

WEEKDAYS: Final = "月火水木金土日"
PRIORITIES: Final = ("critical", "high", "medium", "low")
PROMISES: Final = {
    "kept": "守った",
    "late": "遅れて着手",
    "never": "着手せず超過",
    "waiting": "期限前",
}
OUTCOMES: Final = {
    "answered": "オペレーターが応答",
    "message": "留守番電話",
    "callback": "折り返しの依頼",
    "informed": "ご案内のみ",
    "abandoned": "途中で切断",
    "silent": "無言の留守番電話",
    "turned_away": "着信規制",
    "failed": "システムの障害",
    "rejected": "窓口のない番号",
}
LOSSES: Final = {
    "queue": "お待ちの間に切断",
    "busy": "話し中（混雑）の後に切断",
    "no_agent": "オペレーター不在の後に切断",
    "no_answer": "応答なしの後に切断",
    "asked": "折り返し希望の途中で切断",
    "closed": "営業時間外に切断",
    "menu": "ご案内の途中で切断",
    "failed": "システムの障害",
}
DIALS: Final = {**{str(code): word for code, word in results.WORDS.items()}, "open": "結果の記録なし"}
TRIES: Final = {
    str(count): "架電なし" if count == 0 else f"{count}回以上" if count == MANY else f"{count}回"
    for count in range(MANY + 1)
}
# Name of a figure -> what its rows are. Only these can be asked for.
NAMES: Final[dict[str, str]] = {
    "call": "通話",
    "call.offered": "オペレーターを求めた通話",
    "call.gone": "オペレーターを求め、切断した通話",
    "call.lost": "取れなかった通話",
    **{f"call.{code}": f"通話（{word}）" for code, word in OUTCOMES.items()},
    **{f"call.lost.{code}": f"取れなかった通話（{word}）" for code, word in LOSSES.items()},
    "ask": "折り返しのお問い合わせ",
    "again": "お客様からの再入電",
    "ask.promised": "お約束",
    "ask.broken": "守れなかったお約束",
    **{f"ask.{code}": f"お約束（{word}）" for code, word in PROMISES.items()},
    "ask.responded": "対応を始めたお問い合わせ",
    "ask.resolved": "対応済みのお問い合わせ",
    "ask.within": "目標内に解決したお問い合わせ",
    "ask.beyond": "解決の目標を過ぎたお問い合わせ",
    "dial": "架電",
    "dial.hand": "手元の電話での架電",
    **{f"dial.{code}": f"架電（{word}）" for code, word in DIALS.items()},
    "done": "対応済みの折り返し",
    **{f"done.{code}": f"対応済みの折り返し（架電 {word}）" for code, word in TRIES.items()},
    "message": "留守番電話",
}


def scope_said(scope: str) -> str:
    """Empty for all of the period."""
    kind, _, value = scope.partition(":")
    match kind:
        case "day":
            year, month, day = value.split("-")
            return f"{int(year)}年{int(month)}月{int(day)}日"
        case "hour":
            return f"{value}時台"
        case "slot":
            weekday, _, hour = value.partition("-")
            return f"{WEEKDAYS[int(weekday)]}曜日 {hour}時台"
        case "priority":
            return f"優先度 {words.PRIORITIES.get(value, value)}"
        case "agent":
            return f"担当 {value or 'なし'}"
    return ""


def percent(share: float | None) -> str:
    """To a tenth; — of nothing."""
    return "—" if share is None else f"{share:.1f}%"


def seconds_said(seconds: float | None) -> str:
    """42秒, 5分, 2時間5分, 3日: rounded down."""
    if seconds is None:
        return "—"
    return words.span(int(seconds) // 60) if seconds >= 60 else f"{int(seconds)}秒"
