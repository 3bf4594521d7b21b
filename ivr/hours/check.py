"""What `ivr check` proves about a calendar beyond the form of its texts."""

from datetime import date, timedelta

from ivr.errors import CalendarError
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.hours.rules import LAST_YEAR

AHEAD = timedelta(days=400)


def checks(model: HoursModel, today: date) -> list[str]:
    """The problems, as sentences for the admin; none if callers can reach somebody some day."""
    if today.year + 1 > LAST_YEAR:
        return [f"public holidays are known only until {LAST_YEAR}, and next year is {today.year + 1}"]
    try:
        opens = Calendar(model).open_intervals(today, today + AHEAD)
    except CalendarError as error:
        return [str(error)]
    if opens:
        return []
    return [
        f"the line is never open in the {AHEAD.days} days from {today.isoformat()}; "
        "correct weekly, closed or exceptions"
    ]
