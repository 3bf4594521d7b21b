"""The public holidays of Japan: the official list where it reaches, the rules of the `holidays` library beyond it.

The official list is 内閣府「国民の祝日について」, syukujitsu.csv (CP932), which the package brings along. A newer
one may stand beside the store; like the time zones, the list is that of the whole process.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from holidays.countries.japan import Japan

from ivr.errors import CalendarError

SHIPPED = Path(__file__).with_name("syukujitsu.csv")
LARGEST = 1_000_000  # bytes
# What the library knows of Japan; outside it answers "no holiday", which would mean "open".
FIRST_YEAR, LAST_YEAR = 1949, 2099
# The list of the next year comes out in early February; from this day on it is missed.
PUBLISHED = (2, 15)
SOURCE = "内閣府「国民の祝日について」"

_DATE = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})")
_EACH_YEAR = {(1, 1): "元日", (11, 23): "勤労感謝の日"}  # since 1949


@dataclass(frozen=True)
class OfficialList:
    """Whole years, without a gap: the days of each with their names, in order."""

    years: Mapping[int, Mapping[date, str]]

    @property
    def first(self) -> int:
        return min(self.years)

    @property
    def last(self) -> int:
        return max(self.years)

    @property
    def days(self) -> int:
        return sum(map(len, self.years.values()))


@dataclass(frozen=True)
class Difference:
    """A day that is a public holiday to one of the two only."""

    day: date
    official: str | None
    computed: str | None


def read_list(data: bytes) -> OfficialList:
    """CalendarError unless it is the official file, whole."""
    if len(data) > LARGEST:
        raise CalendarError(f"a list of holidays is smaller than {LARGEST} bytes; take syukujitsu.csv")
    try:
        rows = [row for row in csv.reader(data.decode("cp932").splitlines(), strict=True) if any(row)]
    except (UnicodeDecodeError, csv.Error):
        raise CalendarError(f"this is no CSV file in CP932; take syukujitsu.csv of {SOURCE}") from None
    if not rows or not rows[0][0].startswith("国民の祝日"):
        raise CalendarError(f"this is not syukujitsu.csv of {SOURCE}: its first line is another")
    years: dict[int, dict[date, str]] = {}
    before = date.min
    for number, row in enumerate(rows[1:], 2):
        day = _date(row[0]) if len(row) == 2 and row[1].strip() else None
        if day is None or day <= before:
            raise CalendarError(
                f"row {number} is not the next day with its name, like 2026/11/23,勤労感謝の日"
            )
        years.setdefault(day.year, {})[day] = row[1].strip()
        before = day
    if not years:
        raise CalendarError("the list holds no days")
    for year in range(min(years), max(years) + 1):
        listed = years.get(year, {})
        if any(listed.get(date(year, *day)) != name for day, name in _EACH_YEAR.items()):
            raise CalendarError(f"the list of {year} is not whole: a day that every year has is missing")
    return OfficialList(years)


def _date(text: str) -> date | None:
    match = _DATE.fullmatch(text.strip())
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def update(data: bytes, path: Path) -> OfficialList:
    """Puts a newer list in force, and at `path`; CalendarError, and the old one stays, if it is no better."""
    new, old = read_list(data), in_force()
    if new.first > old.first or new.last < old.last or new.days < old.days:
        raise CalendarError(
            f"this list has {new.days} days, {new.first} to {new.last}, and that in force has {old.days}, "
            f"{old.first} to {old.last}; a newer one has no less, so the old one stays"
        )
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(data)
    part.replace(path)
    use(path)
    return new


# -- the list of this process ---------------------------------------------------------------


class _Force:
    """Replaced as a whole by `use`."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.problem: str | None = None
        self.list = read_list(SHIPPED.read_bytes())
        self.stamp = _stamp(path)
        if path is None or self.stamp is None:
            return
        try:
            newer = read_list(path.read_bytes())
        except (CalendarError, OSError) as error:
            self.problem = str(error)
            return
        # A newer release of ours may bring a newer list.
        if newer.last >= self.list.last:
            self.list = newer


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None


_force: _Force | None = None
_path: Path | None = None


def use(path: Path) -> None:
    """The list at `path` counts, if there is one and it reaches as far as that of the package."""
    global _path, _force
    _path, _force = path, None
    holiday_names.cache_clear()


def refresh() -> OfficialList:
    """The list in force, read again if the file was replaced. If it is another, calendars must be made anew."""
    force = _forced()
    if force.path is not None and _stamp(force.path) != force.stamp:
        use(force.path)
    return in_force()


def in_force() -> OfficialList:
    return _forced().list


def problem() -> str | None:
    """Why the file that `use` named does not count, if it should."""
    return _forced().problem


def _forced() -> _Force:
    global _force
    if _force is None:
        _force = _Force(_path)
    return _force


@cache
def holiday_names(year: int) -> dict[date, str]:
    """The public holidays of Japan in one year, with 振替休日 and 国民の休日, named in Japanese."""
    listed, computed = in_force().years.get(year), _computed(year)
    if listed is None:
        return computed
    return {day: _name(name, computed.get(day)) for day, name in listed.items()}


def _name(official: str, computed: str | None) -> str:
    """As callers hear it: the list says 休日 for 振替休日 and 国民の休日, and has names in brackets."""
    if computed and ("休日" in official or "（" in official):
        return computed
    return official.partition("（")[0]


def _computed(year: int) -> dict[date, str]:
    # Without `language` the names follow LANG of whoever started the process.
    return dict(Japan(language="ja", years=year, expand=False))


# -- the two compared -----------------------------------------------------------------------


def differences(first: int = FIRST_YEAR, last: int = LAST_YEAR) -> list[Difference]:
    """Of these years, as far as the official list reaches."""
    found = []
    for year, listed in in_force().years.items():
        if not first <= year <= last:
            continue
        computed = _computed(year)
        found += [
            Difference(day, listed.get(day), computed.get(day))
            for day in sorted(listed.keys() ^ computed.keys())
        ]
    return found


def missing_year(today: date) -> int | None:
    """The year that the official list should have by today and has not."""
    needed = today.year + 1 if (today.month, today.day) >= PUBLISHED else today.year
    return needed if in_force().last < needed else None
