"""Telephone numbers at the edge: whatever Asterisk gives becomes E.164 or a reason why there is none.

Spelling only. Whether a number may be dialled is decided where something is dialled.
"""

import re
from functools import lru_cache

from ivr.call import Caller, Withheld

_WITHHELD: dict[str, Withheld] = {
    "coin line/payphone": "payphone",
    "coin line": "payphone",
    "payphone": "payphone",
    "unavailable": "unavailable",
}
_NOT_DIGITS = re.compile(r"[^0-9]")


@lru_cache(maxsize=10_000)
def to_e164(number: str) -> str | None:
    """03-1234-5678, 81312345678, +81 3 1234 5678, 010-1-212… -> E.164; None if it is no number."""
    digits = _NOT_DIGITS.sub("", number)
    if not digits:
        return None
    if number.lstrip().startswith("+"):
        e164 = digits
    elif digits.startswith(("184", "186")) and digits[3:4] == "0":
        return to_e164(digits[3:])
    elif digits.startswith("010"):
        e164 = digits[3:]
    elif digits.startswith("0"):
        e164 = "81" + digits[1:]
    elif digits.startswith("81") and len(digits) >= 11:
        e164 = digits
    else:
        return None
    if e164.startswith("810"):  # "+81 090…" as people write it
        e164 = "81" + e164[3:]
    return f"+{e164}" if 8 <= len(e164) <= 15 else None


def caller(number: str, name: str, language: str = "ja") -> Caller:
    """`number`, `name` and `language` as the channel shows them; P-Asserted-Identity never gets here."""
    e164 = to_e164(number) if name.strip().lower() not in ("anonymous", *_WITHHELD) else None
    if e164 is not None:
        return Caller(e164, language=language)
    return Caller(None, _WITHHELD.get(name.strip().lower(), "anonymous"), language)
