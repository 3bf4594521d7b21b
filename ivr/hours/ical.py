"""Events of an iCalendar file, those that recur written out, in the local time of a desk.

Such files come from anywhere, and a few lines can ask for years of computing: so they are read in a
process of its own, which has limits.
"""

import json
import resource
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

from ivr.errors import CalendarError

LARGEST = 1_000_000  # bytes
MOST_EVENTS = 2_000  # in the file, and written out
LONGEST_TITLE = 60  # characters
LONGEST_RANGE = timedelta(days=3 * 366)
SECONDS = 5  # of computing
MEMORY = 1 << 30  # bytes
TOO_MUCH = "the iCalendar file asks for too much: events that recur too often or for ever"
ONE_DAY = timedelta(days=1)

_OFTEN = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")

Event = Any  # icalendar's own, whose types tell less than it holds


@dataclass(frozen=True, slots=True)
class Happening:
    """[begin, end) by the clocks of the desk, without a zone; of whole days both are midnights."""

    title: str
    begin: datetime
    end: datetime

    @property
    def whole_days(self) -> bool:
        return self.begin.time() == self.end.time() == datetime.min.time()


@dataclass(frozen=True, slots=True)
class Unread:
    """An event that cannot be used, and why, as a sentence for the admin. `day`: ISO date, if known."""

    title: str
    day: str | None
    why: str


def read_events(data: bytes, zone: str, first: date, last: date) -> tuple[list[Happening], list[Unread]]:
    """What falls on the days `first` to `last`, in order. CalendarError if the file cannot be read. Blocks."""
    if len(data) > LARGEST:
        raise CalendarError(f"an iCalendar file of more than {LARGEST} bytes is not read")
    if not timedelta() <= last - first <= LONGEST_RANGE:
        raise CalendarError("a calendar is read for a day to three years, the first day before the last")
    command = [sys.executable, "-m", "ivr.hours.ical", zone, first.isoformat(), last.isoformat()]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=6 * SECONDS)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode < 0:
        raise CalendarError(TOO_MUCH)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise CalendarError(f"the iCalendar file could not be read: {said}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "error" in answer:
        raise CalendarError(answer["error"])
    happenings = [
        Happening(title, datetime.fromisoformat(begin), datetime.fromisoformat(end))
        for title, begin, end in answer["events"]
    ]
    return happenings, [Unread(*unread) for unread in answer["unread"]]


def expand(data: bytes, zone: ZoneInfo, first: date, last: date) -> tuple[list[Happening], list[Unread]]:
    """As `read_events`, but in this process and without its limits."""
    happenings: set[Happening] = set()
    unread: list[Unread] = []
    for calendar in _calendars(data):
        bad = {id(event): why for event in calendar.walk("VEVENT") if (why := _why_not(event))}
        unread += [
            Unread(_title(event), _day(event), bad[id(event)])
            for event in calendar.walk("VEVENT")
            if id(event) in bad
        ]
        calendar.subcomponents = [part for part in calendar.subcomponents if id(part) not in bad]
        query = recurring_ical_events.of(calendar, components=["VEVENT"])
        for event in query.between(first, last + ONE_DAY):
            happening = Happening(_title(event), _local(event.start, zone), _local(event.end, zone))
            if event.get("STATUS") == "CANCELLED" or happening.end <= datetime(
                first.year, first.month, first.day
            ):
                continue
            happenings.add(happening)
            if len(happenings) > MOST_EVENTS:
                raise CalendarError(f"more than {MOST_EVENTS} events in this time; ask for less at once")
    return sorted(happenings, key=lambda one: (one.begin, one.end, one.title)), unread


def _calendars(data: bytes) -> list[Calendar]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CalendarError("the file is not UTF-8; export it again as iCalendar (.ics)") from None
    if "BEGIN:VCALENDAR" not in text:
        raise CalendarError("this is no iCalendar file (.ics): there is no calendar in it")
    if text.count("BEGIN:VCALENDAR") != text.count("END:VCALENDAR"):
        raise CalendarError("the iCalendar file is cut off; export it again")
    if text.count("BEGIN:VEVENT") > MOST_EVENTS:
        raise CalendarError(f"more than {MOST_EVENTS} events in one file are not read")
    found = Calendar.from_ical(text, multiple=True)
    return [calendar for calendar in found if isinstance(calendar, Calendar)]


def _why_not(event: Event) -> str | None:
    title = _title(event)
    if not title:
        return "it has no title, and callers hear that as the reason"
    if len(title) > LONGEST_TITLE or set(title) & set("{}"):
        return f"callers hear its title: write it without braces and with no more than {LONGEST_TITLE} characters"
    try:
        start, end = event.start, event.end
    except Exception:  # whatever the library makes of a missing or a broken property
        return "its beginning or end cannot be read"
    if isinstance(start, datetime) and start.tzinfo is None and event["DTSTART"].params.get("TZID"):
        return f'its time zone "{event["DTSTART"].params["TZID"]}" is not known'
    if type(start) is not type(end) or _aware(start) != _aware(end):
        return "its beginning and its end are of different kinds"
    if end < start or (end == start and isinstance(start, datetime)):
        return "it ends before it begins, or at once"
    if not _recurs_seldom(event):
        return "it recurs otherwise than by days, weeks, months or years"
    return None


def _recurs_seldom(event: Event) -> bool:
    try:
        rules = event.get("RRULE", [])
        often = [rule["FREQ"] for rule in (rules if isinstance(rules, list) else [rules])]
    except Exception:  # as above
        return False
    return all(len(names) == 1 and str(names[0]).upper() in _OFTEN for names in often)


def _title(event: Event) -> str:
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(event.get("SUMMARY", "")))
    return " ".join(unicodedata.normalize("NFC", text).split())


def _day(event: Event) -> str | None:
    try:
        return _local(event.start, None).date().isoformat()
    except Exception:  # as above
        return None


def _aware(moment: date) -> bool:
    return isinstance(moment, datetime) and moment.tzinfo is not None


def _local(moment: date, zone: ZoneInfo | None) -> datetime:
    """A time without a zone is meant where the desk is."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day)
    return (
        moment.astimezone(zone).replace(tzinfo=None)
        if moment.tzinfo and zone
        else moment.replace(tzinfo=None)
    )


def main(arguments: list[str]) -> None:
    """The process of its own: the file from standard input, JSON to standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    zone, first, last = ZoneInfo(arguments[0]), *map(date.fromisoformat, arguments[1:])
    json.dump(dict(_answer(sys.stdin.buffer.read(LARGEST + 1), zone, first, last)), sys.stdout)


def _answer(data: bytes, zone: ZoneInfo, first: date, last: date) -> Iterator[tuple[str, Any]]:
    try:
        happenings, unread = expand(data, zone, first, last)
    except CalendarError as error:
        yield "error", str(error)
    except MemoryError:
        yield "error", TOO_MUCH
    except Exception as error:  # the library's own, of many kinds, for files that are none
        yield "error", f"the iCalendar file is broken: {' '.join(str(error).split())[:200]}"
    else:
        yield "events", [(one.title, one.begin.isoformat(), one.end.isoformat()) for one in happenings]
        yield "unread", [(one.title, one.day, one.why) for one in unread]


if __name__ == "__main__":
    main(sys.argv[1:])
