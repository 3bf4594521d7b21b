"""Property tests: the calendar against an oracle that walks minute by minute and shares no code with it."""

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ivr.hours import Calendar, HoursModel

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
AROUND = 5  # days walked before and after the middle of an example

Times = tuple[tuple[int, int], ...]  # minutes since midnight


@cache
def official_holidays() -> frozenset[date]:
    path = Path(__file__).parent.parent / "data" / "syukujitsu.csv"
    with path.open(encoding="cp932", newline="") as file:
        return frozenset(date(*map(int, row[0].split("/"))) for row in list(csv.reader(file))[1:])


WEEKS = {1: "第1", 2: "第2", 3: "第3", 4: "第4", 5: "第5", 0: "最終"}
OfMonth = tuple[int, int]  # a key of WEEKS, and the weekday


def nth(day: date, of_month: OfMonth) -> bool:
    """By listing that weekday's days of the month."""
    week, weekday = of_month
    month = [first for i in range(31) if (first := date(day.year, day.month, 1) + i * DAY).month == day.month]
    days = [one for one in month if one.weekday() == weekday]
    return (days[-1] if week == 0 else days[week - 1] if week <= len(days) else None) == day


@dataclass(frozen=True)
class Desk:
    """What a desk promises, in the oracle's own form; `model` writes it as YAML would hold it."""

    zone: str
    weekly: tuple[Times, ...]  # Monday first; () is closed
    holidays: bool
    on_holidays: Times  # () is closed
    short: tuple[OfMonth, Times] | None  # other times on one weekday of the month
    monthly: frozenset[OfMonth]  # closed every month
    yearly: (
        tuple[date, date] | None
    )  # closed every year, from the month and day of the one to those of the other
    closed: frozenset[date]
    exceptions: tuple[tuple[date, Times], ...]

    def plan(self, day: date) -> tuple[Times, str]:
        """The opening times of a day, and the kind of a closed one."""
        for exception, times in self.exceptions:
            if exception == day:
                return times, "exception"
        if day in self.closed or any(nth(day, of_month) for of_month in self.monthly):
            return (), "company_day"
        if self.closed_each_year(day):
            return (), "company_day"
        if self.holidays and day in official_holidays():
            return self.on_holidays, "holiday"
        if self.short and nth(day, self.short[0]):
            return self.short[1], "-"
        return self.weekly[day.weekday()], "weekend"

    def closed_each_year(self, day: date) -> bool:
        """By walking from each time that it begins to the end."""
        if self.yearly is None:
            return False
        first, last = self.yearly
        for year in (day.year - 1, day.year):
            walked = date(year, first.month, first.day)
            while walked != day and (walked.month, walked.day) != (last.month, last.day):
                walked += DAY
            if walked == day:
                return True
        return False

    def model(self) -> HoursModel:
        weekly = {"月火水木金土日"[i]: written(times) for i, times in enumerate(self.weekly) if times}
        if self.holidays and self.on_holidays:
            weekly["祝日"] = written(self.on_holidays)
        if self.short:
            weekly[named(self.short[0])] = written(self.short[1])
        closed = {day.isoformat(): "社内行事" for day in self.closed}
        closed |= {named(of_month): "定休日" for of_month in self.monthly}
        if self.yearly:
            first, last = self.yearly
            closed[f"{first.month}/{first.day}-{last.month}/{last.day}"] = "年末年始休業"
        return HoursModel(
            zone=self.zone,
            weekly=weekly,
            holidays="JP" if self.holidays else None,
            closed=closed,
            exceptions={day.isoformat(): written(times) or "closed" for day, times in self.exceptions},
        )


def named(of_month: OfMonth) -> str:
    return f"{WEEKS[of_month[0]]}{'月火水木金土日'[of_month[1]]}曜"


def written(times: Times) -> str:
    return ", ".join(f"{a // 60}:{a % 60:02}-{b // 60}:{b % 60:02}" for a, b in times)


