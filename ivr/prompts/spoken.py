"""Numbers, dates and waits as a Japanese desk says them aloud: pure text, no audio.

Every text is written so that the synthesiser reads it right as it stands
(tests/unit/test_prompts_spoken.py holds the kana of each).
"""

import datetime as dt
from math import ceil

# Long vowels as in a dictated number: a bare ニ or ゴ is lost on a telephone line.
_DIGITS = dict(
    zip(
        "0123456789",
        ["ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー"],
        strict=True,
    )
)

WAITS = (1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 40, 50, 60, 90, 120)  # minutes that are said of a wait


def date(d: dt.date) -> str:
    """`11月24日`. With the month before it 1日 is read ついたち, which a bare 1日 is not."""
    return f"{d.month}月{d.day}日"


def weekday(d: dt.date) -> str:
    """`火曜日`."""
    return "月火水木金土日"[d.weekday()] + "曜日"


def time(t: dt.time) -> str:
    """`午前10時30分`, `正午`, `午前れい時` (midnight). れい: the digit would be read ゼロ時. Seconds are not said."""
    if (t.hour, t.minute) == (12, 0):
        return "正午"
    half = "午前" if t.hour < 12 else "午後"
    hour = str(t.hour % 12 or "れい")
    minute = f"{t.minute}分" if t.minute else ""
    return f"{half}{hour}時{minute}"


def moment_parts(then: dt.datetime, today: dt.date) -> list[str]:
    """`本日、` `午後3時` `15分`, `11月` `ついたち、` `正午`: pieces that are few, for a time past or to come.

    `then` in the zone in which it is told, `today` there.
    """
    hour = "午後れい時" if then.hour == 12 and then.minute else time(dt.time(then.hour))
    return [*_day_parts(then.date(), today), hour, *([f"{then.minute}分"] if then.minute else [])]


def moments() -> list[str]:
    """All that `moment_parts` can say."""
    year = [dt.date(2027, 1, 1) + dt.timedelta(days=n) for n in range(365)]
    days = [part for day in year for part in _day_parts(day, dt.date(2030, 1, 1))]
    hours = [*(time(dt.time(hour)) for hour in range(24)), "午後れい時"]
    minutes = [f"{minute}分" for minute in range(1, 60)]
    return list(dict.fromkeys(["本日、", "昨日、", "あす、", *days, *hours, *minutes]))


def _day_parts(day: dt.date, today: dt.date) -> list[str]:
    near = {0: "本日、", 1: "昨日、", -1: "あす、"}.get((today - day).days)
    if near is not None:
        return [near]
    # Without a month before it 1日 would be read イチニチ.
    return [f"{day.month}月", "ついたち、" if day.day == 1 else f"{day.day}日、"]


def digits(text: str) -> str:
    """`4821` -> `ヨン、ハチ、ニー、イチ`: one digit at a time, slow enough to write down. Only digits are said."""
    return "、".join(_DIGITS[c] for c in text if c in _DIGITS)


def phone(national: str) -> str:
    """`03-1234-5678` -> `ゼロ サン、イチ ニー サン ヨン、ゴー ロク ナナ ハチ`: a pause at each hyphen, none between
    digits (the spaces give each pair of digits its own accent, as people dictate numbers)."""
    return "、".join(" ".join(_DIGITS[c] for c in group if c in _DIGITS) for group in national.split("-"))


def wait(duration: dt.timedelta) -> str:
    """`10分`, `1時間30分`, `2時間以上`: rounded up to the next of WAITS, so that no caller is promised less."""
    minutes = ceil(duration / dt.timedelta(minutes=1))
    return next((_wait(step) for step in WAITS if minutes <= step), f"{_wait(WAITS[-1])}以上")


def waits() -> list[str]:
    """All that `wait` can say."""
    return [*map(_wait, WAITS), f"{_wait(WAITS[-1])}以上"]


def _wait(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return (f"{hours}時間" if hours else "") + (f"{rest}分" if rest else "")


def people(n: int) -> str:
    """`3名様`."""
    return f"{n}名様"
