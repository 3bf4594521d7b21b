"""Short words for dates, moments and desks in the tests of hours."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr.clock import SystemClock
from ivr.hours import Calendar, HoursModel

TOKYO = ZoneInfo("Asia/Tokyo")


def d(year: int, month: int, day: int) -> date:
    return date(year, month, day)


def jst(text: str) -> datetime:
    """`2026-11-24 10:00` in Tokyo."""
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def offset_to(text: str) -> str:
    """IVR_CLOCK_OFFSET with which a command believes that it is `2026-11-24 10:00` in Tokyo."""
    return str((jst(text) - SystemClock(0).now()).total_seconds())


def desk(weekly: dict[str, str] | None = None, **fields: Any) -> Calendar:
    """ecforce's hours (weekdays 10-17, public holidays closed), or others."""
    mapping = {"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-17:00"}, "holidays": "JP"} | fields
    if weekly is not None:
        mapping["weekly"] = weekly
    return Calendar(HoursModel.model_validate(mapping))
