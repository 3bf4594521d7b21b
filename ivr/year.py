"""`ivr calendar`: one year of a line's hours, as rows, a table, changes and a picture."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from html import escape
from typing import Any

from ivr.dialplan.draw import FONT
from ivr.dialplan.greeting import closed_greeting
from ivr.dialplan.model import Dialplan
from ivr.dialplan.problems import did_you_mean
from ivr.errors import CalendarError, DialplanError
from ivr.explain import reason_text
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.hours.official import FIRST_YEAR, LAST_YEAR
from ivr.hours.text import DAY, Interval

WEEKDAYS = "月火水木金土日"
MOST_DAYS = 366
TICK = timedelta(microseconds=1)

# What a day is -> its mark in table and picture (all of them two columns wide), its colour, its legend.
MARKS = {
    "open": ("〇", "#d7ecd9", "営業"),
    "changed": ("変", "#ffe9a8", "時間変更"),
    "weekend": ("－", "#eeeeee", "定休"),
    "holiday": ("祝", "#f8d0d0", "祝日"),
    "company_day": ("休", "#f3c2a2", "休業日"),
    "exception": ("臨", "#e4b7e5", "臨時休業"),
}


@dataclass(frozen=True)
class Row:
    """`kind` is a key of MARKS; `intervals` as the YAML has them; `reason` in words.

    `name`: of the holiday or the closing, as callers hear it; empty if it has none.
    """

    date: date
    intervals: tuple[str, ...]
    reason: str
    kind: str
    name: str

    def as_json(self) -> dict[str, Any]:
        return {"date": self.date.isoformat(), "intervals": list(self.intervals), "reason": self.reason}


@dataclass(frozen=True)
class Ahead:
    """`hears`: what callers hear who are closed out at noon, or now; empty if the line is open then."""

    row: Row
    hears: str

    def as_json(self) -> dict[str, Any]:
        return {**self.row.as_json(), "hears": self.hears}

    def as_text(self) -> str:
        row = self.row
        times = ", ".join(row.intervals) or "-"
        head = f"{row.date.isoformat()}({WEEKDAYS[row.date.weekday()]})  {times}  {row.reason}"
        return f"{head}\n  「{self.hears}」" if self.hears else head


@dataclass(frozen=True)
class Change:
    """From `at` (in the zone of the hours) on the line is open, or closed for `reason`."""

    hours: str
    at: datetime
    open: bool
    reason: str

    def as_json(self) -> dict[str, Any]:
        return {"hours": self.hours, "at": self.at.isoformat(), "open": self.open, "reason": self.reason}

    def as_text(self) -> str:
        weekday = WEEKDAYS[self.at.weekday()]
        return f"{self.at:%Y-%m-%d}({weekday}) {self.at:%H:%M}  {self.hours}  {self.reason}"


def rows(dialplan: Dialplan, hours: str | None, year: int) -> tuple[str, list[Row]]:
    """Every day of one of the line's hours, and which: the first unless `hours` names them."""
    name = hours or next(iter(dialplan.hours), "")
    calendar = Calendar(_hours(dialplan, name))
    return name, [_row(calendar, day) for day in _days(year)]


def ahead(calendar: Calendar, first: date, days: int, now: datetime | None = None) -> list[Ahead]:
    """So many days from `first`; sudden closings of the calendar are in it. With `now`, the first is heard then."""
    found = []
    for day in (first + timedelta(days=number) for number in range(days)):
        noon = datetime.combine(day, time(12), calendar.zone)
        at = now if now is not None and day == first else noon
        found.append(Ahead(_row(calendar, day), closed_greeting(calendar, at)))
    return found


def coming(dialplan: Dialplan, hours: str | None, first: date, days: int) -> list[Ahead]:
    """As `ahead`, of one of the line's hours: the first unless `hours` names them."""
    if not 1 <= days <= MOST_DAYS:
        raise CalendarError(f"1 to {MOST_DAYS} days are shown; see --year for more.")
    return ahead(Calendar(_hours(dialplan, hours or next(iter(dialplan.hours), ""))), first, days)


def _row(calendar: Calendar, day: date) -> Row:
    plan = calendar.day(day)
    kind: str = plan.reason.kind
    reason = reason_text(plan.reason)
    if plan.intervals and plan.rule[:1] == ("exceptions",):
        kind, reason = "changed", "open: exception"
    elif plan.intervals and plan.reason.name:
        kind = "changed"
    return Row(day, tuple(map(span, plan.intervals)), reason, kind, plan.reason.name or "")


def changes(dialplan: Dialplan, hours: str | None, year: int) -> list[Change]:
    """Every opening and closing of the year by all hours of the line, or one of them, in order."""
    names = [hours] if hours else list(dialplan.hours)
    found = [change for name in names for change in _changes(name, _hours(dialplan, name), year)]
    return sorted(found, key=lambda change: change.at)