class Oracle:
    """Every minute of the days around `middle`: is it open, and if not, why.

    A time of day is reached at the first minute whose wall clock shows it or later.
    """

    def __init__(self, desk: Desk, middle: date) -> None:
        self.desk, self.middle = desk, middle
        zone = ZoneInfo(desk.zone)
        self.start = datetime(middle.year, middle.month, middle.day, tzinfo=UTC) - (AROUND + 1) * DAY
        self.minutes = [self.start + i * MINUTE for i in range((2 * AROUND + 2) * 1440)]
        self.walls = [minute.astimezone(zone).replace(tzinfo=None) for minute in self.minutes]
        self.open = [False] * len(self.minutes)
        self.spans: dict[date, list[tuple[int, int]]] = {}
        for day in (middle + i * DAY for i in range(-AROUND - 3, AROUND + 3)):
            midnight = datetime(day.year, day.month, day.day)
            self.spans[day] = []
            for opening, close in desk.plan(day)[0]:
                a, b = (self.reached(midnight + m * MINUTE) for m in (opening, close))
                self.open[a:b] = [True] * (b - a)
                if a < b:
                    self.spans[day].append((a, b))

    def reached(self, wall: datetime) -> int:
        """Index of the first minute at or after a wall time; the length if it is later than all."""
        low = max(0, int((wall - self.walls[0]) / MINUTE) - 180)
        return next((i for i in range(low, len(self.walls)) if self.walls[i] >= wall), len(self.walls))

    def kind(self, i: int) -> str:
        if self.open[i]:
            return "open"
        day = self.walls[i].date()
        times, closed_kind = self.desk.plan(day)
        if not times:
            return closed_kind
        spans = self.spans[day]
        if spans and i < spans[0][0]:
            return "before_opening"
        return "lunch" if any(i < a for a, _ in spans) else "after_closing"

    def change(self, i: int) -> datetime | None:
        """The next minute that differs; None if it is not within the walk."""
        j = next((j for j in range(i, len(self.open)) if self.open[j] != self.open[i]), None)
        return None if j is None else self.minutes[j]

    def add(self, i: int, amount: int) -> datetime | None:
        while amount and i < len(self.open):
            amount -= self.open[i]
            i += 1
        return None if amount or i == len(self.open) else self.minutes[i]

    def business_day(self, i: int, count: int) -> datetime | None:
        day = self.walls[i].date()
        own = any(a <= i for a, _ in self.spans[day])
        if not own and any(a <= i < b for a, b in self.spans[day - DAY]):
            day -= DAY
        while count:
            day += DAY
            if day not in self.spans or day > self.middle + AROUND * DAY - DAY:
                return None
            count -= bool(self.spans[day])
        close = self.spans[day][-1][1]
        return self.minutes[close] if close < len(self.minutes) else None


@st.composite
def times(draw: st.DrawFn) -> Times:
    """Up to three spans of one day, in order; the last may run past midnight."""
    count = draw(st.integers(0, 3))
    if not count:
        return ()
    # Early hours often, for clocks change at 0:00 to 3:00.
    point = st.integers(0, 287) | st.integers(0, 42)
    points = sorted(draw(st.lists(point, min_size=2 * count, max_size=2 * count, unique=True)))
    spans = [(5 * points[2 * i], 5 * points[2 * i + 1]) for i in range(count)]
    if draw(st.booleans()):
        opening = spans[-1][0]
        spans[-1] = (opening, draw(st.integers(opening + 1, opening + 1440)))
    return tuple(spans)


WHOLE_DAY: Times = ((0, 1440),)
HARD_DAYS = [
    date(2019, 5, 1),
    date(2021, 7, 23),
    date(2026, 5, 5),
    date(2026, 9, 22),
    date(2026, 12, 31),
    date(2026, 3, 8),  # clocks change in New York
    date(2026, 11, 1),
    date(2026, 3, 29),  # in Beirut and London
    date(2026, 10, 25),
    date(2026, 4, 5),  # on Lord Howe Island, by half an hour
    date(2026, 10, 4),
]
middles = st.sampled_from(HARD_DAYS) | st.dates(date(1990, 1, 1), date(2027, 6, 30))


