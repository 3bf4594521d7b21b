"""How the pages for customers say times and promises: Japanese, Japanese time, polite."""

import re
from datetime import datetime
from typing import Final

from ivr.clock import JAPAN
from ivr.web.request.crowd import Level, Now, Usual

LEVELS: Final[dict[Level, tuple[str, str]]] = {
    "free": ("◎", "ただいま、お電話がつながりやすくなっております。"),
    "busy": ("○", "ただいま、お電話が混み合っております。"),
    "very_busy": ("△", "ただいま、お電話が大変混み合っており、つながりにくくなっております。"),
    "closed": ("－", "ただいまの時間は、お電話の受付時間外でございます。"),
}
USUAL: Final[dict[Usual | None, tuple[str, str]]] = {
    "easy": ("◎", "つながりやすい"),
    "normal": ("○", "ふつう"),
    "crowded": ("△", "混み合いやすい"),
    None: ("－", "受付時間外"),
}
_UNITS: Final = {"m": "分", "minute": "分", "h": "時間", "hour": "時間"}


def level(now: Now) -> tuple[str, str]:
    """Its shape, and the sentence."""
    shape, said = LEVELS[now.level]
    if now.opens is not None:
        said += f"次の受付は、{day_and_time(now.opens)}からでございます。"
    return shape, said


def day_and_time(at: datetime) -> str:
    """11月25日（水）17時, 11月25日（水）9時30分"""
    local = at.astimezone(JAPAN)
    clock = f"{local.hour}時{f'{local.minute}分' if local.minute else ''}"
    return f"{local.month}月{local.day}日（{'月火水木金土日'[local.weekday()]}）{clock}"


def within(due: str) -> str:
    """「3 business days」 -> 3営業日以内; as `due` of a dialplan is written."""
    found = re.fullmatch(r"(\d+) ?(business )?(day|hour|minute|h|m)s?", due)
    assert found is not None, "the dialplan was checked"
    number, business, unit = found.groups()
    if unit == "day":
        return f"{number}営業日以内"
    return f"{number}{'営業' if business else ''}{_UNITS[unit]}以内"
