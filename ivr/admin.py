"""What the commands do to the store; each wakes the process that must hear of it."""

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr import editing
from ivr.asterisk.conf import AgentTelephone
from ivr.clock import SystemClock, iso
from ivr.dialplan.load import load_all
from ivr.errors import BadArgument, NotFound
from ivr.lines import Lines, groups_of
from ivr.messages import promote as promoting
from ivr.queues import hands
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import agents, alarms, callbacks, calls, orders, users
from ivr.store.agents import State
from ivr.store.database import opened
from ivr.store.tables import AgentRow
from ivr.store.users import Role
from ivr.wake import wake
from ivr.web.api import read
from ivr.web.api.shapes import Call, as_json
from ivr.web.auth.passwords import make_hash

TRIAL_WRAP_UP = 60  # seconds: time enough to see a second caller find everybody busy
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


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


async def alarm_list(settings: Settings) -> list[dict[str, Any]]:
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


async def clear_alarm(settings: Settings, key: str) -> None:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        if not await alarms.clear(session, key, now):
            raise NotFound(f'no alarm "{key}" stands; `ivr alarms` lists them')


# -- people ---------------------------------------------------------------------------------


async def add_agent(
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


async def remove_agent(settings: Settings, name: str) -> None:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        await agents.remove(session, name)
        await orders.put(session, "jobs", "agents", {}, now)
    wake(settings.run, "jobs")


async def set_agent(settings: Settings, name: str, state: State, reason: str | None) -> None:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        await hands.set_state(session, name, state, reason, now)
    for process in hands.WOKEN:
        wake(settings.run, process)


async def agent_list(settings: Settings) -> list[dict[str, Any]]:
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.read() as session:
        return [_agent_json(row, now) for row in await agents.listing(session)]


def _agent_json(row: AgentRow, now: datetime) -> dict[str, Any]:
    found = agents.standing(row, now)
    return {
        "name": row.name,
        "state": found.state,
        "reason": found.reason,
        "groups": list(row.groups),
        "endpoint": row.endpoint,
        "tenant": row.tenant,
    }


async def add_user(settings: Settings, name: str, tenant: str | None = None, *, role: Role = "agent") -> str:
    """The password, which is kept nowhere else."""
    password = secrets.token_urlsafe(12)
    async with opened(settings.database_url) as store, store.write() as session:
        now = SystemClock(settings.clock_offset).now()
        await users.add(session, name, make_hash(password), tenant=tenant, at=now, role=role)
    return password


async def make_trial(settings: Settings) -> None:
    """One user, who has a telephone to ring back, and one agent for each group of the dialplans, if there are none.

    Their passwords in a file.
    """
    async with opened(settings.database_url) as store, store.read() as session:
        if await users.listing(session) or await agents.listing(session):
            return
    dialplans, _ = load_all(settings.dialplans, STEPS)
    groups = sorted({group for dialplan in dialplans.values() for group in groups_of(dialplan)})
    lines = [f"Login      user admin, password {await add_user(settings, 'admin', role='admin')}"]
    # No caller of a queue is put through to who only rings back.
    seats: list[tuple[str, list[str]]] = [
        ("admin", []),
        *((name.replace("_", "-"), [name]) for name in groups),
    ]
    for name, of in seats:
        telephone = await add_agent(settings, name, of, wrap_up=TRIAL_WRAP_UP)
        lines.append(f"Agent      {name}: SIP user {telephone.username}, password {telephone.password}")
    _write_secret(settings.first_login, "\n".join(lines) + "\n")


def _write_secret(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


# -- messages -------------------------------------------------------------------------------


async def promote(settings: Settings, message_id: str) -> str:
    """A message judged silent is one after all: it gets its text and a callback, due from now. The ticket."""
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store:
        lines = Lines()
        await lines.reload(store)
        ticket = await promoting.promote(store, lines, message_id, now)
    wake(settings.run, "jobs")
    return ticket


# -- listings -------------------------------------------------------------------------------


async def callback_list(
    settings: Settings, *, limit: int, line: str | None, state: str | None
) -> list[dict[str, Any]]:
    """As `GET /api/v1/callbacks` gives them."""
    async with opened(settings.database_url) as store, store.read() as session:
        rows = await callbacks.listing(session, limit=limit, line=line, state=state)
        return [as_json(one) for one in await read.all_of(session, rows)]


async def call_list(
    settings: Settings, *, limit: int, line: str | None, outcome: str | None
) -> list[dict[str, Any]]:
    """As `GET /api/v1/calls` gives them."""
    async with opened(settings.database_url) as store, store.read() as session:
        rows = await calls.listing(session, limit=limit, line=line, outcome=outcome)
    return [as_json(Call.of(row)) for row in rows]
