"""The list of callbacks, and one ticket beside it."""

from aiohttp import web

from ivr.web.callbacks import read, ticket
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.pages import render


async def show_list(request: web.Request) -> web.Response:
    now = request.app[CLOCK].now()
    async with request.app[STORE].read() as db:
        board = await read.board(db, tenant=request[VIEWER].tenant, now=now)
    return render(request, "callbacks.html", board=board)


async def show_one(request: web.Request) -> web.Response:
    async with request.app[STORE].read() as db:
        values = await ticket.values(request, db, request.match_info["ticket"])
    return render(request, "callback.html", **values)
