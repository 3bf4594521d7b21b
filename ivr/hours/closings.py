"""Sudden closings (臨時休業), cut out of the opening times of a calendar."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from math import ceil, floor
from zoneinfo import ZoneInfo

from ivr.hours.rules import Day, Reason
from ivr.hours.table import Table
from ivr.hours.text import Interval

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Closing:
    """From `begin` to `end`, both aware; `end` None: until somebody opens the line by hand."""

    begin: datetime
    end: datetime | None
    reason: str

    @property
    def why(self) -> Reason:
        return Reason("sudden", self.reason)

    def covers(self, at: datetime) -> bool:
        return self.begin <= at and (self.end is None or at < self.end)


def cut(table: Table, closings: Sequence[Closing]) -> Table:
    """`table` without the time of `closings`; a day of which nothing is left is no business day.

    Of several that overlap, the last of them says why.
    """
    for closing in closings:
        begin = max(closing.begin.astimezone(UTC), table.closed_from[0])
        end = table.end if closing.end is None else min(closing.end.astimezone(UTC), table.end)
        if begin < end:
            table = _cut(table, begin, end, closing.why)
    return table


def _cut(table: Table, begin: datetime, end: datetime, why: Reason) -> Table:
    left = Table(table.first, table.last, table.sure_from, table.end)
    for opens, closes in zip(table.opens, table.closes, strict=True):
        for start, stop in _without(opens, closes, begin, end):
            done = left.through[-1] if left.through else timedelta()
            left.opens.append(start)
            left.closes.append(stop)
            left.through.append(done + (stop - start))
    for day, opens, closes in zip(table.days, table.day_opens, table.day_closes, strict=True):
        if rest := _without(opens, closes, begin, end):
            left.days.append(day)
            left.day_opens.append(rest[0][0])
            left.day_closes.append(rest[-1][1])
    stretches = list(zip(table.closed_from, table.closed_why, strict=True))
    _, resumed = [each for each in stretches if each[0] <= end][-1]
    for start, reason in [
        *(each for each in stretches if each[0] < begin),
        (begin, why),
        (end, resumed),
        *(each for each in stretches if each[0] > end),
    ]:
        left.closed_from.append(start)
        left.closed_why.append(reason)
    return left


def _without(
    opens: datetime, closes: datetime, begin: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """What a closing leaves of an opening time."""
    pieces = ((opens, min(closes, begin)), (max(opens, end), closes))
    return [piece for piece in pieces if piece[0] < piece[1]]


def cut_day(plan: Day, day: date, zone: ZoneInfo, closings: Sequence[Closing]) -> Day:
    """The opening times of a local day without the minutes that `closings` touch."""
    for closing in closings:
        begin = floor(_minutes(closing.begin, day, zone))
        end = None if closing.end is None else ceil(_minutes(closing.end, day, zone))
        intervals = _minutes_left(plan.intervals, begin, end)
        if intervals != plan.intervals:
            plan = replace(plan, intervals=intervals) if intervals else Day((), closing.why)
    return plan


def _minutes(at: datetime, day: date, zone: ZoneInfo) -> float:
    """From the midnight that begins `day` to what the clocks of the zone show then."""
    return (at.astimezone(zone).replace(tzinfo=None) - datetime.combine(day, time())) / _MINUTE


def _minutes_left(intervals: Sequence[Interval], begin: int, end: int | None) -> tuple[Interval, ...]:
    left: list[Interval] = []
    for opens, closes in intervals:
        after = closes if end is None else max(opens, end)
        left += [each for each in ((opens, min(closes, begin)), (after, closes)) if each[0] < each[1]]
    return tuple(left)
