"""What `ivr disclose` and `ivr deletions` do."""

import asyncio
from pathlib import Path
from typing import Any

from ivr.clock import SystemClock, iso
from ivr.disclosure import delete as deletion
from ivr.disclosure.export import write
from ivr.disclosure.find import Found, find, read_number
from ivr.errors import Conflict
from ivr.messages.retention import Retention
from ivr.settings import Settings
from ivr.store import deletions
from ivr.store.database import opened


async def export(settings: Settings, number: str, folder: Path, *, tenant: str | None) -> dict[str, Any]:
    """How much was written. NotFound, Conflict, BadArgument, OSError."""
    wanted, now = read_number(number), SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.read() as session:
        found = await find(session, wanted, tenant)
    found.require_apart()
    recordings = await asyncio.to_thread(write, found, settings.recordings, folder, now)
    return {"tenant": found.tenant, **found.counts(), "recordings": recordings}


async def delete(
    settings: Settings,
    number: str,
    *,
    tenant: str | None,
    by: str,
    why: str,
    cancel_open: bool,
    dry_run: bool,
) -> dict[str, Any]:
    """How much was deleted; with `dry_run`, how much is there. NotFound, Conflict, BadArgument."""
    wanted, clock = read_number(number), SystemClock(settings.clock_offset)
    async with opened(settings.database_url) as store:
        async with store.read() as session:
            found = await find(session, wanted, tenant)
        deletion.require_no_number(found, by, why)
        if dry_run:
            return {"tenant": found.tenant, **found.counts(), **_planned(found, cancel_open)}
        cancel = deletion.require(found, cancel_open=cancel_open)
        about = {"tenant": found.tenant, "cancelled": list(cancel)}
        kept = {"still_barred": len(found.barred), "still_dedicated": len(found.dedicated)}
        retention = Retention(store, settings.recordings, clock, dict)
        made = await deletion.delete(store, retention, found, by=by, why=why, cancel=cancel, now=clock.now())
    return {**about, **made, **{name: count for name, count in kept.items() if count}}


def _planned(found: Found, cancel_open: bool) -> dict[str, Any]:
    """What a deletion would cancel, or why it would be refused now."""
    try:
        return {"to_cancel": list(deletion.require(found, cancel_open=cancel_open))}
    except Conflict as error:
        return {"in_the_way": str(error)}


async def proofs(
    settings: Settings, *, limit: int, line: str | None, subject: str | None
) -> list[dict[str, Any]]:
    """Newest first. `at` None: begun, and finished by the jobs process."""
    async with opened(settings.database_url) as store, store.read() as session:
        rows = await deletions.listing(session, limit=limit, line=line, subject=subject)
    return [
        {
            "at": iso(row.at),
            "kind": row.kind,
            "of": row.subject,
            "line": row.line,
            "tenant": row.tenant,
            "sha256": row.sha256,
            "by": row.by,
            "why": row.why,
        }
        for row in rows
    ]
