"""A company's calendar (iCalendar) taken into one `hours:` of a file: what closes the line, and what opens it.

An event closes the line for its time, and its title is the reason that callers hear. One whose title
ends in 営業 opens it instead, and nothing else is open on that day.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from ivr.dialplan import edit
from ivr.dialplan.problems import did_you_mean
from ivr.dialplan.source import read
from ivr.errors import DialplanError
from ivr.hours import ical
from ivr.hours.calendar import Calendar
from ivr.hours.ical import Happening, Unread
from ivr.hours.model import HoursModel
from ivr.hours.official import FIRST_YEAR, LAST_YEAR, holiday_names
from ivr.hours.rules import Reason
from ivr.hours.text import DAY, Interval, is_of_month, is_yearly, read_date, read_dated

OPENING = ("営業", "営業日", "営業時間")  # how the title of an event ends that opens the line
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `closed` or `exceptions`; `before`: what the key had, None if it is new."""

    part: Literal["closed", "exceptions"]
    key: str
    value: str
    before: str | None
    title: str


@dataclass(frozen=True)
class Import:
    """`text`: the whole file with what was taken; `left`: what was not, and why."""

    text: str
    taken: tuple[Entry, ...]
    left: tuple[Unread, ...]


@dataclass
class _Found:
    """What the events make of the calendar, as it grows."""

    model: HoursModel
    closed: dict[str, str] = field(default_factory=dict)
    exceptions: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    left: list[Unread] = field(default_factory=list)

    def leave(self, event: Happening, why: str) -> None:
        self.left.append(Unread(event.title, event.begin.date().isoformat(), why))

    def calendar(self) -> Calendar:
        """With what was found until now."""
        grown = {
            "closed": {**self.model.closed, **self.closed},
            "exceptions": {**self.model.exceptions, **self.exceptions},
        }
        return Calendar(self.model.model_copy(update=grown))


def import_days(file: str, text: str, hours: str | None, data: bytes, first: date, last: date) -> Import:
    """`text`: of a dialplan or a shared file; `hours`: of which, None if it has only one. Blocks for a second.

    What falls on the days `first` to `last` is taken. Whether the new text is a good dialplan must be
    asked of `check`. DialplanError, BadDialplan or CalendarError, for the admin.
    """
    name, model = _hours(file, text, hours)
    happenings, unread = ical.read_events(data, model.zone, first, last)
    found = _Found(model)
    times: list[Happening] = []
    for event in happenings:
        if _doubtful(event.title):
            found.leave(
                event, "does it open or close? A title that opens ends in 営業, one that closes has 休"
            )
        elif event.whole_days and not _opens(event):
            _close_days(found, event)
        else:
            times.append(event)
    _set_times(found, times, first, last)
    new = text
    for part, entries in (("closed", found.closed), ("exceptions", found.exceptions)):
        new = edit.put(file, new, ("hours", name, part), entries)
    return Import(new, tuple(_entries(found)), (*unread, *found.left))


def _opens(event: Happening) -> bool:
    return event.title.endswith(OPENING)


def _doubtful(title: str) -> bool:
    """営業 is also "sales": 営業会議 opens nothing, and whether 営業所休業 closes is plain."""
    return "営業" in title and not title.endswith(OPENING) and "休" not in title


def _hours(file: str, text: str, hours: str | None) -> tuple[str, HoursModel]:
    tree: Any = read(file, text).tree
    there = tree.get("hours") if isinstance(tree, dict) else None
    if not isinstance(there, dict) or not there:
        raise DialplanError(f"{file} has no hours of its own; take the shared file that has them")
    if hours is None and len(there) > 1:
        raise DialplanError(f"{file} has several hours; say which: {', '.join(there)}")
    name = hours if hours is not None else next(iter(there))
    if name not in there:
        raise DialplanError(f'{file} has no hours "{name}"{did_you_mean(name, there)}')
    try:
        return name, HoursModel.model_validate(there[name])
    except ValidationError:
        raise DialplanError(f'hours "{name}" of {file} have errors; correct them first: ivr check') from None


# -- whole days -----------------------------------------------------------------------------


