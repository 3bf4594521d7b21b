"""The calls of a period as the commands show them: on the flow of their line, and through another version."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from ivr.clock import SystemClock
from ivr.dialplan.load import load_text
from ivr.dialplan.model import Dialplan
from ivr.dialplan.numbers import e164
from ivr.dialplan.pick import beginning, pick, zone_of
from ivr.errors import DialplanError
from ivr.replay import Replayed, replay
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import calls, dialplans
from ivr.store.database import opened
from ivr.traffic import Traffic, traffic


async def traffic_of(settings: Settings, dialplan: Dialplan, since: str, until: str | None) -> Traffic:
    """`since` and `until` as `ivr.dialplan.pick.beginning` reads them; until now without the latter."""
    begin, end = period(settings, dialplan, since, until)
    async with opened(settings.database_url) as store, store.read() as session:
        return await traffic(session, dialplan, begin, end)


async def replayed(
    settings: Settings,
    file: Path,
    line: str | None,
    since: str,
    until: str | None,
    progress: Callable[[int, int], None],
) -> list[Replayed]:
    """The calls of a line through the version in `file`, which need not be in the dialplans' directory."""
    today = SystemClock(settings.clock_offset).now().date()
    new = _read(file, today)
    async with opened(settings.database_url) as store, store.read() as session:
        live = await dialplans.live(session)
        key = line or _line_of(new, {each.key: each.numbers for each in live})
        begin, end = period(settings, new, since, until)
        found = await calls.passages(session, key, begin, end)
        hashes = {call.dialplan for call in found}
        sources = {hash: (await dialplans.version(session, key, hash)).source for hash in hashes}
    return replay(found, _readable(key, sources), new, lambda done: progress(done, len(found)))


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


def _readable(key: str, sources: dict[str, str]) -> dict[str, Dialplan]:
    """Without the versions that the present program does not understand any more."""
    found = {}
    for hash, source in sources.items():
        try:
            found[hash] = load_text(f"{key}.yaml", source, STEPS)
        except DialplanError:
            continue
    return found
