"""The list of lines, and one line at a glance."""

import asyncio

from aiohttp import web

from ivr.lines import Lines
from ivr.store import alarms
from ivr.store.dialplans import LiveLine
from ivr.web.admin import read
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK, LINES, SETTINGS, STORE, VIEWER
from ivr.web.pages import render


async def home(request: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/admin/lines")


async def show_list(request: web.Request) -> web.Response:
    viewer, settings, now = request[VIEWER], request.app[SETTINGS], request.app[CLOCK].now()
    lines = await fresh_lines(request)
    async with request.app[STORE].read() as db:
        mine = await read.lines_of(db, viewer)
        views = [await read.view(db, line, lines, settings, now) for line in mine]
        standing = await alarms.standing(db, viewer.tenant)
    return render(request, "admin/lines.html", views=views, alarms=standing)


async def show_one(request: web.Request) -> web.Response:
    settings, now = request.app[SETTINGS], request.app[CLOCK].now()
    lines = await fresh_lines(request)
    line = await the_line(request)
    async with request.app[STORE].read() as db:
        view = await read.view(db, line, lines, settings, now)
    file = await asyncio.to_thread(read.on_disk, settings, line.key)
    problems = await read.problems_of(settings, line, file.text, now.date(), request[VIEWER]) if file else []
    return render_line(
        request,
        "admin/overview.html",
        line,
        "",
        view=view,
        file=file,
        file_name=read.file_name(settings, line.key),
        problems=problems,
        errors=sum(problem.severity == "error" for problem in problems),
        lines=file.text.splitlines() if file else [],
    )


async def the_line(request: web.Request) -> LiveLine:
    """The line of the address; NotFound if there is none, or it is behind the wall."""
    async with request.app[STORE].read() as db:
        return await read.one_line(db, request.match_info["key"], request[VIEWER])


async def fresh_lines(request: web.Request) -> Lines:
    lines = request.app[LINES]
    await lines.reload(request.app[STORE])
    return lines
