"""A message's WAV, for the page's player and for programs."""

import asyncio
import logging
from pathlib import Path

from aiohttp import web

from ivr.errors import NotFound
from ivr.web.callbacks import read
from ivr.web.keys import SETTINGS, STORE, VIEWER

log = logging.getLogger("ivr.web.audio")


async def message_audio(request: web.Request) -> web.StreamResponse:
    """Answers ranges too, so that a player can jump."""
    message_id, viewer = request.match_info["id"], request[VIEWER]
    async with request.app[STORE].read() as db:
        message = await read.message(db, message_id, tenant=viewer.tenant)
    file = await asyncio.to_thread(inside, request.app[SETTINGS].recordings, message.audio)
    if file is None or message.state not in read.PLAYABLE:
        raise NotFound(f"the audio of message {message_id} is not there; its state is {message.state}")
    # whoever hears a customer's voice leaves a trace
    log.info("message audio opened", extra={"user": viewer.name, "message_id": message_id})
    return web.FileResponse(file, headers={"Content-Type": "audio/wav", "Cache-Control": "private, no-store"})


def inside(recordings: Path, name: str) -> Path | None:
    """The file `name` of `recordings`; None if there is none, or it lies outside."""
    root = recordings.resolve()
    file = (root / name).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None
