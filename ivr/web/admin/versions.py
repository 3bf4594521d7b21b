"""Every version that was live: who, when, why; what it changed; back to it."""

import asyncio
from collections.abc import Mapping, Sequence

from aiohttp import web

from ivr import editing
from ivr.errors import Conflict, DialplanError, NotFound
from ivr.store.dialplans import LiveLine
from ivr.web.admin import read
from ivr.web.admin.difference import Row, rows
from ivr.web.admin.lines import the_line
from ivr.web.admin.orders import refused_here
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER

TAB = "/versions"
LONGEST_WHY = 200  # characters
SHARED = (
    "この版は、今とは違う共通ファイルで公開されていました。共通ファイルはほかの窓口も使うため、"
    "この画面からは戻せません。運用担当者にご依頼ください。"
)


async def show_list(request: web.Request) -> web.Response:
    line = await the_line(request)
    history = await _history(request, line)
    done = request.query.get("done") == line.hash
    return render_line(request, "admin/versions.html", line, TAB, history=history, done=done)


async def show_one(request: web.Request) -> web.Response:
    line = await the_line(request)
    return await _page(request, line, await _version(request, line))


async def roll_back(request: web.Request) -> web.Response:
    line = await the_line(request)
    wanted = await _version(request, line)
    form = await request.post()
    why = str(form.get("why", "")).strip()[:LONGEST_WHY] or None
    refused: list[str] = []
    try:
        await editing.roll_back(
            request.app[SETTINGS],
            request.app[STORE],
            line.key,
            wanted.hash,
            by=request[VIEWER].name,
            why=why,
            now=request.app[CLOCK].now(),
        )
    except Conflict:
        return await _page(request, line, wanted, status=409, notice=SHARED)
    except DialplanError as error:
        refused = refused_here(request, line, str(error))  # none, if it is of other lines only
    async with request.app[STORE].read() as db:
        files = await editing.version_files(db, line.key, wanted.hash)
    if not await _on_disk(request, files) or (await the_line(request)).hash != wanted.hash:
        notice = "この版に戻せませんでした。今の版のまま応対しています。"
        return await _page(request, line, wanted, status=422, notice=notice, refused=refused)
    raise web.HTTPSeeOther(f"/admin/lines/{line.key}/versions?done={wanted.hash}")


async def _on_disk(request: web.Request, files: Mapping[str, str]) -> bool:
    return await asyncio.to_thread(read.is_on_disk, request.app[SETTINGS], files)


async def _version(request: web.Request, line: LiveLine) -> editing.Version:
    """That of the address, as it was live the last time; NotFound if it never was."""
    wanted = request.match_info["hash"]
    for version in await _history(request, line):
        if version.hash == wanted:
            return version
    raise NotFound(f'line "{line.key}" never had a dialplan {wanted[:12]}')


async def _history(request: web.Request, line: LiveLine) -> list[editing.Version]:
    async with request.app[STORE].read() as db:
        return await editing.history(db, line.key)


async def _page(
    request: web.Request,
    line: LiveLine,
    version: editing.Version,
    *,
    status: int = 200,
    notice: str | None = None,
    refused: Sequence[str] = (),
) -> web.Response:
    history = await _history(request, line)
    older = history[history.index(version) + 1 :]
    before = next((other for other in older if other.hash != version.hash), None)
    live = line.hash == version.hash
    async with request.app[STORE].read() as db:
        files = await editing.version_files(db, line.key, version.hash)
        then = await editing.version_files(db, line.key, before.hash) if before else None
        now = await editing.version_files(db, line.key, line.hash)
    return render_line(
        request,
        "admin/version.html",
        line,
        TAB,
        status=status,
        version=version,
        live=live,
        may_go_back=not live or not await _on_disk(request, files),
        before=before,
        files=files,
        from_before=None if then is None else _differences(then, files),
        to_live=None if live else _differences(files, now),
        notice=notice,
        refused=refused,
    )


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, list[Row]]]:
    """Key of a file and its rows, of each file that differs; a file that is not there counts as empty."""
    found = [(key, rows(old.get(key, ""), new.get(key, ""))) for key in dict.fromkeys([*old, *new])]
    return [(key, changed) for key, changed in found if changed]
