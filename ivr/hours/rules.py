"""Which opening times a single local day has, and why."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal

from ivr.errors import CalendarError
from ivr.hours.model import HoursModel
from ivr.hours.official import FIRST_YEAR, LAST_YEAR, holiday_names
from ivr.hours.text import (
    HOLIDAY,
    LAST,
    Interval,
    MonthDay,
    WeekDay,
    is_of_month,
    is_yearly,
    read_date,
    read_dated,
    read_exception,
    read_intervals,
    read_of_month,
    read_week_days,
    read_yearly,
)

Kind = Literal[
    "open",
    "before_opening",
    "after_closing",
    "lunch",
    "weekend",
    "holiday",
    "company_day",
    "exception",
    "sudden",
]

ONE_WEEK = timedelta(days=7)
# Of a leap year, so that 2/29 is among them.
_YEAR = [(day.month, day.day) for day in (date(2000, 1, 1) + timedelta(days=i) for i in range(366))]


@dataclass(frozen=True, slots=True)
class Reason:
    """`name`: the public holiday in Japanese, or what is given for a closed day or a sudden closing; else None."""

    kind: Kind
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """`intervals` in order, as minutes of local time; empty on a closed day, whose `reason` says why.

    The reason of an open day has a name if its times are not those of its weekday: the public holiday,
    or the key of the weekday of the month. `rule`: where under the hours of the dialplan that stands.
    """

    intervals: tuple[Interval, ...]
    reason: Reason
    rule: tuple[str, ...] = field(default=(), compare=False)


OPEN = Reason("open")
WEEKEND = Day((), Reason("weekend"), ("weekly",))


class Rules:
    """Exception before company day before public holiday before weekday of the month before weekly hours."""

    def __init__(self, model: HoursModel) -> None:
        self._weekly = [WEEKEND] * 7
        self._of_month: dict[WeekDay, Day] = {}
        self._holiday_times: Day | None = None
        for key, times in model.weekly.items():
            plan = Day(read_intervals(times), OPEN, ("weekly", key))
            for which, weekday in read_week_days(key):
                if which:
                    self._of_month[which, weekday] = replace(plan, reason=Reason("open", key))
                elif weekday == HOLIDAY:
                    self._holiday_times = plan
                else:
                    self._weekly[weekday] = plan
        self._observes_holidays = model.holidays is not None
        self._exceptions = {read_date(key): _exception(key, text) for key, text in model.exceptions.items()}
        # Of two closed days on one date the dated one gives the reason, then the yearly one; of two of
        # these, the one written first.
        self._dated: dict[int, list[tuple[date, date, Day]]] = {}  # by year
        self._yearly: dict[MonthDay, Day] = {}
        self._monthly: dict[WeekDay, Day] = {}
        for key, name in model.closed.items():
            self._close(key, Day((), Reason("company_day", name), ("closed", key)))

    def _close(self, key: str, closed: Day) -> None:
        if is_yearly(key):
            for month_day in _days_of_year(*read_yearly(key)):
                self._yearly.setdefault(month_day, closed)
        elif is_of_month(key):
            for day in read_of_month(key):
                self._monthly.setdefault(day, closed)
        else:
            first, last = read_dated(key)
            for year in range(max(first.year, FIRST_YEAR), min(last.year, LAST_YEAR) + 1):
                self._dated.setdefault(year, []).append((first, last, closed))

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
                times = self._holiday_times
                if times is None:
                    return Day((), Reason("holiday", name), ("holidays",))
                return replace(times, reason=Reason("open", name))
        if self._of_month:
            return _of_month(self._of_month, day) or self._weekly[day.weekday()]
        return self._weekly[day.weekday()]

    def _company_day(self, day: date) -> Day | None:
        for first, last, closed in self._dated.get(day.year, ()):
            if first <= day <= last:
                return closed
        yearly = self._yearly.get((day.month, day.day))
        if yearly is None and self._monthly:
            return _of_month(self._monthly, day)
        return yearly


def _of_month(plans: dict[WeekDay, Day], day: date) -> Day | None:
    """A Friday may be both the fourth and the last of its month: then the number counts."""
    weekday = day.weekday()
    plan = plans.get(((day.day + 6) // 7, weekday))
    if plan is None and (day + ONE_WEEK).month != day.month:
        return plans.get((LAST, weekday))
    return plan


def _days_of_year(first: MonthDay, last: MonthDay) -> list[MonthDay]:
    """From `first` to `last`, both included; over the new year if `last` comes before `first`."""
    if first <= last:
        return [day for day in _YEAR if first <= day <= last]
    return [day for day in _YEAR if day >= first or day <= last]


def _exception(key: str, text: str) -> Day:
    intervals, name = read_exception(text)
    return Day(intervals, OPEN if intervals else Reason("exception", name), ("exceptions", key))
