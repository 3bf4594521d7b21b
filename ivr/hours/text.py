"""How the texts of a calendar are read: weekdays, opening times, dates.

Every function takes one text of the YAML file and raises ValueError with a
message that says what to write instead. Full-width letters and the Japanese
wave dash mean the same as their ASCII forms.
"""

import re
import unicodedata
from datetime import date
from itertools import pairwise

Interval = tuple[int, int]
"""Minutes since the local midnight of the day it starts on, [open, close); close may exceed 1440."""

MonthDay = tuple[int, int]

WeekDay = tuple[int, int]
"""Which of the month (EVERY, 1 to 5, LAST) and the weekday, Monday 0; (EVERY, HOLIDAY) is a public holiday."""

DAY = 24 * 60
EVERY, LAST = 0, -1
HOLIDAY = 7

_WEEKDAYS = (
    ("月", "mon", "monday"),
    ("火", "tue", "tuesday"),
    ("水", "wed", "wednesday"),
    ("木", "thu", "thursday"),
    ("金", "fri", "friday"),
    ("土", "sat", "saturday"),
    ("日", "sun", "sunday"),
)
_WEEKDAY = {name: number for number, names in enumerate(_WEEKDAYS) for name in names}
_HOLIDAY_NAMES = ("祝日", "祝", "holiday", "holidays")
_WHICH = {
    name: number
    for number, names in enumerate(
        (
            ("1", "一", "1st", "first"),
            ("2", "二", "2nd", "second"),
            ("3", "三", "3rd", "third"),
            ("4", "四", "4th", "fourth"),
            ("5", "五", "5th", "fifth"),
        ),
        start=1,
    )
    for name in names
} | {"最終": LAST, "last": LAST}
_ONE_OF_MONTH = rf"(?:第?(?:{'|'.join(sorted(_WHICH, key=len, reverse=True))}))"
_OF_MONTH = re.compile(
    rf"(?:毎月)?(?P<which>{_ONE_OF_MONTH}(?:\s*(?:[,、・&]|and)\s*{_ONE_OF_MONTH})*)\s*"
    rf"(?P<day>{'|'.join(sorted(_WEEKDAY, key=len, reverse=True))})(?:曜日?)?",
    re.IGNORECASE,
)
_LIKE_OF_MONTH = re.compile(
    r"毎月|第|最終|\d(?:st|nd|rd|th)|(?:first|second|third|fourth|fifth|last)\b", re.I
)
_TIMES = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_ISO = r"(\d{4})-(\d{2})-(\d{2})"
_ISO_DATE = re.compile(_ISO)
_ISO_RANGE = re.compile(rf"{_ISO}\s*-\s*{_ISO}")
_YEARLY = re.compile(r"(\d{1,2})/(\d{1,2})(?:\s*-\s*(\d{1,2})/(\d{1,2}))?")
_CLOSED = re.compile(r"(?:closed|休業)(?:[\s:、]+(.+))?", re.IGNORECASE)


def plain(text: str) -> str:
    """The text with full-width forms, wave dashes and outer blanks made ASCII."""
    return re.sub("[~〜–−]", "-", unicodedata.normalize("NFKC", text)).strip()


def is_of_month(text: str) -> bool:
    """Whether a key is meant as `第3水曜`, right or wrong."""
    return _LIKE_OF_MONTH.match(plain(text)) is not None


def read_of_month(text: str) -> tuple[WeekDay, ...]:
    """`第3水曜`, `第2・第4土曜`, `最終金曜`, `3rd wed`, `2nd and 4th sat`, `last fri`."""
    match = _OF_MONTH.fullmatch(plain(text))
    if not match:
        raise ValueError(
            f'"{text}" is no weekday of the month; write it like 第3水曜, 第2・第4土曜 or 最終金曜, '
            "or like 3rd wed, 2nd and 4th sat or last fri"
        )
    numbers = re.split(r"[,、・&\s]+|and", match["which"].lower().replace("第", ""))
    which = [_WHICH[number] for number in numbers if number]
    if len(set(which)) < len(which):
        raise ValueError(f'"{text}" names a week twice; name each week once')
    return tuple((number, _WEEKDAY[match["day"].lower()]) for number in which)


def read_week_days(text: str) -> tuple[WeekDay, ...]:
    """A key of `weekly`: weekdays, 祝日 among them, or weekdays of the month."""
    if is_of_month(text):
        return read_of_month(text)
    return tuple((EVERY, weekday) for weekday in _read_weekdays(text))


def _read_weekdays(text: str) -> tuple[int, ...]:
    """`月-金`, `土`, `mon-fri`, `月,水,金`, `土,日,祝日`; a range may wrap (`土-月`)."""
    days: list[int] = []
    for part in re.split("[,、・]", plain(text)):
        if part.strip().lower() in _HOLIDAY_NAMES:
            days.append(HOLIDAY)
            continue
        ends = [_read_weekday(name, text) for name in part.split("-")]
        if len(ends) > 2:
            raise ValueError(
                f'"{text}" has too many dashes; write a range like 月-金 or a list like 月,水,金'
            )
        count = (ends[-1] - ends[0]) % 7 + 1
        days += [(ends[0] + i) % 7 for i in range(count)]
    if len(set(days)) < len(days):
        raise ValueError(f'"{text}" names a weekday twice; name each weekday once')
    return tuple(days)


