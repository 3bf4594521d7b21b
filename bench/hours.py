"""What a calendar's answers cost, beside the loop over days that one writes with `holidays` alone: `python -m bench.hours`.

Both judge ecforce's desk (weekdays 10:00-17:00, public holidays, 12/29-1/3, one exception) at the same moments of two
years and must agree. Medians of CPU time; "building" is from the YAML's mapping to the first answer, for ours two years ready for
every question (and a past and a margin), for the loop its holidays of two years. Fails above 5 us, or 10 ms.
"""

import random
import statistics
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import holidays

from ivr.hours import Calendar, HoursModel

MOST_PER_ANSWER = 5e-6
MOST_PER_BUILD = 10e-3
ROUNDS = 41
FIRST = datetime(2026, 1, 5, tzinfo=UTC)
MODEL = {
    "zone": "Asia/Tokyo",
    "weekly": {"月-金": "10:00-17:00"},
    "holidays": "JP",
    "closed": {"12/29-1/3": "年末年始休業"},
    "exceptions": {"2026-12-28": "10:00-15:00"},
}


class DayLoop:
    """The same desk by hand: no nights, no lunch, no reasons."""

    def __init__(self) -> None:
        self.zone = ZoneInfo("Asia/Tokyo")
        self.holidays = holidays.country_holidays("JP", language="ja", years=(2026, 2027))

    def hours(self, day: date) -> tuple[datetime, datetime] | None:
        if day == date(2026, 12, 28):
            close = time(15)
        elif (
            day.weekday() > 4
            or day in self.holidays
            or (day.month, day.day) >= (12, 29)
            or day.timetuple().tm_yday < 4
        ):
            return None
        else:
            close = time(17)
        return datetime.combine(day, time(10), self.zone), datetime.combine(day, close, self.zone)

    def state(self, at: datetime) -> bool:
        hours = self.hours(at.astimezone(self.zone).date())
        return hours is not None and hours[0] <= at < hours[1]

    def next_change(self, at: datetime) -> datetime:
        day = at.astimezone(self.zone).date()
        while True:
            for moment in self.hours(day) or ():
                if moment > at:
                    return moment
            day += timedelta(days=1)

    def add(self, at: datetime, amount: timedelta) -> datetime:
        day = at.astimezone(self.zone).date()
        while True:
            hours = self.hours(day)
            if hours and hours[1] > at:
                start = max(at, hours[0])
                if start + amount <= hours[1]:
                    return start + amount
                amount -= hours[1] - start
            day += timedelta(days=1)


def per_answer(ask: Callable[[datetime], object], moments: list[datetime]) -> float:
    """Seconds per call, the median of rounds over all moments."""
    rounds = []
    for _ in range(ROUNDS):
        start = process_time()
        for at in moments:
            ask(at)
        rounds.append((process_time() - start) / len(moments))
    return statistics.median(rounds)


def per_build(make: Callable[[], object]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        start = process_time()
        make()
        rounds.append(process_time() - start)
    return statistics.median(rounds)


def main() -> int:
    model = HoursModel.model_validate(MODEL)
    ours, loop = Calendar(model), DayLoop()
    dice = random.Random(20261124)
    moments = [FIRST + timedelta(seconds=dice.randrange(680 * 86400)) for _ in range(2000)]
    span = timedelta(hours=9)
    for at in moments:
        assert ours.state(at).open == loop.state(at), at
        assert ours.next_change(at) == loop.next_change(at), at
        assert ours.add_business_time(at, span) == loop.add(at, span), at
    rows: list[tuple[str, float, float, float]] = [
        ("open or closed", per_answer(ours.state, moments), per_answer(loop.state, moments), MOST_PER_ANSWER),
        (
            "next change",
            per_answer(ours.next_change, moments),
            per_answer(loop.next_change, moments),
            MOST_PER_ANSWER,
        ),
        (
            "add 9 business hours",
            per_answer(lambda at: ours.add_business_time(at, span), moments),
            per_answer(lambda at: loop.add(at, span), moments),
            MOST_PER_ANSWER,
        ),
        (
            "building two years",
            per_build(lambda: Calendar(HoursModel.model_validate(MODEL)).state(FIRST)),
            per_build(DayLoop),
            MOST_PER_BUILD,
        ),
    ]
    print(f"{'median':22}{'ivr':>12}{'holidays + loop':>18}{'at most':>12}")
    for name, mine, other, most in rows:
        print(f"{name:22}{mine * 1e6:9.2f} us{other * 1e6:15.2f} us{most * 1e6:9.0f} us")
    slow = [name for name, mine, _, most in rows if mine > most]
    if slow:
        print("too slow:", ", ".join(slow))
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
