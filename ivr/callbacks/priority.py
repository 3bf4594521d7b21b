"""How urgent a callback is."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store import orders

DUTY = "duty"  # kind of the order
ORDER = ("low", "medium", "high", "critical")


def rank(priority: str) -> int:
    return ORDER.index(priority) if priority in ORDER else 0


def higher(one: str, other: str) -> str:
    return max(one, other, key=rank)


async def became(session: AsyncSession, ticket: str, before: str | None, after: str, now: datetime) -> None:
    """An engine hears of each callback that is critical from now on: it rings who is on duty, if the line is closed."""
    if after == "critical" and before != "critical":
        await orders.put(session, "engine", DUTY, {"ticket": ticket}, now)
