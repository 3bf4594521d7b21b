"""What `ivr deliveries` and `ivr deliver` do."""

from typing import Any

from ivr.clock import SystemClock, iso
from ivr.errors import Conflict
from ivr.settings import Settings
from ivr.store import deliveries
from ivr.store.database import opened
from ivr.store.tables import Delivery
from ivr.wake import wake


async def listing(
    settings: Settings, *, limit: int, line: str | None, state: str | None
) -> list[dict[str, Any]]:
    async with opened(settings.database_url) as store, store.read() as session:
        return [_json(row) for row in await deliveries.listing(session, limit=limit, line=line, state=state)]


async def deliver(settings: Settings, delivery_id: int) -> None:
    """NotFound if there is none; Conflict while it is being sent."""
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        row = await deliveries.get(session, delivery_id)
        if row.state == "sending":
            raise Conflict(f"delivery {delivery_id} is being sent; look again in a moment")
        await deliveries.order(session, delivery_id, now)
    wake(settings.run, "jobs")


def _json(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "event": row.event,
        "line": row.line,
        "about": row.subject,
        "channel": row.channel,
        "to": row.target,
        "answer": row.answer,
        "attempts": row.attempts,
        "perhaps_twice": bool(row.data.get("unsure")) or None,
        "created": iso(row.created_at),
        "next": iso(row.next_at),
        "sent": iso(row.sent_at),
        "seen": iso(row.seen_at),
    }
