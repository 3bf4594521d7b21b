"""The examples of issue 2, with office hours 10-17 on weekdays."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ivr.callbacks.due import due_at
from ivr.errors import CalendarError
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel

TOKYO = ZoneInfo("Asia/Tokyo")
OFFICE = Calendar(HoursModel(zone="Asia/Tokyo", weekly={"月-金": "10:00-17:00"}))


def week(text: str) -> datetime:
    """ "Mon 08:30" in a week without public holidays; the next week's days carry a "+"."""
    day, clock = text.split()
    number = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon+", "Tue+", "Wed+"].index(day)
    return datetime.fromisoformat(f"2026-11-{9 + number:02}T{clock}").replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("received", "business_day", "business_hours"),
    [
        ("Mon 08:30", "Tue 17:00", "Mon 14:00"),
        ("Mon 16:30", "Tue 17:00", "Tue 13:30"),
        ("Fri 20:00", "Mon+ 17:00", "Mon+ 14:00"),
        ("Sat 12:00", "Mon+ 17:00", "Mon+ 14:00"),
    ],
)
def test_business_time(received: str, business_day: str, business_hours: str) -> None:
    assert due_at("1 business day", week(received), OFFICE) == week(business_day)
    assert due_at("4 business hours", week(received), OFFICE) == week(business_hours)


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ("15m", "Fri 20:15"),
        ("15 minutes", "Fri 20:15"),
        ("1 minute", "Fri 20:01"),
        ("2h", "Fri 22:00"),
        ("2 hours", "Fri 22:00"),
        ("1 hour", "Fri 21:00"),
        ("1 business hour", "Mon+ 11:00"),
        ("2 business days", "Tue+ 17:00"),
    ],
)
def test_every_spelling_of_the_dialplan(due: str, expected: str) -> None:
    assert due_at(due, week("Fri 20:00"), OFFICE) == week(expected)


def test_the_clock_needs_no_calendar() -> None:
    assert due_at("15m", week("Sat 23:50"), None) == week("Sun 00:05")


def test_business_time_without_a_calendar_is_an_error() -> None:
    with pytest.raises(CalendarError):
        due_at("1 business day", week("Mon 08:30"), None)


@pytest.mark.parametrize(
    "due", ["soon", "", "1 day", "business day", "-1h", "1 business m", "2 business minutes"]
)
def test_what_the_dialplan_does_not_allow_is_refused(due: str) -> None:
    with pytest.raises(ValueError, match="is no due time"):
        due_at(due, week("Mon 08:30"), OFFICE)