def _read_weekday(name: str, text: str) -> int:
    # Not "日" alone: 土日 is two days and must not pass for Saturday.
    short = name.strip().removesuffix("曜日").removesuffix("曜").lower()
    if short not in _WEEKDAY:
        if len(short) > 1 and all(letter in _WEEKDAY or letter == "祝" for letter in short):
            raise ValueError(f'unknown weekday "{name.strip()}" in "{text}"; write {",".join(short)}')
        raise ValueError(
            f'unknown weekday "{name.strip()}" in "{text}"; write 月 火 水 木 金 土 日 or '
            "mon tue wed thu fri sat sun, a range like 月-金 or a list like 月,水,金; 祝日 for public "
            "holidays, 第3水曜 for one week of the month"
        )
    return _WEEKDAY[short]


def read_intervals(text: str) -> tuple[Interval, ...]:
    """In order of time. `10:00-17:00`; `10:00-12:00, 13:00-17:00`; `22:00-26:00` = `22:00-2:00`."""
    intervals = sorted(_read_interval(part.strip()) for part in re.split("[,、]", plain(text)))
    for before, after in pairwise(intervals):
        if after[0] < before[1]:
            raise ValueError(
                f'the times in "{text}" overlap; write times that follow each other, '
                "like 10:00-12:00, 13:00-17:00"
            )
    return tuple(intervals)


def _read_interval(text: str) -> Interval:
    match = _TIMES.fullmatch(text)
    if not match and _CLOSED.fullmatch(text.replace("定休日", "休業")):
        raise ValueError(
            f'"{text}" is not a span of time; a weekday that is closed is left out, and one week of the '
            "month stands under closed, like 第3水曜: 定休日"
        )
    if not match:
        raise ValueError(f'"{text}" is not a span of time; write it like 10:00-17:00')
    hour, minute, end_hour, end_minute = map(int, match.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or start >= DAY or end > 2 * DAY:
        raise ValueError(
            f'"{text}" has a time that does not exist; write 0:00 to 23:59 for the opening, and for '
            "the closing up to 24:00, or 26:00 for 2:00 of the next day"
        )
    if start < end <= start + DAY:
        return start, end
    # Only a short night is believed without being spelt out: "17:00-10:00" is far more often a slip.
    if end < start and end + DAY - start <= DAY // 2:
        return start, end + DAY
    if end <= start:
        raise ValueError(
            f'"{text}" ends before it starts; write the earlier time first, or '
            f"{hour}:{minute:02}-{end_hour + 24}:{end_minute:02} if it goes on into the next day"
        )
    raise ValueError(f'"{text}" is longer than 24 hours; write 0:00-24:00 for a whole day')


def read_date(text: str) -> date:
    """One ISO date, `2026-12-28`."""
    match = _ISO_DATE.fullmatch(plain(text))
    if not match:
        raise ValueError(f'"{text}" is not a date; write it like 2026-12-28')
    return _date(*map(int, match.groups()), text=text)


def _date(year: int, month: int, day: int, *, text: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(
            f'"{text}": there is no {year}-{month:02}-{day:02}; write a day that exists'
        ) from None


def is_yearly(text: str) -> bool:
    """Whether the key of a closed day has no year."""
    return _YEARLY.fullmatch(plain(text)) is not None


def read_yearly(text: str) -> tuple[MonthDay, MonthDay]:
    """First and last day, both closed: `8/13`, `12/29-1/3` (last before first: over the new year)."""
    match = _YEARLY.fullmatch(plain(text))
    if not match:
        raise ValueError(f'"{text}" is not a day of the year; write it like 8/13 or 12/29-1/3')
    numbers = [int(number) for number in match.groups() if number]
    # 2000 was a leap year: 2/29 may be named, it is closed when it exists.
    days = [_yearly_day(*numbers[i : i + 2], text=text) for i in range(0, len(numbers), 2)]
    return days[0], days[-1]


def _yearly_day(month: int, day: int, *, text: str) -> MonthDay:
    try:
        date(2000, month, day)
    except ValueError:
        raise ValueError(f'"{text}": there is no {month}/{day}; write month/day like 12/29') from None
    return month, day


def read_dated(text: str) -> tuple[date, date]:
    """First and last day, both closed: `2026-08-13`, `2026-08-13 - 2026-08-15`."""
    match = _ISO_RANGE.fullmatch(plain(text))
    if not match:
        if _ISO_DATE.fullmatch(plain(text)):
            return read_date(text), read_date(text)
        raise ValueError(
            f'"{text}" is not a day; write 8/13 or 12/29-1/3 for every year, '
            "2026-08-13 or 2026-08-13 - 2026-08-15 for one year, 第3水曜 for every month"
        )
    numbers = [int(number) for number in match.groups()]
    first, last = _date(*numbers[:3], text=text), _date(*numbers[3:], text=text)
    if last < first:
        raise ValueError(f'"{text}" ends before it starts; write the earlier date first')
    return first, last


def read_exception(text: str) -> tuple[tuple[Interval, ...], str | None]:
    """The opening times of one date; none for `closed`. With it the reason, if given: `closed 台風`."""
    match = _CLOSED.fullmatch(plain(text))
    if match:
        return (), match[1]
    try:
        return read_intervals(text), None
    except ValueError as error:
        raise ValueError(f"{error}; or write closed (休業), or closed and the reason") from None
