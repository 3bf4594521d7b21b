"""What the admin pages show of lines: from the store, and from the files, which are the truth."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ivr import checking, editing
from ivr.dialplan.problems import Problem
from ivr.errors import CalendarError, DialplanError, NotFound
from ivr.hours import State
from ivr.lines import Lines
from ivr.settings import Settings
from ivr.store import alarms, dialplans
from ivr.store.dialplans import LiveLine
from ivr.store.tables import Alarm
from ivr.web.keys import Viewer


@dataclass(frozen=True, slots=True)
class LineView:
    """`hours` None: the line has none, or nobody knows. `since` None: nobody noted it."""

    line: LiveLine
    hours: State | None
    since: editing.Version | None
    waits: bool  # the file on disk is not what is live
    alarms: Sequence[Alarm]


async def lines_of(session: AsyncSession, viewer: Viewer) -> list[LiveLine]:
    found = await dialplans.live(session)
    return [line for line in found if viewer.tenant in (None, line.tenant)]


async def one_line(session: AsyncSession, key: str, viewer: Viewer) -> LiveLine:
    """NotFound if it does not live, or is another tenant's."""
    for line in await lines_of(session, viewer):
        if line.key == key:
            return line
    raise NotFound(f'there is no line "{key}"')


async def view(
    session: AsyncSession, line: LiveLine, lines: Lines, settings: Settings, now: datetime
) -> LineView:
    history = await editing.history(session, line.key)
    live = await editing.version_files(session, line.key, line.hash)
    return LineView(
        line=line,
        hours=_hours(lines, line.key, now),
        since=next((version for version in history if version.live), None),
        waits=not await asyncio.to_thread(is_on_disk, settings, live),
        alarms=[alarm for alarm in await alarms.standing(session, line.tenant) if _is_of(alarm, line.key)],
    )


def _hours(lines: Lines, key: str, now: datetime) -> State | None:
    calendar = lines.calendar(key, None)
    try:
        return calendar.state(now) if calendar else None
    except CalendarError:
        return None


def _is_of(alarm: Alarm, line: str) -> bool:
    """Keys are like "dialplan:ecforce"."""
    return line in alarm.key.split(":")


def on_disk(settings: Settings, key: str) -> editing.FileState | None:
    """None if there is no such file, or nobody can read it. Blocks."""
    try:
        return editing.read(settings.dialplans, key)
    except (NotFound, DialplanError):
        return None


def is_on_disk(settings: Settings, files: Mapping[str, str]) -> bool:
    """Whether the files of a version stand there as they are. Blocks."""
    there = {key: on_disk(settings, key) for key in files}
    return all(
        (file := there[key]) is not None and file.text.rstrip("\n") == text.rstrip("\n")
        for key, text in files.items()
    )


def file_name(settings: Settings, key: str) -> str:
    """As problems name it."""
    return f"{settings.dialplans.name}/{key}.yaml"


def own_files(settings: Settings, key: str) -> tuple[str, str]:
    """How the names of the files begin that this line is made of."""
    return f"{file_name(settings, key)}:", f"{settings.dialplans.name}/shared/"


async def problems_of(
    settings: Settings, line: LiveLine, text: str, today: date, viewer: Viewer
) -> list[Problem]:
    """What is wrong with `text` as the file of `line`; of other lines only what the viewer may see."""
    found = await asyncio.to_thread(_problems, settings, line.key, text, today)
    own = own_files(settings, line.key)
    return [problem for problem in found if viewer.tenant is None or str(problem).startswith(own)]


def _problems(settings: Settings, key: str, text: str, today: date) -> list[Problem]:
    """With those of the shared files that the text is told to have errors."""
    found = editing.check_text(settings, key, text, today)
    wrong = {problem.message.partition(" has errors")[0] for problem in found}
    shared = [
        problem
        for problem in (checking.check_directory(settings, today) if found else [])
        if any(said.endswith(problem.file) for said in wrong) and problem not in found
    ]
    return [*found, *shared]
