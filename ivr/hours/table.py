"""The days of a calendar as merged stretches of UTC time, for bisecting."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from ivr.hours.rules import Day, Reason, Rules
from ivr.hours.text import DAY

HALF_DAY, ONE_DAY, TWO_DAYS = timedelta(hours=12), timedelta(days=1), timedelta(days=2)
NOON = time(12)
BEFORE_OPENING = Reason("before_opening")
LUNCH = Reason("lunch")
AFTER_CLOSING = Reason("after_closing")


@dataclass(slots=True)
class Table:
    """The local days `first` to `last`, up to the moment `end`. Not changed once built.

    Before `sure_from` the hours of the night before `first` may be missing.

    Three groups of parallel lists, each in order of time: the open segments, the closed stretches
    (a segment above one hides it), and the business days.
    """

    first: date
    last: date
    sure_from: datetime
    end: datetime
    opens: list[datetime] = field(default_factory=list)
    closes: list[datetime] = field(default_factory=list)
    through: list[timedelta] = field(default_factory=list)
    """Business time from the first opening to the close of each segment."""
    closed_from: list[datetime] = field(default_factory=list)
    closed_why: list[Reason] = field(default_factory=list)
    days: list[date] = field(default_factory=list)
    day_opens: list[datetime] = field(default_factory=list)
    day_closes: list[datetime] = field(default_factory=list)


def instant(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    """The first moment (UTC) at which the clocks of the zone have reached that time of that day.

    A time that occurs twice is its first occurrence; one that is skipped when clocks go forward is
    the moment of skipping.
    """
    days, minutes = divmod(minutes, DAY)
    hour, minute = divmod(minutes, 60)
    day += days * ONE_DAY
    moment = datetime.combine(day, time(hour, minute), zone).astimezone(UTC)
    other = datetime.combine(day, time(hour, minute, fold=1), zone).astimezone(UTC)
    if moment <= other:
        return moment
    # Skipped: between the two readings of it lies the moment of skipping, a whole second.
    wall = datetime.combine(day, time(hour, minute))
    while moment - other > timedelta(seconds=1):
        middle = other + (moment - other) // 2
        reached = middle.astimezone(zone).replace(tzinfo=None) >= wall
        other, moment = (other, middle) if reached else (middle, moment)
    return moment.replace(microsecond=0)


def build(rules: Rules, zone: ZoneInfo, first: date, last: date) -> Table:
    """Takes about 4 us a day."""
    count = (last - first).days + 1
    days = [first + i * ONE_DAY for i in range(count + 2)]
    midnights = _midnights(zone, days)
    table = Table(first, last, sure_from=midnights[0] + TWO_DAYS, end=midnights[count])
    for i, day in enumerate(days[:count]):
        plan = rules.day(day)
        if midnights[i + 2] - midnights[i] == TWO_DAYS:
            spans = [(_plus(midnights[i], a), _plus(midnights[i], b)) for a, b in plan.intervals]
        else:
            spans = [(instant(zone, day, a), instant(zone, day, b)) for a, b in plan.intervals]
        # A span that falls wholly into a skipped hour is no time at all.
        spans = [span for span in spans if span[0] < span[1]]
        for span in spans:
            _add_segment(table, *span)
        if spans:
            table.days.append(day)
            table.day_opens.append(spans[0][0])
            table.day_closes.append(spans[-1][1])
        _add_closed(table, midnights[i], midnights[i + 1], plan, [close for _, close in spans])
    return table


def _midnights(zone: ZoneInfo, days: list[date]) -> list[datetime]:
    """The `instant` each day starts at, found from its noon unless clocks changed since the noon before."""
    noons = [datetime.combine(day, NOON, zone).astimezone(UTC) for day in days]
    return [instant(zone, days[0], 0)] + [
        noon - HALF_DAY if noon - before == ONE_DAY else instant(zone, day, 0)
        for (before, noon), day in zip(pairwise(noons), days[1:], strict=True)
    ]


def _plus(midnight: datetime, minutes: int) -> datetime:
    return midnight + timedelta(0, 60 * minutes)


def _add_segment(table: Table, opens: datetime, closes: datetime) -> None:
    """Joins what touches or overlaps: last night's hours may run into this morning's."""
    if table.closes and opens <= table.closes[-1]:
        if closes > table.closes[-1]:
            table.through[-1] += closes - table.closes[-1]
            table.closes[-1] = closes
        return
    done = table.through[-1] if table.through else timedelta()
    table.opens.append(opens)
    table.closes.append(closes)
    table.through.append(done + (closes - opens))


def _add_closed(
    table: Table, midnight: datetime, next_midnight: datetime, plan: Day, closes: list[datetime]
) -> None:
    """A closing after midnight begins no stretch: what is closed then is closed by the next day's rule."""
    table.closed_from.append(midnight)
    if not plan.intervals:
        table.closed_why.append(plan.reason)
        return
    table.closed_why.append(BEFORE_OPENING if closes else AFTER_CLOSING)
    for number, close in enumerate(closes, start=1):
        if close < next_midnight:
            table.closed_from.append(close)
            table.closed_why.append(AFTER_CLOSING if number == len(closes) else LUNCH)
