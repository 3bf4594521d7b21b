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
    found = re.fullmatch(r"(\d+) ?(business )?(day|hour|minute|h|m)s?", due)
    if found is None:
        raise ValueError(f'"{due}" is no due time')
    number, business, unit = int(found[1]), found[2] is not None, found[3]
    time = timedelta(minutes=number) if unit in ("m", "minute") else timedelta(hours=number)
    if not business:
        return received + time
    if calendar is None:
        raise CalendarError(f'"{due}" is business time, and there is no calendar to count it by.')
    if unit == "day":
        return calendar.add_business_days(received, number)
    return calendar.add_business_time(received, time)
