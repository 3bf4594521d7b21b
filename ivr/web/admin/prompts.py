"""Every text of a line, step by step, to be read and heard as callers hear it."""

import asyncio
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from aiohttp import web

from ivr import audition
from ivr.dialplan.model import Dialplan
from ivr.dialplan.texts import GREETING_DAYS, all_texts, parts, sayings
from ivr.errors import NotFound
from ivr.lines import LiveLine
from ivr.prompts.library import PromptLibrary
from ivr.settings import Settings
from ivr.web.admin.lines import the_line
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK, SETTINGS

TAB = "/prompts"
SOURCES = {"synthesised": "合成音声", "recorded": "録音", "missing": "未作成"}


@dataclass(frozen=True, slots=True)
class Heard:
    """`id` names the audio in addresses; `where`: steps and fields that say it, empty for what the day fills in."""

    id: str
    text: str
    source: str
    seconds: float | None
    where: tuple[str, ...]


async def show(request: web.Request) -> web.Response:
    line = await the_line(request)
    live = await asyncio.to_thread(LiveLine.read, line.key, line.source)
    today = request.app[CLOCK].now().date()
    heard = await asyncio.to_thread(_heard, request.app[SETTINGS], live.dialplan, today)
    return render_line(
        request,
        "admin/prompts.html",
        line,
        TAB,
        own=[each for each in heard if each.where],
        filled_in=[each for each in heard if not each.where],
        seconds=sum(each.seconds or 0 for each in heard),
        missing=sum(each.source == "missing" for each in heard),
        sources=SOURCES,
    )


async def audio(request: web.Request) -> web.StreamResponse:
    """WAV, 8 kHz, of a text of this line; ranges are answered."""
    line = await the_line(request)
    live = await asyncio.to_thread(LiveLine.read, line.key, line.source)
    today = request.app[CLOCK].now().date()
    file = await asyncio.to_thread(
        _file, request.app[SETTINGS], live.dialplan, today, request.match_info["id"]
    )
    if file is None:
        raise NotFound("there is no such prompt, or it was not spoken yet")
    return web.FileResponse(file, headers={"Content-Type": "audio/wav", "Cache-Control": "private, no-store"})


def _heard(settings: Settings, dialplan: Dialplan, today: date) -> list[Heard]:
    library = audition.library_of(settings)
    places = _places(dialplan)
    return [
        Heard(library.key(text), text, about["source"], about["seconds"], tuple(places.get(text, ())))
        for text in all_texts(dialplan, today, GREETING_DAYS)
        for about in [audition.audio(library, text)]
    ]


def _file(settings: Settings, dialplan: Dialplan, today: date, id: str) -> Path | None:
    library: PromptLibrary = audition.library_of(settings)
    for text in all_texts(dialplan, today, GREETING_DAYS):
        if library.key(text) == id:
            found = audition.audio(library, text)["audio"]
            return Path(found) if found else None
    return None


def _places(dialplan: Dialplan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for step, field, text in sayings(dialplan):
        for part in parts(text, line=dialplan.line):
            found.setdefault(part, []).append(f"{step}.{field}")
    return found
