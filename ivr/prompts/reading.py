"""From text as an admin writes it to text that the synthesiser reads right.

Each rule cures one misreading heard from pyopenjtalk-plus 0.4.1; the kana that comes out is held,
row by row, in tests/unit/test_prompts_reading.py. Rules run in the order of `_CURES`: later ones
build on the forms that earlier ones write (10:00 -> 10時, then 10時~17時 -> 10時から17時まで).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

import phonenumbers

from ivr.prompts import spoken

_TO = r"\s*[~〜\-‐–—−ー]\s*"  # NFKC has already made ～ a ~
_WEEKDAY = "[月火水木金土日]"
_DAY = rf"{_WEEKDAY}(?:曜日?)?"
_DATE = rf"(?:\d+月)?\d+日(?:、{_WEEKDAY}曜日)?"
_POINT = rf"(?:{_DATE}|{_WEEKDAY}曜日|\d+月|(?:午前|午後)?(?:\d+|れい)時(?:\d+分)?|正午)"
_UNIT = r"(?:分|時間|営業日|日|週間|か月|ヶ月|名様?|人|件|回|円)"
_SYMBOLS = {
    "#": "シャープ",
    "♯": "シャープ",
    "*": "コメジルシ",
    "米印": "コメジルシ",
    "&": "アンド",
    "@": "アットマーク",
}


def normalise(text: str, readings: Mapping[str, str] | None) -> str:
    """The text to synthesise. `readings` (written form -> kana) applies first, the longest written form first.

    Full and half width, capitals and small letters are alike; a Latin word is not found inside a longer one.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if readings:
        pattern, by_written = _finder(tuple(readings.items()))
        text = pattern.sub(lambda match: by_written.get(match[0].casefold(), match[0]), text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=4)
def _finder(readings: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    by_written = {unicodedata.normalize("NFKC", word).casefold(): kana for word, kana in readings}
    longest_first = sorted(by_written, key=len, reverse=True)
    return re.compile("|".join(map(_word, longest_first)), re.IGNORECASE), by_written


def _word(written: str) -> str:
    before = r"(?<![A-Za-z0-9])" if written[0].isascii() and written[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if written[-1].isascii() and written[-1].isalnum() else ""
    return f"{before}{re.escape(written)}{after}"


def _telephone(match: re.Match[str]) -> str:
    """A valid number is divided as its owner divides it; any other, where the admin put hyphens."""
    try:
        number = phonenumbers.parse(match[0], "JP")
    except phonenumbers.NumberParseException:
        return spoken.phone(match[0])
    if not phonenumbers.is_valid_number(number):
        return spoken.phone(match[0])
    if number.country_code == 81:
        return spoken.phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))
    international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return "プラス、" + spoken.phone(international.replace(" ", "-"))


def _clock(match: re.Match[str]) -> str:
    minute = int(match[2])
    return f"{int(match[1])}時" + (f"{minute}分" if minute else "")


def _calendar_date(match: re.Match[str]) -> str:
    year, month, day = match[1], int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return (f"{year}年" if year else "") + f"{month}月{day}日"


def _day_list(match: re.Match[str]) -> str:
    """土・日・祝 -> 土日祝日; 月・水・金 -> 月曜日、水曜日、金曜日."""
    days = re.findall(_WEEKDAY, re.sub("曜日?|祝日", "", match[0]))
    holiday = "祝" in match[0]
    if days == ["土", "日"]:
        return "土日" + ("祝日" if holiday else "")
    return "、".join([f"{day}曜日" for day in days] + ["祝日"] * holiday)


def _about(match: re.Match[str]) -> str:
    """4、5分 -> 4分から5分, but only for neighbours: 1、5分 is a list of two."""
    low, high, unit = match.groups()
    return f"{low}{unit}から{high}{unit}" if int(high) == int(low) + 1 else match[0]


_CURES: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    # A line break is a pause; the synthesiser would run on.
    (r"(?<=[、。!?])\s*[\r\n]+\s*", ""),
    (r"\s*[\r\n]+\s*", "、"),
    ("|".join(re.escape(symbol) for symbol in _SYMBOLS), lambda m: _SYMBOLS[m[0]]),
    # Numbers that are names, not amounts: digit by digit.
    (r"(?<=\d)[‐‑–—−ー](?=\d)", "-"),
    (r"(?<![\d-])(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?![\d-])", _calendar_date),
    (r"(?<![\d-])(?:\+[\d(][\d\-() ]{6,}\d|0\d[\d\-()]{6,}\d)", _telephone),
    (r"(?<=番号)([はが]?)[:、 ]*(\d{2,})(?![\d-])", lambda m: f"{m[1]}、{spoken.digits(m[2])}"),
    (r"(?<![\d.,+-])\d{5,}(?![\d.,-]|万|億|円|人|名|件|個|%)", lambda m: spoken.digits(m[0])),
    # Dates and times.
    (r"(?<![\d/])()(\d{1,2})/(\d{1,2})(?![\d/])", _calendar_date),
    (r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])", _clock),
    (r"(?<!\d)0時(?!間)", "れい時"),
    (rf"\(({_WEEKDAY})(?:曜日?)?\)(?=[\d午])", r"、\1曜日、"),
    (rf"\(({_WEEKDAY})(?:曜日?)?\)", r"、\1曜日"),
    # Days of the week: alone they are read as 土 ツチ, 月 ツキ, and 月水金 as nonsense.
    (rf"({_WEEKDAY})(?:曜日?)?{_TO}({_WEEKDAY})(?:曜日?)?(?:まで)?(?!\d)", r"\1曜日から\2曜日まで"),
    (rf"{_DAY}(?:[・,]{_DAY})+(?:[・、,]祝日?)?|土、日(?=、祝)(?:、祝日?)?", _day_list),
    (r"(?:(?<=毎週)|(?<![一-龥\d]))[月火水木金]{2,5}(?![一-龥])", _day_list),
    # Ranges: a point in time ends with まで, an amount does not.
    (rf"({_POINT}){_TO}({_POINT})(?:まで)?", r"\1から\2まで"),
    (rf"(?<!\d)(\d+){_TO}(\d+)(時)(?!間)(?:まで)?", r"\1\3から\2\3まで"),
    (rf"(?<!\d)(\d+){_UNIT}?{_TO}(\d+)({_UNIT})", r"\1\3から\2\3"),
    # 1日 is a date before から and まで, unless a length of time is meant (1日から2日ほど).
    (r"(?<![\d月])1日(?=から(?!\d+日(?:間|ほど|程度|以内|くらい|ぐらい|かか))|まで)", "ついたち"),
    (rf"(?<!\d)(\d)[、,・](\d)({_UNIT})", _about),
    # 方 is a person (かた) after の, a verb or an adjective; not a direction, not した方がよい.
    (
        r"(?<![左右上下東西南北前後側]の)(?<=[のいたるむ])方(?=[はにへをもでと、。,がの]|$)(?!が(?:よ|い|良|早))",
        "かた",
    ),
    (r"かたは(?=\d)", "かたは、"),  # without the pause: 片刃, カタハ
    (r"を行(?=っ[てた])", "をおこな"),  # 受付を行って: イッテ
    ("お手数", "おてすう"),  # オテカズ
    (r"小口(?=出品|プラン)", "こぐち"),  # オグチ
]
_RULES = [(re.compile(pattern), replacement) for pattern, replacement in _CURES]
