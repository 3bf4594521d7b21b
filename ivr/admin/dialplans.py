"""`ivr publish`, `ivr versions`, `ivr rollback`: what makes lines live, and back."""

from dataclasses import asdict
from typing import Any

from ivr import editing
from ivr.clock import SystemClock, iso
from ivr.errors import NotFound
from ivr.settings import Settings
from ivr.store.database import opened


async def publish(settings: Settings, by: str, why: str | None) -> None:
    """Has the jobs process publish and waits for the end; DialplanError says what was refused."""
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store:
        await editing.publish(settings, store, by=by, why=why, now=now)


async def versions(settings: Settings, line: str) -> list[dict[str, Any]]:
    """Each time a version of the line went live, the newest first."""
    async with opened(settings.database_url) as store, store.read() as session:
        found = await editing.history(session, line)
    if not found:
        raise NotFound(f'line "{line}" was never live')
    return [{**asdict(version), "at": iso(version.at)} for version in found]


async def version(settings: Settings, line: str, hash: str) -> dict[str, str]:
    """Name of each file of a version -> its text."""
    async with opened(settings.database_url) as store, store.read() as session:
        files = await editing.version_files(session, line, hash)
    return {f"{key}.yaml": text for key, text in files.items()}


async def roll_back(
    settings: Settings, line: str, hash: str, *, by: str, why: str | None, shared: bool
) -> None:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store:
        await editing.roll_back(settings, store, line, hash, by=by, why=why, now=now, shared=shared)
