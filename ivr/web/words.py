"""How the pages say things: the Japanese of codes, numbers and times (DESIGN.md, Words)."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers

from ivr.callbacks.states import State

ZONE: Final = ZoneInfo("Asia/Tokyo")

# The shape tells states apart without colour.
SHAPES: Final[dict[State, str]] = {
    "open": "●",
    "claimed": "◐",
    "dialing": "▷",
    "talking": "▶",
    "working": "◆",
    "waiting": "◇",
    "done": "✓",
    "cancelled": "×",
    "unreachable": "△",
}
CAUSES: Final = {
    "busy": "話し中（混雑）",
    "no_agent": "オペレーター不在",
    "no_answer": "応答なし",
    "closed": "営業時間外",
    "asked": "折り返し希望",
}
PRIORITIES: Final = {"critical": "緊急", "high": "高", "medium": "中", "low": "低"}
WITHHELD: Final = {"anonymous": "非通知", "payphone": "公衆電話", "unavailable": "表示圏外"}
TRANSCRIPT_STATES: Final = {
    "waiting": "文字起こし待ち",
    "working": "文字起こし中",
    "failed": "文字起こし失敗",
    "none": "文字起こしなし",
}
EVENTS: Final = {
    "created": "受付",
    "claim": "担当になりました",
    "give_back": "担当を外れました",
    "done": "対応済みにしました",
    "reopen": "未対応に戻しました",
}


def phone(number: str | None, withheld: str | None) -> str:
    """`number` in E.164 as Japanese read it: 03-1234-5678."""
    if number is None:
        return WITHHELD.get(withheld or "", "番号不明")
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(
        parsed, style.NATIONAL if parsed.country_code == 81 else style.INTERNATIONAL
    )


def time_left(due: datetime | None, now: datetime) -> str:
    """あと25分, 超過10分, あと2日: the two largest units that matter, rounded down."""
    if due is None:
        return "期限なし"
    late = now > due
    minutes = int(abs(due - now) / timedelta(minutes=1))
    days, hours = minutes // 1440, minutes // 60
    if days >= 2:
        span = f"{days}日"
    elif hours:
        span = f"{hours}時間{minutes % 60}分" if minutes % 60 else f"{hours}時間"
    elif minutes:
        span = f"{minutes}分"
    else:
        span = "1分未満"
    return f"超過{span}" if late else f"あと{span}"


def moment(at: datetime | None, now: datetime) -> str:
    """今日 17:00, 11/24(火) 17:00, and with its year when that is another one; Japanese time."""
    if at is None:
        return "—"
    local, today = at.astimezone(ZONE), now.astimezone(ZONE).date()
    clock = f"{local.hour}:{local.minute:02}"
    if local.date() == today:
        return f"今日 {clock}"
    day = f"{local.month}/{local.day}({'月火水木金土日'[local.weekday()]})"
    return f"{day} {clock}" if local.year == today.year else f"{local.year}/{day} {clock}"


def iso(at: datetime | None) -> str | None:
    """RFC 3339 with Japan's offset, whole seconds."""
    return None if at is None else at.astimezone(ZONE).isoformat(timespec="seconds")


def length(seconds: float | None) -> str:
    """0:42, 2:05; 長さ不明 while it is not known."""
    if seconds is None:
        return "長さ不明"
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"
