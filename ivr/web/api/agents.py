"""Agents and their states."""

from datetime import datetime
from typing import Literal

from aiohttp import web

from ivr.errors import NotFound
from ivr.queues import hands
from ivr.store import agents
from ivr.store.tables import AgentRow
from ivr.wake import wake
from ivr.web.api.fields import Given, Short, Time, Told
from ivr.web.api.operation import Operation
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER
from ivr.web.refusals import Forbidden


class Agent(Told):
    name: str
    state: agents.State
    reason: str | None
    since: Time
    groups: list[str]


class NewState(Given):
    state: Literal["available", "away", "wrap_up"]
    reason: Short | None = None


async def list_agents(request: web.Request) -> list[Agent]:
    """Agents (オペレーター) of the company, by name."""
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        found = [row for row in await agents.listing(db) if agents.is_theirs(row, viewer.tenant)]
    return [_told(row, now) for row in found]


async def set_state(request: web.Request, body: NewState) -> Agent:
    """受付可, 離席, 後処理: of the agent that the token is named after; by a supervisor's token, of anybody."""
    app, viewer, now, name = (
        request.app,
        request[VIEWER],
        request.app[CLOCK].now(),
        request.match_info["agent"],
    )
    async with app[STORE].write() as db:
        row = await db.get(AgentRow, name)
        if row is None or not agents.is_theirs(row, viewer.tenant):
            raise NotFound(f'there is no agent "{name}"')
        if row.name != viewer.name and not viewer.manages:
            raise Forbidden("this needs a token that is named after the agent, or one of a supervisor")
        await hands.set_state(db, name, body.state, body.reason, now)
        await db.refresh(row)
    for process in hands.WOKEN:
        wake(app[SETTINGS].run, process)
    return _told(row, now)


def _told(row: AgentRow, now: datetime) -> Agent:
    found = agents.standing(row, now)
    return Agent(name=row.name, state=found.state, reason=found.reason, since=found.since, groups=row.groups)


OPERATIONS = [
    Operation("GET", "/api/v1/agents", list_agents, "agents"),
    Operation("PUT", "/api/v1/agents/{agent}/state", set_state, "agents", conflicts=True),
]
