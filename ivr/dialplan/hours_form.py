"""One of a line's hours as the plain form that a shop's owner fills in, and back into the YAML of the file.

What the form cannot show, such as a week of the month or a third span of a day, stays in the file as it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ivr.dialplan.edit import put, take_out
from ivr.hours.model import HoursModel
from ivr.hours.text import (
    DAY,
    EVERY,
    HOLIDAY,
    Interval,
    is_of_month,
    is_yearly,
    read_dated,
    read_exception,
    read_intervals,
    read_week_days,
    read_yearly,
)

DAYS = "月火水木金土日"
SPANS = 2  # of a day: before and after the lunch break
Holidays = Literal["closed", "as_week", "own"]
Times = tuple[tuple[str, str], ...]  # "10:00", "17:00"; none: closed


@dataclass(frozen=True)
class Closed:
    """`first` and `last` are dates; with `yearly` their year means nothing."""

    first: date
    last: date
    yearly: bool
    reason: str


@dataclass(frozen=True)
class Exceptional:
    """`times` none: closed, with the reason if there is one."""

    day: date
    times: Times
    reason: str


@dataclass(frozen=True)
class HoursForm:
    week: tuple[Times, ...]  # Monday first; the eighth are the public holidays, with `holidays` "own"
    holidays: Holidays
    closed: tuple[Closed, ...]
    exceptions: tuple[Exceptional, ...]


def read_form(model: HoursModel, today: date) -> HoursForm:
    """ValueError if the week has more spans of a day than the form has room for."""
    week: list[Times] = [()] * 8
    for key, text in model.weekly.items():
        for which, day in read_week_days(key):
            if which == EVERY:
                week[day] = _times(read_intervals(text))
    if any(len(times) > SPANS for times in week):
        raise ValueError("a day has more spans than the form can show")
    holidays: Holidays = "as_week" if model.holidays is None else "own" if week[HOLIDAY] else "closed"
    return HoursForm(
        tuple(week),
        holidays,
        tuple(_closed(key, reason, today) for key, reason in model.closed.items() if not is_of_month(key)),
        tuple(_exceptional(key, text) for key, text in model.exceptions.items() if _fits(text)),
    )


def kept(model: HoursModel) -> list[str]:
    """What is in force and not in the form, as it is written."""
    months = [f"{key}: {text}" for key, text in model.weekly.items() if _is_of_month(key)]
    closed = [f"{key}: {reason}" for key, reason in model.closed.items() if is_of_month(key)]
    return months + closed + [f"{key}: {text}" for key, text in model.exceptions.items() if not _fits(text)]


def write_form(file: str, text: str, hours: str, model: HoursModel, form: HoursForm, today: date) -> str:
    """The file's text with the hours as in `form`; what did not change is not touched."""
    before = read_form(model, today)
    path = ("hours", hours)
    if (before.week, before.holidays) != (form.week, form.holidays):
        text = _put_holidays(file, text, path, model, form.holidays)
        week = _week(form)
        old = {key: value for key, value in model.weekly.items() if not _is_of_month(key)}
        text = _replace(file, text, (*path, "weekly"), model.weekly, old, week)
    if before.closed != form.closed:
        new = _closed_entries(model, form, today)
        text = _replace(file, text, (*path, "closed"), model.closed, _shown(model.closed), new)
    if before.exceptions != form.exceptions:
        shown = {key: value for key, value in model.exceptions.items() if _fits(value)}
        days = dict(map(_exception, form.exceptions))
        text = _replace(file, text, (*path, "exceptions"), model.exceptions, shown, days)
    return text


def _replace(
    file: str,
    text: str,
    path: tuple[str, ...],
    there: Mapping[str, str],
    old: Mapping[str, str],
    new: Mapping[str, str],
) -> str:
    """`old`, a part of the entries that are `there`, becomes `new`."""
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    gone = [key for key in old if key not in new]
    if len(gone) == len(there):  # a mapping must not be empty in between: it would go
        return take_out(file, put(file, text, path, changed), path, gone)
    return put(file, take_out(file, text, path, gone), path, changed)


def _put_holidays(file: str, text: str, path: tuple[str, ...], model: HoursModel, holidays: Holidays) -> str:
    if holidays == "as_week":
        return take_out(file, text, path, ["holidays"] if model.holidays else [])
    return text if model.holidays else put(file, text, path, {"holidays": "JP"})


# -- the week -------------------------------------------------------------------------------


def _is_of_month(key: str) -> bool:
    return any(which != EVERY for which, _ in read_week_days(key))


def _week(form: HoursForm) -> dict[str, str]:
    """Days in a row with the same times in one entry, as people write them: 月-金."""
    found: dict[str, str] = {}
    first = 0
    for day in range(1, len(DAYS) + 1):
        if day < len(DAYS) and form.week[day] == form.week[first]:
            continue
        if form.week[first]:
            name = DAYS[first] if day - first == 1 else f"{DAYS[first]}-{DAYS[day - 1]}"
            found[name] = _spans(form.week[first])
        first = day
    if form.holidays == "own" and form.week[HOLIDAY]:
        found["祝日"] = _spans(form.week[HOLIDAY])
    return found


def _times(intervals: Iterable[Interval]) -> Times:
    """A browser knows no 24:00 and no 26:00: an end that is not after its beginning is on the next day."""
    return tuple((_clock(begin), _clock(end % DAY)) for begin, end in intervals)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _spans(times: Times) -> str:
    return ", ".join(f"{begin}-{end if end > begin else _next_day(end)}" for begin, end in times)


def _next_day(clock: str) -> str:
    return f"{int(clock[:2]) + 24}{clock[2:]}"


# -- single days ----------------------------------------------------------------------------


def _closed(key: str, reason: str, today: date) -> Closed:
    if not is_yearly(key):
        return Closed(*read_dated(key), False, reason)
    (month, day), (last_month, last_day) = read_yearly(key)
    first = _of_year(today.year, month, day)
    over_new_year = (last_month, last_day) < (month, day)
    return Closed(first, _of_year(today.year + over_new_year, last_month, last_day), True, reason)


def _of_year(year: int, month: int, day: int) -> date:
    """29 February stands in the next leap year."""
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            year += 1


def _shown(closed: Mapping[str, str]) -> dict[str, str]:
    return {key: reason for key, reason in closed.items() if not is_of_month(key)}


def _closed_entries(model: HoursModel, form: HoursForm, today: date) -> dict[str, str]:
    """A row that was there keeps the words in which its days are written."""
    written = {_closed(key, reason, today): key for key, reason in _shown(model.closed).items()}
    return {written.get(row) or _days(row): row.reason for row in form.closed}


def _days(row: Closed) -> str:
    if not row.yearly:
        return f"{row.first}" if row.first == row.last else f"{row.first} - {row.last}"
    first, last = (f"{day.month}/{day.day}" for day in (row.first, row.last))
    return first if first == last else f"{first}-{last}"


def _fits(text: str) -> bool:
    return len(read_exception(text)[0]) <= SPANS


def _exceptional(key: str, text: str) -> Exceptional:
    intervals, reason = read_exception(text)
    return Exceptional(read_dated(key)[0], _times(intervals), reason or "")


def _exception(row: Exceptional) -> tuple[str, str]:
    return row.day.isoformat(), _spans(row.times) or f"closed {row.reason}".strip()
