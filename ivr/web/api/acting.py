"""One change of a callback: its transaction, the version that was seen, the audit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service, undo
from ivr.callbacks.policy import Policies
from ivr.callbacks.who import Who
from ivr.store import audit, callbacks
from ivr.store.tables import CallbackRow
from ivr.web.callbacks.doing import was_done, who_asks
from ivr.web.keys import CLOCK, LINES, STORE

CHANGED = "it has another version by now; look at it again and decide anew"


@dataclass(frozen=True)
class Acting:
    db: AsyncSession
    row: CallbackRow
    who: Who
    now: datetime

    @property
    def ticket(self) -> str:
        return self.row.ticket


@asynccontextmanager
async def acting(
    request: web.Request, what: str, seen: int | None = None, *, locked: bool = True
) -> AsyncIterator[Acting]:
    """Commits at exit. NotFound past the wall; 412 unless the version is the one that was `seen`.

    As on the pages, one's lease goes on with what one does, and the last thing may be taken back.
    `locked` False: of two callbacks, which are locked in their order.
    """
    app, who, now = request.app, who_asks(request), request.app[CLOCK].now()
    async with app[STORE].write() as db:
        row = await callbacks.get(db, request.match_info["ticket"], tenant=who.tenant, to_change=locked)
        if seen is not None and seen != row.version:
            raise web.HTTPPreconditionFailed(reason=CHANGED)
        tenant, ticket, before = row.tenant, row.ticket, undo.before(row)
        yield Acting(db, row, who, now)
        await audit.note(
            db, who=who.name, tenant=tenant, what="change", kind="callback", about=ticket, at=now, detail=what
        )
        await was_done(db, ticket, before, who, now)


async def require_free(request: web.Request) -> None:
    """Conflict if another has it, told without waiting in the line of those who would change it: most who claim lose."""
    who, now = who_asks(request), request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        row = await callbacks.get(db, request.match_info["ticket"], tenant=who.tenant)
    service.require_free(row, who, now)


async def policies_of(request: web.Request) -> Policies:
    """As the lines are now."""
    lines = request.app[LINES]
    await lines.reload(request.app[STORE])
    return lines.policy
