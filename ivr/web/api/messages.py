"""Recorded messages: what was said, and what is made of it."""

from collections.abc import Sequence
from typing import Literal

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import Conflict
from ivr.messages import promote as promoting
from ivr.store import audit, callbacks, stages
from ivr.store import messages as store
from ivr.store.tables import ContactRow, MessageRow
from ivr.wake import wake
from ivr.web import audio
from ivr.web.api import gate
from ivr.web.api.callbacks import no_such_row
from ivr.web.api.fields import Count, Given, Key, Text, Time, Told
from ivr.web.api.operation import Operation
from ivr.web.api.shapes import MessageFull
from ivr.web.callbacks.read import message as own_message
from ivr.web.keys import CLOCK, LINES, SETTINGS, STORE, VIEWER
from ivr.web.trail import looked_at

SHOWN = 200  # of those in which nobody spoke


class MessageQuery(Given):
    limit: Count = 100
    after: Key | None = None
    """The `id` of the last one that was given before."""
    line: Key | None = None
    state: Literal["recording", "stored", "silent", "lost"] | None = None


class Again(Given):
    stage: stages.Stage


class Correction(Given):
    text: Text | None
    """Null: what was heard counts again."""


class Silent(Told):
    id: str
    line: str
    kind: str
    number: str | None
    created_at: Time
    duration: float | None


class SilentMessages(Told):
    counts: dict[str, int]
    messages: list[Silent]


class Promoted(Told):
    ticket: str


async def list_messages(request: web.Request, query: MessageQuery) -> list[MessageFull]:
    """Messages, the newest first."""
    tenant = request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        if query.after is not None:
            last = await db.get(MessageRow, query.after)
            if last is None or tenant not in (None, last.tenant):
                raise no_such_row(query.after, "id")
        rows = await store.listing(
            db, limit=query.limit, after=query.after, line=query.line, state=query.state, tenant=tenant
        )
        told = await _whole(db, rows)
    await looked_at(request, "message", "list", tenant=tenant)
    return told


async def get_message(request: web.Request) -> MessageFull:
    """One message, its stages, and what was read out of it."""
    async with request.app[STORE].read() as db:
        row = await own_message(db, request.match_info["id"], tenant=request[VIEWER].tenant)
        told = (await _whole(db, [row]))[0]
    await looked_at(request, "message", row.id, tenant=row.tenant)
    return told


async def _whole(db: AsyncSession, rows: Sequence[MessageRow]) -> list[MessageFull]:
    query = select(ContactRow.message_id, ContactRow.ticket)
    found = await db.execute(query.where(ContactRow.message_id.in_([row.id for row in rows])))
    tickets = {message: ticket for message, ticket in found}
    return [MessageFull.whole(row, tickets.get(row.id)) for row in rows]


async def run_stage(request: web.Request, body: Again) -> MessageFull:
    """Makes the audio, the text or the reading of a message again. 409 while it is worked on, or what it needs is gone."""
    now, viewer = request.app[CLOCK].now(), request[VIEWER]
    async with request.app[STORE].write() as db:
        row = await own_message(db, request.match_info["id"], tenant=viewer.tenant)
        if not await stages.again(db, body.stage, row.id, now):
            raise Conflict("いまはやり直せません。処理の途中か、もとの録音や文字がありません。", id="state")
        await _changed(request, db, row, f"run {body.stage}")
        await db.refresh(row)
        told = (await _whole(db, [row]))[0]
    wake(request.app[SETTINGS].run, "jobs")
    return told


async def correct_text(request: web.Request, body: Correction) -> MessageFull:
    """Puts a text right; what the recogniser heard stays beside it."""
    now, viewer = request.app[CLOCK].now(), request[VIEWER]
    text = (body.text or "").strip() or None
    async with request.app[STORE].write() as db:
        row = await own_message(db, request.match_info["id"], tenant=viewer.tenant)
        if not await store.correct(db, row.id, text, by=viewer.name, at=now):
            raise Conflict("直せる文字がありません。", id="state")
        await _changed(request, db, row, "correct")
        ticket = await callbacks.by_message(db, row.id)
        if ticket is not None:
            await callbacks.note(db, ticket, who=viewer.name, what="corrected", at=now)
        await db.refresh(row)
        return (await _whole(db, [row]))[0]


async def _changed(request: web.Request, db: AsyncSession, row: MessageRow, what: str) -> None:
    await audit.note(
        db,
        who=request[VIEWER].name,
        tenant=row.tenant,
        what="change",
        kind="message",
        about=row.id,
        at=request.app[CLOCK].now(),
        detail=what,
    )


async def get_audio(request: web.Request) -> web.StreamResponse:
    """The recording as it was made. Answers ranges."""
    return await audio.message_audio(request)


async def get_recording(request: web.Request) -> web.StreamResponse:
    """A recording for a transcriber on another machine, by its own key."""
    return await audio.recording(request)


async def list_silent(request: web.Request) -> SilentMessages:
    """Messages in which nobody spoke: how many of each kind, and the newest."""
    tenant = request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        counts = await store.silent_kinds(db, tenant)
        rows = await store.listing(db, limit=SHOWN, state="silent", tenant=tenant)
    await looked_at(request, "message", "silent", tenant=tenant)
    names = ("id", "line", "number", "created_at", "duration")
    found = [
        Silent(**{name: getattr(row, name) for name in names}, kind=row.kind or "silent") for row in rows
    ]
    return SilentMessages(counts=counts, messages=found)


async def promote(request: web.Request) -> Promoted:
    """A message that was judged to hold no speech is one after all: it gets its text and a callback."""
    app, lines = request.app, request.app[LINES]
    await lines.reload(app[STORE])
    message_id, viewer = request.match_info["id"], request[VIEWER]
    ticket = await promoting.promote(app[STORE], lines, message_id, app[CLOCK].now(), tenant=viewer.tenant)
    wake(app[SETTINGS].run, "jobs")
    return Promoted(ticket=ticket)


_WAV = ("audio/wav",)
_ONE = "/api/v1/messages/{id}"
OPERATIONS = [
    Operation("GET", "/api/v1/messages", list_messages, "messages"),
    Operation("GET", _ONE, get_message, "messages"),
    Operation("GET", f"{_ONE}/audio", get_audio, "messages", gone=True, content=_WAV),
    Operation("POST", f"{_ONE}/run", run_stage, "messages", conflicts=True),
    Operation("POST", f"{_ONE}/correct", correct_text, "messages", conflicts=True),
    Operation("POST", f"{_ONE}/promote", promote, "messages", conflicts=True),
    Operation("GET", "/api/v1/silent", list_silent, "messages"),
    Operation("GET", gate.RECORDING, get_recording, "transcribers", content=_WAV),
]
