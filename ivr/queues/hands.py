"""An agent's state set by hand, by a command or on the page: the engine is told, so that callers who wait are offered."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store import agents, orders
from ivr.store.agents import State

WOKEN = ("engine", "jobs")  # by the caller, once it has committed


async def set_state(
    session: AsyncSession, name: str, state: State, reason: str | None, now: datetime
) -> None:
    """NotFound; Conflict while the agent talks to a caller and is to be anything but `away`."""
    await agents.set_state(session, name, state, reason, now)
    await orders.put(session, "engine", "queue", {}, now)
    await orders.put(session, "jobs", "agents", {}, now)  # the fallback rings who is there
