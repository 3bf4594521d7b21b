"""Which days a report is of; a day is one of the line's own zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ivr.clock import JAPAN
from ivr.errors import BadPeriod
from ivr.store.reports import Span

MOST = 366  # days
LATEST = date(9000, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of `first` to the end of `last`."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def period(since: str, until: str, today: date) -> Period:
    """`since`: today, yesterday, 7d, 30d, month, last-month, or a date, to which `until` is the last day.

    BadPeriod, in words for the page, if that is no period, or one of more than MOST days.
    """
    match since:
        case "today":
            return Period(today, today)
        case "yesterday":
            return Period(today - timedelta(days=1), today - timedelta(days=1))
        case "7d" | "30d":
            return Period(today - timedelta(days=int(since[:-1]) - 1), today)
        case "month":
            return Period(today.replace(day=1), today)
        case "last-month":
            last = today.replace(day=1) - timedelta(days=1)
            return Period(last.replace(day=1), last)
    found = Period(_day(since), _day(until) if until else today)
    if found.days < 1:
        raise BadPeriod("開始日は、終了日より前の日にしてください。")
    if found.days > MOST:
        raise BadPeriod(f"期間は、{MOST}日以内にしてください。")
    return found


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        raise BadPeriod("日付は、2026-11-24のように入力してください。") from None
    if not date(2000, 1, 1) <= found < LATEST:
        raise BadPeriod("日付は、2000年から後にしてください。")
    return found


def spans(of: Period, zones: Mapping[str, ZoneInfo], line: str | None) -> list[Span]:
    """`zones`: of the live lines; a line that lives no more has Japan's. `line` None: all lines."""
    if line is not None:
        return [_span(of, zones.get(line, JAPAN), (line,))]
    elsewhere: dict[ZoneInfo, list[str]] = {}
    for key, zone in zones.items():
        if zone != JAPAN:
            elsewhere.setdefault(zone, []).append(key)
    others = tuple(sorted(key for keys in elsewhere.values() for key in keys))
    here = Span(
        _midnight(of.first, JAPAN), _midnight(of.last + timedelta(days=1), JAPAN), JAPAN, None, others
    )
    return [here, *(_span(of, zone, tuple(keys)) for zone, keys in elsewhere.items())]


def _span(of: Period, zone: ZoneInfo, lines: tuple[str, ...]) -> Span:
    return Span(_midnight(of.first, zone), _midnight(of.last + timedelta(days=1), zone), zone, lines)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
