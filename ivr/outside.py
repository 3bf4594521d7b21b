"""Telephone numbers outside: which of them are ever dialled, and how the telephone system reaches them.

Emergency, premium (0990), navi-dial (0570), pagers and everything abroad are never among them.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType

NUMBER = "{number}"  # in the dial string: the number as it is dialled in Japan
_PEOPLE = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.VOIP})
_DESKS = _PEOPLE | {PhoneNumberType.TOLL_FREE}
_SHOW_OR_HIDE = re.compile(r"^18[46](?=0)")  # 184, 186 before a number: caller ID off, on


def to_ring_back(text: str | None) -> str | None:
    """E.164 of a number as a caller types it, if a person may be rung back there; None if not."""
    return _japanese(text or "", _PEOPLE)


def national(number: str) -> str:
    """+81312345678 -> 0312345678."""
    return "0" + number.removeprefix("+81")


def spelled(number: str) -> str:
    """+81312345678 -> 03-1234-5678, as Japanese read it; one from abroad as +1 650-253-0000."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(
        parsed, style.NATIONAL if parsed.country_code == 81 else style.INTERNATIONAL
    )


def _japanese(text: str, kinds: Collection[int]) -> str | None:
    try:
        number = phonenumbers.parse(_SHOW_OR_HIDE.sub("", text), "JP")
    except phonenumbers.NumberParseException:
        return None
    right = number.country_code == 81 and not number.extension and phonenumbers.is_valid_number(number)
    if not right or phonenumbers.number_type(number) not in kinds:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@dataclass(frozen=True, slots=True)
class Way:
    """How a telephone outside is rung. `shown`: our number that is seen there, as it is dialled in Japan.

    `trunk` and how many calls it carries at one time; "" and 0: the operator's own dial string, which says nothing of it.
    """

    endpoint: str
    shown: str
    trunk: str = ""
    channels: int = 0


NoWay = Literal["never", "barred", "nowhere"]
"""Not a number that is ever rung; one that its trunk does not ring; no way leads out at all."""


@dataclass(frozen=True)
class Outside:
    """What calls may be transferred to: `transfers` and `dial_string` as IVR_TRANSFERS and IVR_OUTBOUND have them.

    `way`, without a dial string: how a number is rung over the trunk of a number of ours, both E.164.
    """

    transfers: tuple[str, ...] = ()
    dial_string: str = ""
    way: Callable[[str, str], Way | NoWay] | None = None

    def refusal(self, number: str) -> str | None:
        """Why a number (E.164) is not dialled, in words for an admin; None if it is."""
        shown = national(number)
        if _japanese(number, _DESKS) is None:
            return f"calls are never transferred to {shown}; only to ordinary and toll-free numbers in Japan"
        if not any(_matches(entry, shown) for entry in self.transfers):
            return f"calls may not be transferred to {shown}; the operator allows it by IVR_TRANSFERS"
        if not self.dial_string and self.way is None:
            return "no way leads to telephones outside; the operator gives one by IVR_TRUNKS or IVR_OUTBOUND"
        return None

    def of_transfer(self, number: str, ours: str = "") -> Way | None:
        """How a number (E.164) is rung for a caller of `ours`, E.164; None if it is refused."""
        found = self._way(number, ours) if self.refusal(number) is None else None
        return found if isinstance(found, Way) else None

    def to_person(self, number: str, ours: str) -> Way | NoWay:
        """How a customer is rung back, or one of our own people, at a number (E.164) whose line has `ours`.

        What may be transferred to does not count here: who is rung has asked for it, and the guard of callbacks
        is asked.
        """
        return self._way(number, ours) if to_ring_back(number) == number else "never"

    def _way(self, number: str, ours: str) -> Way | NoWay:
        if self.dial_string:
            return Way(self.dial_string.replace(NUMBER, national(number)), national(ours) if ours else "")
        return self.way(number, ours) if self.way is not None else "nowhere"


NOWHERE = Outside()


def _matches(entry: str, number: str) -> bool:
    """`entry` like "03-1234-5678", "+81 3-1234-5678", or "03-1234-*" for all that begin so."""
    digits = re.sub(r"[^0-9]", "", entry.replace("+81", "0", 1))
    return number.startswith(digits) if entry.endswith("*") else number == digits
