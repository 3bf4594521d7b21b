"""`ivr agent`: people with telephones; the processes that ring them are woken."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ivr.asterisk.conf import AgentTelephone
from ivr.clock import SystemClock
from ivr.errors import BadArgument
from ivr.lines import Lines
from ivr.queues import hands
from ivr.settings import Settings
from ivr.store import agents, orders
from ivr.store.agents import State
from ivr.store.database import opened
from ivr.store.tables import AgentRow
from ivr.wake import wake

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


async def add(
    settings: Settings, name: str, groups: Sequence[str], *, tenant: str | None = None, wrap_up: int = 30
) -> AgentTelephone:
    if not _NAME.fullmatch(name):
        raise BadArgument(f'"{name}" cannot be a telephone\'s user name; use a-z, 0-9, - and _')
    now = SystemClock(settings.clock_offset).now()
    telephone = AgentTelephone(name, name, secrets.token_urlsafe(12))
    async with opened(settings.database_url) as store:
        lines = Lines()
        await lines.reload(store)
        known = lines.groups()
        strange = [group for group in groups if known and group not in known]
        if strange:
            raise BadArgument(f'no line rings a group "{strange[0]}"; there are {", ".join(known)}')
        async with store.write() as session:
            await agents.add(
                session,
                name,
                groups=groups,
                endpoint=f"PJSIP/{name}",
                secret=telephone.password,
                tenant=tenant,
                wrap_up_seconds=wrap_up,
                at=now,
            )
            await orders.put(session, "jobs", "agents", {}, now)
    wake(settings.run, "jobs")
    return telephone


async def remove(settings: Settings, name: str) -> None:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        await agents.remove(session, name)
        await orders.put(session, "jobs", "agents", {}, now)
    wake(settings.run, "jobs")


async def set_state(settings: Settings, name: str, state: State, reason: str | None) -> None:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        await hands.set_state(session, name, state, reason, now)
    for process in hands.WOKEN:
        wake(settings.run, process)


async def listing(settings: Settings) -> list[dict[str, Any]]:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.read() as session:
        return [_as_json(row, now) for row in await agents.listing(session)]


def _as_json(row: AgentRow, now: datetime) -> dict[str, Any]:
    found = agents.standing(row, now)
    return {
        "name": row.name,
        "state": found.state,
        "reason": found.reason,
        "groups": list(row.groups),
        "endpoint": row.endpoint,
        "tenant": row.tenant,
    }
