"""A message's audio, for the page's player and for programs."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from ivr.errors import NotFound
from ivr.store import messages
from ivr.store.tables import MessageRow
from ivr.web.callbacks import read
from ivr.web.keys import SETTINGS, STORE, VIEWER
from ivr.web.refusals import Gone
from ivr.web.trail import looked_at
from ivr.web.words import no_sound

log = logging.getLogger("ivr.web.audio")

# A player loads one file in many pieces, and loads it before anybody presses play.
ONE_LOAD, ONE_PLAY = timedelta(minutes=30), timedelta(minutes=1)


async def message_audio(request: web.Request) -> web.StreamResponse:
    """The original. Answers ranges, so that a player can jump."""
    return await _answer(request, original=True, what="download")


async def message_playback(request: web.Request) -> web.StreamResponse:
    """What was made to be listened to; the original if that is not there (yet), or if the page asks for it:
    it goes on from one to the other when it knows the times of both."""
    return await _answer(request, original=request.query.get("as") == "recorded")


async def message_original(request: web.Request) -> web.StreamResponse:
    if not request[VIEWER].is_admin:
        raise NotFound("only admins take the original of a recording")
    answer = await _answer(request, original=True, what="download")
    name = f"{request.match_info['id']}.wav"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


async def message_heard(request: web.Request) -> web.Response:
    """What people.js says when somebody begins to listen; that the audio was loaded is noted in any case."""
    async with request.app[STORE].read() as db:
        message = await read.message(db, request.match_info["id"], tenant=request[VIEWER].tenant)
    await _trace(request, message, "play")
    return web.Response(status=204)


async def recording(request: web.Request) -> web.StreamResponse:
    """The original of any tenant's message, for a transcriber on another machine: `guard` has asked for its key."""
    message_id = request.match_info["id"]
    async with request.app[STORE].read() as db:
        message = await messages.get(db, message_id)
    file = await asyncio.to_thread(inside, request.app[SETTINGS].recordings, message.audio)
    if file is None:
        raise NotFound(f"the audio of message {message_id} is not there")
    log.info("message audio fetched by a transcriber", extra={"message_id": message_id})
    return web.FileResponse(file, headers={"Content-Type": "audio/wav", "Cache-Control": "private, no-store"})


async def _answer(request: web.Request, *, original: bool, what: str = "load") -> web.FileResponse:
    message_id, viewer = request.match_info["id"], request[VIEWER]
    async with request.app[STORE].read() as db:
        message = await read.message(db, message_id, tenant=viewer.tenant)
    root = request.app[SETTINGS].recordings
    file = None
    if not original and message.playback is not None:
        file = await asyncio.to_thread(inside, root, message.playback)
    file = file or await asyncio.to_thread(inside, root, message.audio)
    if message.audio_deleted_at is not None:
        raise Gone(no_sound(message))
    if file is None or message.state not in read.PLAYABLE:
        raise NotFound(f"the audio of message {message_id} is not there; its state is {message.state}")
    await _trace(request, message, what)
    kind = "audio/mpeg" if file.suffix == ".mp3" else "audio/wav"
    return web.FileResponse(file, headers={"Content-Type": kind, "Cache-Control": "private, no-store"})


async def _trace(request: web.Request, message: MessageRow, what: str) -> None:
    """Whoever hears a customer's voice is noted."""
    log.info("message audio opened", extra={"user": request[VIEWER].name, "message_id": message.id})
    once_in = ONE_LOAD if what == "load" else ONE_PLAY
    await looked_at(request, "message", message.id, tenant=message.tenant, what=what, once_in=once_in)


def inside(recordings: Path, name: str) -> Path | None:
    """The file `name` of `recordings`; None if there is none, or it lies outside."""
    root = recordings.resolve()
    file = (root / name).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None
