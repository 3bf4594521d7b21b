"""When the desk is open and when a callback is due, found by walking minute by minute.

Slow and simple on purpose: what the product computes is held against it.
"""

import csv
import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

JAPAN = timezone(timedelta(hours=9))
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WEEKDAYS = "月火水木金土日"

Spans = tuple[tuple[str, str], ...]  # ("10:00", "12:00"), ...


def official_holidays(file: Path) -> frozenset[date]:
    """Of 内閣府's list (CP932)."""
    rows = list(csv.reader(io.StringIO(file.read_text("cp932"))))[1:]
    return frozenset(date(*map(int, row[0].split("/"))) for row in rows)


@dataclass(frozen=True)
class Office:
    """What a dialplan writes under `hours`."""

    holidays: frozenset[date]
    weekly: Mapping[int, Spans]
    yearly: Mapping[str, str]  # "8/12-8/15" -> reason
    dated: Mapping[str, str]  # "2026-10-07" -> reason
    exceptions: Mapping[str, Spans] = field(default_factory=dict)  # of a date; () is closed

    def spans(self, day: date) -> Spans:
        """An exception before a company day before a public holiday before the weekly hours."""
        if str(day) in self.exceptions:
            return self.exceptions[str(day)]
        if self.is_company_day(day) or day in self.holidays:
            return ()
        return self.weekly.get(day.weekday(), ())

    def is_company_day(self, day: date) -> bool:
        return str(day) in self.dated or any(_within(text, day) for text in self.yearly)

    def is_open(self, at: datetime) -> bool:
        """At the minute that `at` (Japanese time) lies in."""
        clock = f"{at.hour:02}:{at.minute:02}"
        return any(begin <= clock < end for begin, end in self.spans(at.date()))

    def due(self, due: str, received: datetime) -> datetime:
        """`due` as the dialplan writes it."""
        number, _, unit = due.partition(" ")
        if unit.startswith("business day"):
            return self._business_days(received, int(number))
        if unit.startswith("business hour"):
            return self._business_hours(received, int(number))
        return received + int(due.removesuffix("m")) * MINUTE

    def _business_days(self, received: datetime, days: int) -> datetime:
        """The close of the nth business day after the day of receipt."""
        at = datetime.combine(received.date() + DAY, time(), JAPAN)
        closing = None
        while True:
            if self.is_open(at):
                closing = at + MINUTE
            at += MINUTE
            if at.time() == time() and closing is not None:
                days, last, closing = days - 1, closing, None
                if not days:
                    return last

    def _business_hours(self, received: datetime, hours: int) -> datetime:
        at, left = received, hours * timedelta(hours=1)
        while True:
            following = at.replace(second=0, microsecond=0) + MINUTE
            if self.is_open(at):
                if left <= following - at:
                    return at + left
                left -= following - at
            at = following

    def as_yaml(self) -> dict[str, object]:
        weekly = {WEEKDAYS[day]: _written(spans) for day, spans in self.weekly.items()}
        exceptions = {day: _written(spans) or "closed 設備点検" for day, spans in self.exceptions.items()}
        closed = {**self.yearly, **self.dated}
        return {
            "zone": "Asia/Tokyo",
            "weekly": weekly,
            "holidays": "JP",
            "closed": closed,
            "exceptions": exceptions,
        }


def draw(dice: random.Random, holidays: frozenset[date], year: int) -> Office:
    opening, closing = (
        dice.choice(("08:30", "09:00", "09:45", "10:00", "11:15")),
        dice.choice(("16:00", "17:30", "18:05", "19:00")),
    )
    whole: Spans = ((opening, closing),)
    if dice.random() < 0.5:
        whole = ((opening, "12:00"), (dice.choice(("12:45", "13:00")), closing))
    weekly = {day: whole for day in range(5)}
    if dice.random() < 0.4:
        weekly[dice.choice((1, 2, 3))] = (("13:00", "17:00"),)
    if dice.random() < 0.3:
        weekly[5] = ((opening, "12:30"),)
    yearly = {"12/29-1/3": "年末年始休業"}
    month = dice.choice((2, 6, 8, 10))
    first = dice.randint(1, 22)
    yearly[f"{month}/{first}-{month}/{first + dice.randint(1, 5)}"] = dice.choice(
        ("夏季休業", "棚卸し", "社員研修")
    )
    workdays = [day for day in _year(year) if day.weekday() < 5 and day not in holidays]
    dated = {str(dice.choice(workdays)): "創立記念日"}
    exceptions: dict[str, Spans] = {
        str(dice.choice([day for day in _year(year) if day.weekday() == 5])): ((opening, "12:00"),),
        str(dice.choice(workdays)): dice.choice(((), (("10:00", "15:00"),))),
        str(dice.choice(sorted(day for day in holidays if day.year == year))): (("09:00", "11:00"),),
    }
    return Office(holidays, weekly, yearly, dated, exceptions)


REASONS = ("before opening", "after closing", "weekend", "holiday", "company day")


def moment(dice: random.Random, office: Office, year: int, kind: str) -> datetime:
    """Some moment at which the desk is "open", or closed for a reason of REASONS; far enough from any change."""
    fits: dict[str, Callable[[date], bool]] = {
        "open": lambda day: bool(office.spans(day)),
        "before opening": lambda day: bool(office.spans(day)),
        "after closing": lambda day: bool(office.spans(day)),
        "weekend": lambda day: (
            not office.spans(day) and day.weekday() not in office.weekly and day not in office.holidays
        ),
        "holiday": lambda day: (
            not office.spans(day) and day in office.holidays and day.weekday() in office.weekly
        ),
        "company day": lambda day: (
            not office.spans(day) and office.is_company_day(day) and day.weekday() in office.weekly
        ),
    }
    days = [day for day in _year(year) if fits[kind](day)]
    while True:
        day = dice.choice(days)
        at = datetime.combine(day, time(dice.randint(6, 22), dice.randint(0, 59), dice.randint(0, 59)), JAPAN)
        around = {office.is_open(at + minutes * MINUTE) for minutes in range(-5, 15)}
        opened = [begin for begin, _ in office.spans(day)]
        if around != {kind == "open"}:
            continue
        if kind == "before opening" and f"{at:%H:%M}" >= min(opened):
            continue
        if kind == "after closing" and f"{at:%H:%M}" < max(end for _, end in office.spans(day)):
            continue
        return at


def _year(year: int) -> list[date]:
    """Its days up to the middle of December, so that what is due is due within the known holidays."""
    return [date(year, 1, 1) + n * DAY for n in range(345)]


def _within(text: str, day: date) -> bool:
    """`8/12-8/15`, also over the new year."""
    first, last = (tuple(map(int, part.split("/"))) for part in text.split("-"))
    this = (day.month, day.day)
    return first <= this <= last if first <= last else this >= first or this <= last


def _written(spans: Spans) -> str:
    return ", ".join(f"{begin}-{end}" for begin, end in spans)
