"""When a customer wishes to be rung: 希望時間帯 as people say and write it, and the parts of a day."""

import re
import unicodedata
from datetime import datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

Band = Literal["午前", "午後", "夕方"]
NOON, EVENING = time(12), time(16)
LAST = time(23, 59, 59)

_HOUR = r"(午前|午後|夕方|夜)?の?(\d{1,2})(?:時(半|\d{1,2}分)?|:(\d{2}))"
_FROM_TO = re.compile(_HOUR + r"(?:から|[-~〜～])の?" + _HOUR)
_ONE = re.compile(_HOUR + r"(?:頃|ごろ)?(以降|過ぎ|から|まで|前)")
# The first that is said counts; what is narrow stands before what holds it.
_PARTS: tuple[tuple[str, tuple[time, time]], ...] = (
    ("昼休み", (time(12), time(13))),
    ("午前", (time(0), NOON)),
    ("朝", (time(0), time(10))),
    ("夕方", (EVENING, LAST)),
    ("午後", (NOON, LAST)),
    ("昼", (time(11), time(14))),
    ("夜", (time(18), LAST)),
)


def band(at: datetime, zone: ZoneInfo) -> Band:
    local = at.astimezone(zone).time()
    return "午前" if local < NOON else "午後" if local < EVENING else "夕方"


def wished(text: str | None) -> tuple[time, time] | None:
    """The part of a day that is meant, [begin, end); None if it names none. Days are not read."""
    plain = unicodedata.normalize("NFKC", text or "").replace(" ", "")
    if found := _FROM_TO.search(plain):
        begin, end = _time(*found.groups()[:4]), _time(*found.groups()[4:])
        if begin and end and end <= begin and end < NOON:
            end = end.replace(hour=end.hour + 12)  # 「午後1時から3時」
        return (begin, end) if begin and end and begin < end else None
    if found := _ONE.search(plain):
        at = _time(*found.groups()[:4])
        if at is None:
            return None
        return (time(0), at) if found[5] in ("まで", "前") else (at, LAST)
    return next((span for word, span in _PARTS if word in plain), None)


def _time(part: str | None, hour: str, minutes: str | None, after_colon: str | None) -> time | None:
    number = int(hour)
    if part in ("午後", "夕方", "夜") and number < 12:
        number += 12
    past = 30 if minutes == "半" else int((after_colon or (minutes or "0").removesuffix("分")) or 0)
    return time(number, past) if number < 24 and past < 60 else None
