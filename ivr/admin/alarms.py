"""`ivr alarms`."""

from typing import Any

from ivr.clock import SystemClock, iso
from ivr.errors import NotFound
from ivr.settings import Settings
from ivr.store import alarms
from ivr.store.database import opened


async def listing(settings: Settings) -> list[dict[str, Any]]:
    """What stands, the oldest first."""
    async with opened(settings.database_url) as store, store.read() as session:
        return [
            {
                "key": row.key,
                "text": row.text,
                "since": iso(row.raised_at),
                "last": iso(row.last_at),
                "count": row.count,
                "tenant": row.tenant,
            }
            for row in await alarms.standing(session)
        ]


async def clear(settings: Settings, key: str) -> None:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        if not await alarms.clear(session, key, now):
            raise NotFound(f'no alarm "{key}" stands; `ivr alarms` lists them')