def _changes(name: str, model: HoursModel, year: int) -> Iterator[Change]:
    calendar = Calendar(model)
    days = _days(year)
    spans = calendar.open_intervals(days[0], days[-1])
    for moment in (edge for span in spans for edge in span):
        state, local = calendar.state(moment), moment.astimezone(calendar.zone)
        # The first and the last span are cut at New Year, where nothing need change.
        if local.year == year and calendar.state(moment - TICK).open != state.open:
            yield Change(name, local, state.open, reason_text(state.reason))


def _hours(dialplan: Dialplan, name: str) -> HoursModel:
    if name not in dialplan.hours:
        raise DialplanError(f'the line has no hours "{name}"{did_you_mean(name, dialplan.hours)}')
    return dialplan.hours[name]


def _days(year: int) -> list[date]:
    if not FIRST_YEAR < year < LAST_YEAR:
        raise CalendarError(f"A calendar is shown for the years {FIRST_YEAR + 1} to {LAST_YEAR - 1}.")
    first = date(year, 1, 1)
    return [first + timedelta(days=number) for number in range((date(year + 1, 1, 1) - first).days)]


def table(title: str, year_rows: list[Row]) -> str:
    """A line for each month, then every day that is not as its week says."""
    legend = "  ".join(f"{mark} {words}" for mark, _, words in MARKS.values())
    lines = [title, legend, "", "      " + " ".join(f"{day:2}" for day in range(1, 32))]
    for month in range(1, 13):
        marks = [MARKS[row.kind][0] for row in year_rows if row.date.month == month]
        lines.append(f"{month:2}月  " + " ".join(marks))
    lines.append("")
    special = [row for row in year_rows if row.kind not in ("open", "weekend")]
    lines += [
        f"{row.date.isoformat()}({WEEKDAYS[row.date.weekday()]})  {', '.join(row.intervals) or '-'}  {row.reason}"
        for row in special
    ]
    opens = sum(bool(row.intervals) for row in year_rows)
    return "\n".join([*lines, f"open on {opens} of {len(year_rows)} days"])


def span(interval: Interval) -> str:
    """`22:00-26:00` for a night, as it is written."""
    start, end = interval
    assert start < DAY
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


# -- the picture ----------------------------------------------------------------------------

CELL, GAP, HEAD, TOP = 26, 24, 44, 70  # pixels; HEAD: of a month, TOP: of the page
MONTH_WIDTH, MONTH_HEIGHT = 7 * CELL, HEAD + 6 * CELL
WIDTH, HEIGHT = 4 * MONTH_WIDTH + 5 * GAP, TOP + 3 * (MONTH_HEIGHT + GAP)


def picture(title: str, year_rows: list[Row]) -> str:
    """SVG: twelve months, each day with its mark, so that it can be read without colours."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" role="img" font-family="{FONT}" font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{GAP}" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
    ]
    for number, (mark, colour, words) in enumerate(MARKS.values()):
        x = GAP + number * 100
        parts.append(f'<rect x="{x}" y="38" width="20" height="20" fill="{colour}" stroke="#888"/>')
        parts.append(f'<text x="{x + 10}" y="52" text-anchor="middle">{mark}</text>')
        parts.append(f'<text x="{x + 26}" y="52">{words}</text>')
    for month in range(1, 13):
        parts += _month(month, [row for row in year_rows if row.date.month == month])
    return "\n".join([*parts, "</svg>"]) + "\n"


def _month(month: int, month_rows: list[Row]) -> list[str]:
    left = GAP + (month - 1) % 4 * (MONTH_WIDTH + GAP)
    top = TOP + (month - 1) // 4 * (MONTH_HEIGHT + GAP)
    year = month_rows[0].date.year
    offset = monthrange(year, month)[0]  # weekday of the first
    parts = [f'<text x="{left}" y="{top + 18}" font-size="14" font-weight="bold">{month}月</text>']
    for weekday, name in enumerate(WEEKDAYS):
        x = left + weekday * CELL + CELL // 2
        parts.append(f'<text x="{x}" y="{top + 36}" text-anchor="middle" fill="#555">{name}</text>')
    for row in month_rows:
        place = offset + row.date.day - 1
        x, y = left + place % 7 * CELL, top + HEAD + place // 7 * CELL
        mark, colour, _ = MARKS[row.kind]
        about = f"{row.date.isoformat()} {', '.join(row.intervals)} {row.reason}"
        sign = "" if row.kind == "open" else mark
        parts.append(
            f'<g><title>{escape(about)}</title><rect x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}"'
            f' rx="3" fill="{colour}"/><text x="{x + 3}" y="{y + 11}" font-size="10">{row.date.day}</text>'
            f'<text x="{x + CELL - 5}" y="{y + 21}" font-size="10" text-anchor="end">{sign}</text></g>'
        )
    return parts
