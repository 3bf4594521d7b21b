"""`ivr calls`."""

from typing import Any

from ivr.settings import Settings
from ivr.store import calls
from ivr.store.database import opened
from ivr.web.api.shapes import Call, as_json


async def listing(
    settings: Settings, *, limit: int, line: str | None, outcome: str | None
) -> list[dict[str, Any]]:
    """As `GET /api/v1/calls` gives them."""
    async with opened(settings.database_url) as store, store.read() as session:
        rows = await calls.listing(session, limit=limit, line=line, outcome=outcome)
    return [as_json(Call.of(row)) for row in rows]
