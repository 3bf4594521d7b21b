"""The list of public holidays brought up to date, and a company's calendar taken into a file of the dialplans."""

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ivr import editing
from ivr.clock import SystemClock
from ivr.dialplan.company_days import Import, import_days
from ivr.dialplan.problems import BadDialplan
from ivr.errors import DialplanError, IvrError
from ivr.hours import ical, official
from ivr.hours.check import holiday_alarms
from ivr.settings import Settings
from ivr.store import orders
from ivr.store.database import opened
from ivr.wake import wake


def holidays(settings: Settings) -> dict[str, Any]:
    """The list in force, and what is wrong with it."""
    today = SystemClock(settings.clock_offset).now().date()
    force = official.in_force()
    return {
        "first": force.first,
        "last": force.last,
        "days": force.days,
        "missing": official.missing_year(today),
        "differences": [
            {"date": one.day.isoformat(), "official": one.official, "computed": one.computed}
            for one in official.differences(today.year)
        ],
        "alarms": [alarm.text for alarm in holiday_alarms(today) if alarm.text],
    }


async def update_holidays(settings: Settings, file: Path) -> None:
    """CalendarError, and the list in force stays, if the file is not a better one."""
    official.update(_read(file, official.LARGEST), settings.holidays)
    if not settings.clock_file.exists():
        return  # nothing has run on this data directory yet
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        await orders.put(session, "jobs", "holidays", {}, now)
        await orders.put(session, "engine", "reload", {}, now)
    wake(settings.run, "jobs")
    wake(settings.run, "engine")


@dataclass(frozen=True)
class Shown:
    """What would become of the file: `difference` is empty if nothing changes."""

    result: Import
    difference: str
    written: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "taken": [asdict(entry) for entry in self.result.taken],
            "left": [asdict(unread) for unread in self.result.left],
            "difference": self.difference,
            "written": self.written,
        }


def company_days(
    settings: Settings,
    key: str,
    file: Path,
    *,
    hours: str | None,
    first: str | None,
    last: str | None,
    write: bool,
) -> Shown:
    """`key`: of a line or a shared file. BadDialplan, and nothing is written, if it would not pass its check.

    `first` and `last`: ISO dates; from today to the end of next year without them.
    """
    today = SystemClock(settings.clock_offset).now().date()
    begin = _date(first) if first else today
    end = _date(last) if last else max(begin, date(today.year + 1, 12, 31))
    state = editing.read(settings.dialplans, key)
    name = f"{settings.dialplans.name}/{key}.yaml"
    result = import_days(name, state.text, hours, _read(file, ical.LARGEST), begin, end)
    difference = editing.difference(state.text, result.text, name, f"{name} with {file.name}")
    if write and difference:
        editing.save(settings, key, result.text, expected=state.digest, today=today)
    elif difference:
        problems = editing.check_text(settings, key, result.text, today)
        if any(problem.severity == "error" for problem in problems):
            raise BadDialplan(problems)
    return Shown(result, difference, written=write and bool(difference))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DialplanError(f'"{text}" is no date; write it like 2026-12-28') from None


def _read(file: Path, largest: int) -> bytes:
    try:
        with file.open("rb") as opened_file:
            return opened_file.read(largest + 1)
    except OSError as error:
        raise IvrError(f"{file} cannot be read: {error.strerror}") from None
