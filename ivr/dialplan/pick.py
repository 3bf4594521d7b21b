"""One line's dialplan from the files, checked: for commands that show it before it is live."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.dialplan.across import reached
from ivr.dialplan.check import check
from ivr.dialplan.load import READINGS, load_beside
from ivr.dialplan.model import Dialplan, Step
from ivr.dialplan.problems import BadDialplan, did_you_mean
from ivr.errors import DialplanError


def pick(directory: Path, key: str, step_types: Mapping[str, type[Step]], today: date) -> Dialplan:
    """BadDialplan names every error of the file and of the lines it goes to; DialplanError, the lines there are if `key` is none."""
    known = sorted(path.stem for path in directory.glob("*.yaml") if path.name != READINGS)
    if key not in known:
        raise DialplanError(f'there is no line "{key}" in {directory}{did_you_mean(key, known)}')
    file = f"{directory.name}/{key}.yaml"
    dialplan = load_beside(directory / f"{key}.yaml", step_types, file)
    problems = [
        problem
        for each in reached(dialplan)
        for problem in check(each.files[0], each, today)
        if problem.severity == "error"
    ]
    if problems:
        raise BadDialplan(list(dict.fromkeys(problems)))
    return dialplan


def zone_of(dialplan: Dialplan) -> ZoneInfo:
    """In which the line's times are told: that of its first hours."""
    return ZoneInfo(next((hours.zone for hours in dialplan.hours.values()), "Asia/Tokyo"))


def beginning(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Of a period: "today", "yesterday", "7d", "12h" before `now`, or as `moment` reads it."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    match text.strip():
        case "today":
            return midnight
        case "yesterday":
            return midnight - timedelta(days=1)
        case ago if found := re.fullmatch(r"(\d{1,4})([dh])", ago):
            return now - timedelta(hours=int(found[1]) * (24 if found[2] == "d" else 1))
    return moment(text, zone)


def moment(text: str, zone: ZoneInfo) -> datetime:
    """ "2026-11-24 11:00", "2026-11-24T11:00+09:00"; without an offset it is a time of `zone`."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise DialplanError(f'"{text}" is no time; write it like 2026-11-24T11:00') from None
    return at.astimezone(zone) if at.tzinfo else at.replace(tzinfo=zone)