def _close_days(found: _Found, event: Happening) -> None:
    first, last = event.begin.date(), event.end.date() - ONE_DAY
    if not FIRST_YEAR < first.year <= last.year < LAST_YEAR:
        found.leave(event, "it reaches beyond the years that a calendar knows")
        return
    model, calendar = found.model, found.calendar()
    days = [first + i * ONE_DAY for i in range((last - first).days + 1)]
    if model.holidays and all(holiday_names(day.year).get(day) == event.title for day in days):
        found.leave(event, "it is a public holiday, which the hours know")
        return
    company_day = Reason("company_day", event.title)
    if all(calendar.day(day).reason == company_day for day in days):
        found.leave(event, "these days are closed for that reason already")
        return
    exceptions = {read_date(key) for key in model.exceptions}
    for day in days:
        if day in exceptions:
            found.leave(
                event, f"the exception of {day.isoformat()} stands and wins; take it out if it is wrong"
            )
    key = first.isoformat() if first == last else f"{first.isoformat()} - {last.isoformat()}"
    for there in model.closed:
        if not is_yearly(there) and not is_of_month(there) and read_dated(there) == (first, last):
            key = there
    found.closed[key] = event.title
    found.titles[key] = event.title


# -- times of a day -------------------------------------------------------------------------


def _set_times(found: _Found, events: list[Happening], first: date, last: date) -> None:
    """Days on which the line opens or closes at other times than usual become exceptions."""
    calendar, model = found.calendar(), found.model
    # What the week says of a day that is closed: for 「臨時営業日」 without times.
    week = Calendar(HoursModel.model_construct(zone=model.zone, weekly=model.weekly))
    keys = {read_date(key): key for key in model.exceptions}
    told: set[Happening] = set()
    for day, on_it in sorted(_by_day(events).items()):
        if not first <= day <= last:
            continue
        before = calendar.day(day).intervals
        opening, closing = [list(filter(_opens, on_it)), [event for event in on_it if not _opens(event)]]
        times = _joined(span for event in opening for span in _open_spans(event, day, week)) or before
        closing = [event for event in closing if _shut(times, *_minutes(event, day)) != times]
        for event in closing:
            times = _shut(times, *_minutes(event, day))
        if times == before:
            continue
        told.update(opening, closing)
        if any(start >= DAY for start, _ in times):
            for event in closing:
                found.leave(event, "what it leaves open begins after midnight, which cannot be written")
            continue
        key = keys.get(day, day.isoformat())
        found.exceptions[key] = _written(times) if times else f"closed {closing[-1].title}"
        found.titles[key] = "、".join(dict.fromkeys(event.title for event in (*opening, *closing)))
    for event in events:
        if event not in told:
            found.leave(event, _nothing(event))


def _nothing(event: Happening) -> str:
    if not _opens(event):
        return "nobody answers at that time anyway"
    if event.whole_days:
        return "its weekday has no hours, or is open as usual; give the event the times at which it opens"
    if event.end - event.begin > ONE_DAY:
        return "it opens for longer than a day; make an event of each day"
    return "the line is open at these times already"


def _by_day(events: Iterable[Happening]) -> dict[date, list[Happening]]:
    """The business days that each may touch: that on which it begins; those that it closes, and the night before."""
    found: dict[date, list[Happening]] = {}
    for event in events:
        opens_once = _opens(event) and not event.whole_days
        first = event.begin.date() - (timedelta() if _opens(event) else ONE_DAY)
        last = first if opens_once else (event.end - timedelta(microseconds=1)).date()
        for number in range((last - first).days + 1):
            found.setdefault(first + number * ONE_DAY, []).append(event)
    return found


def _open_spans(event: Happening, day: date, week: Calendar) -> tuple[Interval, ...]:
    """Whole days open as their weekday does; one that has no hours in the week, or a span of days, not at all."""
    if event.whole_days:
        return week.day(day).intervals
    return (_minutes(event, day),) if event.end - event.begin <= ONE_DAY else ()


def _minutes(event: Happening, day: date) -> Interval:
    """Since midnight of `day`; a minute that has begun counts."""
    midnight = datetime.combine(day, time())
    begin, end = event.begin - midnight, event.end - midnight
    return begin // timedelta(minutes=1), -(-end // timedelta(minutes=1))


def _joined(spans: Iterable[Interval]) -> tuple[Interval, ...]:
    joined: list[Interval] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def _shut(times: tuple[Interval, ...], begin: int, end: int) -> tuple[Interval, ...]:
    """`times` without [begin, end)."""
    pieces = [
        piece for start, stop in times for piece in ((start, min(stop, begin)), (max(start, end), stop))
    ]
    return tuple((start, stop) for start, stop in pieces if start < stop)


def _written(times: tuple[Interval, ...]) -> str:
    return ", ".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in times)


# -- what was found -------------------------------------------------------------------------


def _entries(found: _Found) -> Iterator[Entry]:
    before: Mapping[str, str]
    for key, value in found.closed.items():
        before = found.model.closed
        yield Entry("closed", key, value, before.get(key), found.titles[key])
    for key, value in found.exceptions.items():
        before = found.model.exceptions
        yield Entry("exceptions", key, value, before.get(key), found.titles[key])
