"""One line's dialplan from the files, checked: for commands that show it before it is live."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.dialplan.check import check
from ivr.dialplan.load import load
from ivr.dialplan.model import Dialplan, Step
from ivr.dialplan.problems import BadDialplan, did_you_mean
from ivr.errors import DialplanError


def pick(directory: Path, key: str, step_types: Mapping[str, type[Step]], today: date) -> Dialplan:
    """BadDialplan names every error of the file; DialplanError, the lines there are if `key` is none."""
    known = sorted(path.stem for path in directory.glob("*.yaml"))
    if key not in known:
        raise DialplanError(f'there is no line "{key}" in {directory}{did_you_mean(key, known)}')
    file = f"{directory.name}/{key}.yaml"
    dialplan = load(directory / f"{key}.yaml", step_types, file)
    errors = [problem for problem in check(file, dialplan, today) if problem.severity == "error"]
    if errors:
        raise BadDialplan(errors)
    return dialplan


def zone_of(dialplan: Dialplan) -> ZoneInfo:
    """In which the line's times are told: that of its first hours."""
    return ZoneInfo(next((hours.zone for hours in dialplan.hours.values()), "Asia/Tokyo"))


def moment(text: str, zone: ZoneInfo) -> datetime:
    """ "2026-11-24 11:00", "2026-11-24T11:00+09:00"; without an offset it is a time of `zone`."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise DialplanError(f'"{text}" is no time; write it like 2026-11-24T11:00') from None
    return at.astimezone(zone) if at.tzinfo else at.replace(tzinfo=zone)
