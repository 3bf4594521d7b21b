"""The calls of a period as the commands show them: on the flow of their line, and through another version."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

from ivr.clock import SystemClock
from ivr.dialplan.load import load_text
from ivr.dialplan.model import Dialplan
from ivr.dialplan.numbers import e164
from ivr.dialplan.pick import beginning, pick, zone_of
from ivr.errors import DialplanError, NotFound
from ivr.replay import Replayed, replay
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import calls, dialplans
from ivr.store.calls import Passage
from ivr.store.database import opened
from ivr.traffic import Traffic, traffic


async def traffic_of(settings: Settings, dialplan: Dialplan, since: str, until: str | None) -> Traffic:
    """`since` and `until` as `ivr.dialplan.pick.beginning` reads them; until now without the latter."""
    begin, end = period(settings, dialplan, since, until)
    async with opened(settings.database_url) as store, store.read() as session:
        return await traffic(session, dialplan, begin, end)


def replayed(
    settings: Settings,
    file: Path,
    line: str | None,
    since: str,
    until: str | None,
    progress: Callable[[int, int], None],
) -> list[Replayed]:
    """The calls of a line through the version in `file`, which need not be in the dialplans' directory."""
    new = _read(file, SystemClock(settings.clock_offset).now().date())
    found, versions = asyncio.run(_calls(settings, new, line, since, until))
    return replay(found, versions, new, lambda done: progress(done, len(found)))


async def _calls(
    settings: Settings, new: Dialplan, line: str | None, since: str, until: str | None
) -> tuple[list[Passage], dict[str, Dialplan]]:
    """And the versions that they ran on, by hash, as far as the present program understands them."""
    async with opened(settings.database_url) as store, store.read() as session:
        live = await dialplans.live(session)
        key = line or _line_of(new, {each.key: each.numbers for each in live})
        begin, end = period(settings, new, since, until)
        found = await calls.passages(session, key, begin, end)
        versions = {}
        for hash in {call.dialplan for call in found}:
            with suppress(NotFound, DialplanError):
                source = (await dialplans.version(session, key, hash)).source
                versions[hash] = load_text(f"{key}.yaml", source, STEPS)
    return found, versions


def period(
    settings: Settings, dialplan: Dialplan, since: str, until: str | None
) -> tuple[datetime, datetime]:
    now, zone = SystemClock(settings.clock_offset).now(), zone_of(dialplan)
    begin, end = beginning(since, now, zone), beginning(until, now, zone) if until else now
    if begin >= end:
        raise DialplanError(f"the period from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is empty")
    return begin, end


def _read(file: Path, today: date) -> Dialplan:
    if not file.is_file():
        raise DialplanError(f'there is no file "{file}"')
    return pick(file.parent, file.stem, STEPS, today)


def _line_of(new: Dialplan, live: dict[str, tuple[str, ...]]) -> str:
    """The live line of the file's name, else the one that has a number of the file's."""
    if new.key in live:
        return new.key
    mine = {e164(number) for number in new.line.numbers}
    owners = [key for key, numbers in live.items() if mine & set(numbers)]
    if not owners:
        raise DialplanError(
            f'no live line is called "{new.key}" or has a number of its; say which by --line: '
            + ", ".join(sorted(live))
        )
    return owners[0]
