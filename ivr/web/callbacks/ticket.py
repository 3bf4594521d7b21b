"""What the pane of one ticket shows."""

import logging
import re
from datetime import timedelta
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import asking, states
from ivr.errors import StoreError
from ivr.messages.transcription import seconds_left
from ivr.store import audit, deliveries
from ivr.store import callbacks as store
from ivr.store.tables import CallbackRow
from ivr.web.callbacks import read
from ivr.web.callbacks.actions import PROBLEMS
from ivr.web.callbacks.heard import heard
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER

log = logging.getLogger("ivr.web")

ONE_VIEW = timedelta(minutes=30)  # a page that stays open and keeps itself fresh is looked at once


async def values(request: web.Request, db: AsyncSession, ticket: str) -> dict[str, Any]:
    """For ticket.html. `ticket` may be a number that was merged into another. NotFound past the wall between tenants.

    That it was looked at is noted, in a transaction of its own.
    """
    now = request.app[CLOCK].now()
    view = await read.one(db, ticket, tenant=request[VIEWER].tenant, now=now)
    row = view.callback
    await _seen(request, db, row)
    async with request.app[STORE].read() as after:  # what was just noted
        notices = await deliveries.of_subject(after, row.ticket)
    several = len(request.app[SETTINGS].transcriber)
    return {
        "view": view,
        "events": await store.events(db, row.ticket),
        "contacts": await read.contacts_of(db, row),
        "others": await asking.others(db, row),
        "text_in": await seconds_left(db, view.message, several) if view.message else None,
        "heard": heard(view.message) if view.message else None,
        "notices": notices,
        "can_finish": any(row.state == s and "done" in after for s, after in states.TRANSITIONS.items()),
        "can_reopen": row.state == "done",
        "problem": PROBLEMS.get(request.query.get("problem", "")),
    }


async def _seen(request: web.Request, db: AsyncSession, row: CallbackRow) -> None:
    """Into the audit, and that the link of a notice was opened. The page does not depend on it."""
    now, who = request.app[CLOCK].now(), request[VIEWER].name
    about: dict[str, Any] = {"who": who, "kind": "callback", "about": row.ticket}
    notice = request.query.get("notice", "")
    opened = re.fullmatch(r"[0-9]{1,9}", notice) is not None
    if not opened and await audit.looked_at(db, **about, since=now - ONE_VIEW):
        return
    try:
        async with request.app[STORE].write() as writing:
            await audit.note(writing, **about, tenant=row.tenant, what="view", at=now)
            if opened:
                await deliveries.seen(writing, int(notice), row.ticket, now)
    except StoreError:
        log.exception("it was not noted that a callback was seen")
