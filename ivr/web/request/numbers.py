"""Telephone numbers as people write them in a form, and what is said about one that cannot be rung."""

import re
import unicodedata
from collections.abc import Collection

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

from ivr.outside import to_ring_back

# What stands between digits, after NFKC: hyphens of every kind, the long vowel mark that is typed for one, and brackets.
_BETWEEN = re.compile(r"[\s\-‐‑‒–—―−ー─‧·・.,、/()\[\]〜~]")
_MOBILE = re.compile(r"0[5-9]0")
_CANNOT = "へは、お電話をおかけすることができません。固定電話、携帯電話、IP電話の番号をご入力ください。"
_KINDS = {
    PhoneNumberType.TOLL_FREE: "フリーダイヤルなどの着信者負担の番号",
    PhoneNumberType.UAN: "ナビダイヤルの番号",
    PhoneNumberType.PREMIUM_RATE: "有料の情報サービスの番号",
    PhoneNumberType.PAGER: "この番号",
}
EMPTY = "お電話番号をご入力ください。"
OURS = "この窓口の電話番号です。お客様ご自身のお電話番号をご入力ください。"
LETTERS = (
    "お電話番号は、数字とハイフンだけで、1つだけご入力ください。内線番号などは、ご用件の欄にお書きください。"
)
WRONG = "お電話番号に誤りがあるようです。お確かめのうえ、もう一度ご入力ください。"
NO_AREA = "お電話番号の桁数が足りないようです。市外局番からご入力ください。"
SHORT = "お電話番号の桁数が足りないようです。お確かめのうえ、もう一度ご入力ください。"
LONG = "お電話番号の桁数が多いようです。お確かめのうえ、もう一度ご入力ください。"


class BadNumber(ValueError):
    """What is said to the customer about it."""


def read(text: str, ours: Collection[str] = ()) -> str:
    """E.164 of a number that a person may be rung at. `ours`: numbers (E.164) of the line. BadNumber says kindly why not."""
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).removeprefix("tel:")
    if not plain:
        raise BadNumber(EMPTY)
    if not re.fullmatch(r"\+?[0-9]+", plain):
        raise BadNumber(LETTERS)
    plain = re.sub(r"^(0081|01081)", "+81", plain)
    found = to_ring_back(plain)
    if found is None:
        raise BadNumber(_why_not(plain))
    if found in ours:
        raise BadNumber(OURS)
    return found


def _why_not(plain: str) -> str:
    digits = re.sub(r"^18[46](?=0)", "", re.sub(r"^\+?81(?=[1-9])", "0", plain))
    if re.fullmatch(r"1[0-9]{2}", digits):
        return f"恐れ入りますが、{digits}{_CANNOT}"
    if _is_abroad(plain):
        return f"恐れ入りますが、海外の電話番号{_CANNOT}"
    try:
        number = phonenumbers.parse(digits, "JP")
    except phonenumbers.NumberParseException:
        return NO_AREA if len(digits) < 10 else WRONG
    if said := _KINDS.get(phonenumbers.number_type(number)):
        return f"恐れ入りますが、{said}{_CANNOT}"
    if not digits.startswith("0") and len(digits) < 9:
        return NO_AREA
    length = 11 if _MOBILE.match(digits) else 10
    if digits.startswith("0") and len(digits) != length:
        return SHORT if len(digits) < length else LONG
    reason = phonenumbers.is_possible_number_with_reason(number)
    return {ValidationResult.TOO_SHORT: SHORT, ValidationResult.TOO_LONG: LONG}.get(reason, WRONG)


def _is_abroad(plain: str) -> bool:
    if not plain.startswith(("+", "010")) or plain.startswith("+81"):
        return False
    try:
        return phonenumbers.parse(plain, "JP").country_code != 81
    except phonenumbers.NumberParseException:
        return False
