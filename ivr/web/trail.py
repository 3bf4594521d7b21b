"""That somebody looked at something goes into the audit; what is shown does not depend on it."""

import logging
from datetime import timedelta

from aiohttp import web

from ivr.errors import StoreError
from ivr.store import audit
from ivr.web.keys import CLOCK, STORE, VIEWER

log = logging.getLogger("ivr.web")

ONE_VIEW = timedelta(minutes=30)  # a page that stays open, or a program that asks again and again, looks once


async def looked_at(
    request: web.Request,
    kind: audit.Kind,
    about: str,
    *,
    tenant: str | None,
    what: str = "view",
    detail: str | None = None,
    once_in: timedelta | None = ONE_VIEW,
) -> None:
    """`tenant`: whose data it was. `once_in`: who looked so long ago is not noted again; None: each time."""
    now, who, about = request.app[CLOCK].now(), request[VIEWER].name, about[:200]
    try:
        if once_in is not None:
            async with request.app[STORE].read() as db:
                if await audit.looked_at(db, who=who, kind=kind, about=about, since=now - once_in, what=what):
                    return
        async with request.app[STORE].write() as db:
            await audit.note(
                db, who=who, tenant=tenant, what=what, kind=kind, about=about, at=now, detail=detail
            )
    except StoreError:
        log.exception("it was not noted who looked")
