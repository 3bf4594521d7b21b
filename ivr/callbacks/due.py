"""When a callback is due."""

import re
from datetime import datetime, timedelta

from ivr.errors import CalendarError
from ivr.hours.calendar import Calendar


def due_at(due: str, received: datetime, calendar: Calendar | None) -> datetime:
    """`due` as the dialplan writes it: "1 business day", "4 business hours", "15m", "2 hours".

    N business days end at the close of the Nth business day after the day of receipt; business hours count
    open time only; "15m" is by the clock. CalendarError without a calendar for business time.
    """
    if found := re.fullmatch(r"(\d+) ?(m|h|minutes?|hours?)", due):
        return received + _time(int(found[1]), found[2])
    found = re.fullmatch(r"(\d+) business (day|hour)s?", due)
    if found is None:
        raise ValueError(f'"{due}" is no due time')
    if calendar is None:
        raise CalendarError(f'"{due}" is business time, and there is no calendar to count it by.')
    if found[2] == "day":
        return calendar.add_business_days(received, int(found[1]))
    return calendar.add_business_time(received, _time(int(found[1]), "h"))


def _time(number: int, unit: str) -> timedelta:
    return timedelta(minutes=number) if unit.startswith("m") else timedelta(hours=number)
