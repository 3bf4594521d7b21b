"""That a program looked at something goes into the audit; the answer does not depend on it."""

import logging
from datetime import timedelta

from aiohttp import web

from ivr.errors import StoreError
from ivr.store import audit
from ivr.web.keys import CLOCK, STORE, VIEWER

log = logging.getLogger("ivr.web.api")

ONE_VIEW = timedelta(minutes=30)  # a program that asks again and again looks once


async def looked_at(request: web.Request, kind: audit.Kind, about: str, tenant: str | None) -> None:
    now, who = request.app[CLOCK].now(), request[VIEWER].name
    try:
        async with request.app[STORE].read() as db:
            if await audit.looked_at(db, who=who, kind=kind, about=about, since=now - ONE_VIEW):
                return
        async with request.app[STORE].write() as db:
            await audit.note(db, who=who, tenant=tenant, what="view", kind=kind, about=about, at=now)
    except StoreError:
        log.exception("it was not noted that something was looked at")
