"""Open? why? until when? and business time. All moments that come back are in UTC."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ivr.errors import CalendarError
from ivr.hours.closings import Closing, cut, cut_day
from ivr.hours.model import HoursModel
from ivr.hours.official import FIRST_YEAR, LAST_YEAR
from ivr.hours.rules import OPEN, Day, Reason, Rules
from ivr.hours.table import ONE_DAY, Table, build, instant

# A look into the future stops here: NEAR answers nearly every question, FAR proves "never".
NEAR = timedelta(days=400)
FAR = timedelta(days=3653)
# The past that a table carries along, for calls of the last weeks.
BEHIND = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class State:
    """`until`: when it next closes, or next opens if closed; None if it never does."""

    open: bool
    reason: Reason
    until: datetime | None


class Calendar:
    """Answers for one `hours:` of a dialplan.

    Opening times are half-open, [open, close), and hours past midnight belong to the day they start
    on. "Never" means: not within ten years. A moment without a zone, or so late that the public
    holidays are not known (from 2100), raises CalendarError; it is never taken for open.

    `closings` are sudden ones (臨時休業), and are no opening times in any answer. Only business time, of
    which promises are made, counts on through one without an end: nobody knows how long that lasts.
    """

    def __init__(self, model: HoursModel, closings: Sequence[Closing] = ()) -> None:
        self.zone = ZoneInfo(model.zone)
        self.closings = tuple(closings)
        self._rules = Rules(model)
        self._limit = (
            instant(self.zone, date(FIRST_YEAR, 1, 4), 0),
            instant(self.zone, date(LAST_YEAR + 1, 1, 1), 0),
        )
        endless = [closing.begin for closing in closings if closing.end is None]
        self._shut_from = min(endless, default=self._limit[1])  # for good, as far as is known
        known = [closing for closing in closings if closing.end is not None]
        self._promises = Calendar(model, known) if endless else self
        # Replaced as a whole, never changed, so that threads may share a calendar.
        self._table: Table | None = None

    def day(self, day: date) -> Day:
        """The opening times that start on a local day, before any daylight saving."""
        return cut_day(self._rules.day(day), day, self.zone, self.closings)

    def state(self, at: datetime) -> State:
        at = _utc(at)
        table = self._reach(at, NEAR)
        i = bisect_right(table.opens, at) - 1
        if i >= 0 and at < table.closes[i]:
            return State(True, OPEN, self.next_change(at))
        reason = table.closed_why[bisect_right(table.closed_from, at) - 1]
        return State(False, reason, self.next_change(at))

    def next_change(self, at: datetime) -> datetime | None:
        """The next closing if open, the next opening if closed; None if neither ever comes."""
        at = _utc(at)
        for span in (NEAR, FAR):
            table = self._reach(at, span)
            i = bisect_right(table.opens, at)
            if i and at < table.closes[i - 1]:
                # What reaches the end of the table may go on beyond it.
                if table.closes[i - 1] < table.end:
                    return table.closes[i - 1]
            elif i < len(table.opens):
                return table.opens[i]
            if self._shut_from < table.end:
                return None
        self._prove_never(at)
        return None

    def next_open(self, at: datetime) -> datetime | None:
        """The next opening after `at`; of an open moment, the one after the coming closing."""
        at = _utc(at)
        for span in (NEAR, FAR):
            table = self._reach(at, span)
            i = bisect_right(table.opens, at)
            if i < len(table.opens):
                return table.opens[i]
            if self._shut_from < table.end:
                return None
        self._prove_never(at)
        return None

    def add_business_time(self, at: datetime, amount: timedelta) -> datetime:
        """The earliest moment that has `amount` of open time between `at` and itself.

        So a deadline that lands on closing time stays there. CalendarError if it never comes.
        """
        if self._promises is not self:
            return self._promises.add_business_time(at, amount)
        at = _utc(at)
        if amount < timedelta():
            raise CalendarError("Business time cannot be taken away, only added.")
        if not amount:
            return at
        for span in (NEAR, FAR):
            table = self._reach(at, span)
            i = bisect_right(table.opens, at) - 1
            done = amount
            if i >= 0:
                left = table.closes[i] - at
                done += table.through[i] - left if left > timedelta() else table.through[i]
            i = bisect_left(table.through, done)
            if i < len(table.through):
                return table.closes[i] - (table.through[i] - done)
        self._prove_never(at)
        raise CalendarError("The line is not open for that much time within ten years; see its hours.")

    def add_business_days(self, at: datetime, days: int) -> datetime:
        """The close of the nth day with opening times after the day of `at`.

        Hours past midnight belong to the day they start on, so what comes in then counts as that day's.
        """
        if self._promises is not self:
            return self._promises.add_business_days(at, days)
        at = _utc(at)
        if days < 1:
            raise CalendarError("The number of business days must be 1 or more.")
        today = at.astimezone(self.zone).date()
        for span in (NEAR, FAR):
            table = self._reach(at, span)
            i = bisect_left(table.days, today)
            if i < len(table.days) and table.days[i] == today and not self._last_night(table, i, at):
                i += 1
            if i + days - 1 < len(table.days):
                return table.day_closes[i + days - 1]
        self._prove_never(at)
        raise CalendarError("The line has not that many business days within ten years; see its hours.")

    def open_intervals(self, first: date, last: date) -> list[tuple[datetime, datetime]]:
        """Open time, joined and in order, from the start of local day `first` to the end of `last`."""
        start, end = instant(self.zone, first, 0), instant(self.zone, last + ONE_DAY, 0)
        if not start < end:
            return []
        table = self._reach(start, end - start)
        if end > table.end:
            raise CalendarError(_beyond(last.year))
        i, j = bisect_right(table.closes, start), bisect_left(table.opens, end)
        return [(max(table.opens[k], start), min(table.closes[k], end)) for k in range(i, j)]

    def _last_night(self, table: Table, i: int, at: datetime) -> bool:
        """Whether `at` is on business day `i` but still in the hours of the day before."""
        if not i or table.day_opens[i] <= at:
            return False
        return table.days[i - 1] == table.days[i] - ONE_DAY and at < table.day_closes[i - 1]

    def _reach(self, at: datetime, span: timedelta) -> Table:
        """A table that is sure of `at` and goes on to `at + span`, or to the end of what is known."""
        table = self._table
        if table and table.sure_from <= at and (at + span <= table.end or at < table.end == self._limit[1]):
            return table
        if not self._limit[0] <= at < self._limit[1]:
            raise CalendarError(_beyond(at.year))
        first, last = (at - BEHIND).date(), (at + span + NEAR).date()
        if table:
            first, last = min(first, table.first), max(last, table.last)
        first, last = max(first, date(FIRST_YEAR, 1, 1)), min(last, date(LAST_YEAR, 12, 31))
        self._table = table = cut(build(self._rules, self.zone, first, last), self.closings)
        return table

    def _prove_never(self, at: datetime) -> None:
        """Finding nothing is an answer only if the search could go all the way."""
        if at + FAR > self._limit[1]:
            raise CalendarError(_beyond(LAST_YEAR + 1))


def _beyond(year: int) -> str:
    return f"A calendar knows the years {FIRST_YEAR} to {LAST_YEAR}, not {year}."


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise CalendarError("A moment without a time zone cannot be judged by a calendar.")
    return at.astimezone(UTC)
