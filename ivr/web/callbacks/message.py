"""What an agent does with the text of a message: puts it right, and takes over what was read out of it."""

from aiohttp import web

from ivr.callbacks import edits, service
from ivr.errors import Conflict, NotFound
from ivr.store import callbacks, messages
from ivr.web import words
from ivr.web.callbacks import read
from ivr.web.callbacks.actions import as_it_was_seen, back_to_ticket, who_asks
from ivr.web.callbacks.offered import FIELDS, can_take_over, kept_as
from ivr.web.keys import CLOCK, STORE, VIEWER

LONGEST = 5000  # letters of a corrected text


async def correct(request: web.Request) -> web.Response:
    """An empty text takes the correction back."""
    form, now, viewer = await request.post(), request.app[CLOCK].now(), request[VIEWER]
    text = str(form.get("text", "")).replace("\r\n", "\n").strip()[:LONGEST] or None
    async with request.app[STORE].write() as db:
        row = await read.own_callback(db, request.match_info["ticket"], tenant=viewer.tenant)
        if row.message_id is None:
            raise NotFound(f"callback {row.ticket} has no message")
        message = await messages.get(db, row.message_id)
        as_seen = str(message.corrected_at or "") == form.get("seen")
        done = as_seen and await messages.correct(db, row.message_id, text, by=viewer.name, at=now)
        if done:
            await callbacks.note(db, row, who=viewer.name, what="corrected", at=now)
    raise back_to_ticket(request, None if done else "changed")


async def accept(request: web.Request) -> web.Response:
    """A suggestion, as it stands in the reading; what the form says of it only names which one."""
    form, now = await request.post(), request.app[CLOCK].now()
    kind, value = str(form.get("kind", "")), str(form.get("value", ""))
    try:
        async with request.app[STORE].write() as db:
            ticket = await as_it_was_seen(request, db)
            row = await callbacks.get(db, ticket)
            message = await messages.get(db, row.message_id) if row.message_id else None
            read_out = (message.reading or {}).get("suggestions", []) if message else []
            if not any(one["kind"] == kind and one["value"] == value for one in read_out):
                raise Conflict
            if not can_take_over(row, kind, value):
                raise Conflict
            who, why = who_asks(request), f"{words.SUGGESTED[kind]}：{words.suggested(kind, value)}"
            filling = kept_as(kind, value)
            if kind == "priority":
                await service.raise_priority(db, ticket, value, who=who, why="候補を採用", now=now)
            elif filling is not None:
                await edits.edit(db, ticket, {FIELDS[kind]: filling}, who=who, now=now, taken=why)
    except Conflict:
        raise back_to_ticket(request, "changed") from None
    raise back_to_ticket(request)
