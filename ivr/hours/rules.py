"""Which opening times a single local day has, and why."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from holidays.countries.japan import Japan

from ivr.errors import CalendarError
from ivr.hours.model import HoursModel
from ivr.hours.text import (
    Interval,
    MonthDay,
    is_yearly,
    read_date,
    read_dated,
    read_exception,
    read_intervals,
    read_weekdays,
    read_yearly,
)

Kind = Literal[
    "open", "before_opening", "after_closing", "lunch", "weekend", "holiday", "company_day", "exception"
]

# What the holidays library knows of Japan; outside it answers "no holiday", which would mean "open".
FIRST_YEAR, LAST_YEAR = 1949, 2099


@dataclass(frozen=True, slots=True)
class Reason:
    """`name`: the public holiday in Japanese, or what the dialplan gives for a closed day; else None."""

    kind: Kind
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """`intervals` in order, as minutes of local time; empty on a closed day, whose `reason` says why."""

    intervals: tuple[Interval, ...]
    reason: Reason


OPEN = Reason("open")
WEEKEND = Day((), Reason("weekend"))


@cache
def holiday_names(year: int) -> dict[date, str]:
    """The public holidays of Japan in one year, with 振替休日 and 国民の休日, named in Japanese."""
    # Without `language` the names follow LANG of whoever started the process.
    return dict(Japan(language="ja", years=year, expand=False))


class Rules:
    """Exception before company day before public holiday before weekly hours."""

    def __init__(self, model: HoursModel) -> None:
        self._weekly = [WEEKEND] * 7
        for weekdays, times in model.weekly.items():
            for weekday in read_weekdays(weekdays):
                self._weekly[weekday] = Day(read_intervals(times), OPEN)
        self._observes_holidays = model.holidays is not None
        self._exceptions = {read_date(key): _exception(text) for key, text in model.exceptions.items()}
        # Of two closed days on one date the dated one gives the reason, then the one written first.
        self._dated: list[tuple[date, date, Day]] = []
        self._yearly: list[tuple[MonthDay, MonthDay, Day]] = []
        for key, name in model.closed.items():
            closed = Day((), Reason("company_day", name))
            if is_yearly(key):
                self._yearly.append((*read_yearly(key), closed))
            else:
                self._dated.append((*read_dated(key), closed))

    def day(self, day: date) -> Day:
        """CalendarError for a year whose public holidays nobody knows: it must not pass for open."""
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise CalendarError(f"A calendar knows the years {FIRST_YEAR} to {LAST_YEAR}, not {day.year}.")
        if day in self._exceptions:
            return self._exceptions[day]
        company_day = self._company_day(day)
        if company_day is not None:
            return company_day
        if self._observes_holidays:
            name = holiday_names(day.year).get(day)
            if name is not None:
                return Day((), Reason("holiday", name))
        return self._weekly[day.weekday()]

    def _company_day(self, day: date) -> Day | None:
        for first, last, closed in self._dated:
            if first <= day <= last:
                return closed
        month_day = (day.month, day.day)
        for start, end, closed in self._yearly:
            within = start <= month_day <= end
            over_new_year = end < start and (month_day >= start or month_day <= end)
            if within or over_new_year:
                return closed
        return None


def _exception(text: str) -> Day:
    intervals, name = read_exception(text)
    return Day(intervals, OPEN if intervals else Reason("exception", name))
