"""トークン: what lets other programs use the API. An admin sees and ends those of the own company; `ivr token` makes them."""

import logging

from aiohttp import web

from ivr import accounts
from ivr.errors import NotFound
from ivr.store import tokens
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.pages import render

log = logging.getLogger("ivr.web.people")


async def show(request: web.Request) -> web.Response:
    now = request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        rows = await tokens.listing(db, tenant=request[VIEWER].tenant)
    return render(
        request,
        "people/tokens.html",
        rows=[(tokens.id_of(row), row, row.expires_at is not None and row.expires_at <= now) for row in rows],
        done="トークンを失効させました。" if request.query.get("done") == "revoked" else None,
    )


async def revoke(request: web.Request) -> web.Response:
    """Twice, or of one that another admin has just ended, does no harm."""
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    try:
        async with request.app[STORE].write() as db:
            id = request.match_info["id"]
            await accounts.revoke_token(db, id, tenant=viewer.tenant, by=viewer.name, now=now)
    except NotFound:
        raise web.HTTPSeeOther("/admin/tokens") from None
    log.info("a token was revoked", extra={"by": viewer.name})
    raise web.HTTPSeeOther("/admin/tokens?done=revoked")


ROUTES = [web.get("/admin/tokens", show), web.post("/admin/tokens/{id}/revoke", revoke)]