@st.composite
def desks(draw: st.DrawFn, middle: date) -> Desk:
    near = st.integers(-AROUND, AROUND).map(lambda i: middle + i * DAY)
    day_times = times() | st.just(WHOLE_DAY)
    # 2001 and 2002 have no 29 February; over the new year often.
    ordinary = st.dates(date(2001, 1, 1), date(2001, 12, 31)) | st.just(date(2001, 12, 29))
    of_month = st.tuples(st.sampled_from(sorted(WEEKS)), st.integers(0, 6))
    zones = ["Asia/Tokyo", "Asia/Tokyo", "America/New_York", "Asia/Beirut", "Australia/Lord_Howe"]
    return Desk(
        zone=draw(st.sampled_from(zones)),
        weekly=tuple(draw(day_times) for _ in range(7)),
        holidays=draw(st.booleans()),
        on_holidays=draw(st.just(()) | day_times),
        short=draw(st.none() | st.tuples(of_month, day_times.filter(bool))),
        monthly=draw(st.frozensets(of_month, max_size=2)),
        yearly=draw(
            st.none() | st.builds(lambda day, days: (day, day + days * DAY), ordinary, st.integers(0, 20))
        ),
        closed=draw(st.frozensets(near, max_size=3)),
        exceptions=tuple(draw(st.dictionaries(near, day_times, max_size=3)).items()),
    )


# Shrinking would walk the minutes until the time limit of the test hides what failed.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=80, phases=PHASES)
@given(st.data())
def test_calendar_agrees_with_the_minutes(data: st.DataObject) -> None:
    middle = data.draw(middles)
    desk = data.draw(desks(middle))
    oracle, calendar = Oracle(desk, middle), Calendar(desk.model())
    end = oracle.minutes[-1]
    # Away from the borders of the walk, where hours of days outside it would be missing.
    inside = st.integers(3 * 1440, len(oracle.minutes) - 3 * 1440)
    for i in data.draw(st.lists(inside, min_size=20, max_size=20)):
        at = oracle.minutes[i]
        state = calendar.state(at)
        assert (state.open, state.reason.kind) == (oracle.open[i], oracle.kind(i)), at
        change = oracle.change(i)
        if change is None or change > end - 2 * DAY:
            assert state.until is None or state.until > end - 2 * DAY
        else:
            assert state.until == calendar.next_change(at) == change
        amount = data.draw(st.integers(1, 3000))
        due = oracle.add(i, amount)
        if due is not None and due < end - 2 * DAY:
            assert calendar.add_business_time(at, amount * MINUTE) == due
        days = data.draw(st.integers(1, 4))
        close = oracle.business_day(i, days)
        if close is not None:
            assert calendar.add_business_days(at, days) == close


@settings(max_examples=40, phases=PHASES)
@given(st.data())
def test_open_intervals_hold_exactly_the_open_minutes(data: st.DataObject) -> None:
    middle = data.draw(middles)
    desk = data.draw(desks(middle))
    oracle, calendar = Oracle(desk, middle), Calendar(desk.model())
    first, last = middle - DAY, middle + DAY
    intervals = calendar.open_intervals(first, last)
    walked = [i for i, wall in enumerate(oracle.walls) if first <= wall.date() <= last]
    expected = [oracle.minutes[i] for i in walked if oracle.open[i]]
    got = [m for m in (oracle.minutes[i] for i in walked) if any(a <= m < b for a, b in intervals)]
    assert got == expected
    assert sum((b - a for a, b in intervals), timedelta()) == len(expected) * MINUTE
    assert all(before[1] < after[0] for before, after in pairwise(intervals))


@settings(max_examples=40)
@given(st.data(), st.integers(1956, 2027))
def test_every_day_of_a_year_is_as_the_desk_promises(data: st.DataObject, year: int) -> None:
    middle = data.draw(st.dates(date(year, 1, 1), date(year, 12, 31)))
    desk = data.draw(desks(middle))
    calendar = Calendar(desk.model())
    for i in range(365):
        day = date(year, 1, 1) + i * DAY
        promised, kind = desk.plan(day)
        got = calendar.day(day)
        assert got.intervals == promised, day
        assert got.reason.kind == ("open" if promised else kind), day


@settings(max_examples=100)
@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    first=st.timedeltas(timedelta(0), timedelta(days=30)),
    second=st.timedeltas(timedelta(0), timedelta(days=30)),
)
def test_time_added_in_two_parts_is_the_same(at: datetime, first: timedelta, second: timedelta) -> None:
    calendar = Calendar(
        HoursModel(zone="Asia/Tokyo", weekly={"月-金": "10:00-12:00, 13:00-17:00"}, holidays="JP")
    )
    halfway = calendar.add_business_time(at, first)
    assert at <= halfway <= calendar.add_business_time(at, first + second)
    assert calendar.add_business_time(halfway, second) == calendar.add_business_time(at, first + second)
