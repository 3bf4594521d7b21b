"""The API for other programs; what it answers is a contract."""

from typing import Any, Final, get_args

from aiohttp import web

from ivr.call import Outcome
from ivr.callbacks.states import STATES
from ivr.errors import NotFound
from ivr.store import callbacks, calls
from ivr.store.tables import CallbackRow, CallRow, MessageRow
from ivr.web.api.query import ListQuery, list_query
from ivr.web.callbacks import read
from ivr.web.keys import STORE, VIEWER
from ivr.web.refusals import BadRequest
from ivr.web.words import iso, no_sound

OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)


async def list_callbacks(request: web.Request) -> web.Response:
    """What is due first comes first, then what arrived first."""
    query, tenant = list_query(request.query, STATES), request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        if query.after is not None:
            try:
                await read.own_callback(db, query.after, tenant=tenant)
            except NotFound:
                raise _no_such_cursor(query, "ticket") from None
        rows = await callbacks.listing(
            db, limit=query.limit, after=query.after, line=query.line, state=query.state, tenant=tenant
        )
        messages = await read.messages_of(db, rows)
    return web.json_response([callback_json(row, messages.get(row.message_id or "")) for row in rows])


async def list_calls(request: web.Request) -> web.Response:
    """Newest first; `state` is the outcome."""
    query, tenant = list_query(request.query, OUTCOMES), request[VIEWER].tenant
    async with request.app[STORE].read() as db:
        if query.after is not None:
            last = await calls.get(db, query.after)
            if last is None or tenant not in (None, last.tenant):
                raise _no_such_cursor(query, "id")
        rows = await calls.listing(
            db, limit=query.limit, after=query.after, line=query.line, outcome=query.state, tenant=tenant
        )
    return web.json_response([call_json(row) for row in rows])


def _no_such_cursor(query: ListQuery, key: str) -> BadRequest:
    return BadRequest(f'after={query.after}: there is none; give the "{key}" of the last row you were given')


def callback_json(row: CallbackRow, message: MessageRow | None) -> dict[str, Any]:
    return {
        "ticket": row.ticket,
        "line": row.line,
        "state": row.state,
        "cause": row.cause,
        "number": row.number,
        "name": row.name,
        "company": row.company,
        "addressee": row.addressee,
        "reply_wanted": row.reply_wanted,
        "preferred_time": row.preferred_time,
        "matter": row.matter,
        "path": row.path,
        "created_at": iso(row.created_at),
        "due_at": iso(row.due_at),
        "message": None if message is None else message_json(message),
    }


def message_json(message: MessageRow) -> dict[str, Any]:
    """`audio` is there once it was deleted, `deleted_at` and `reason` beside a text that was."""
    transcript = {
        "state": message.transcript_state,
        "text": message.transcript_text,
        "model": _model(message),
    }
    if message.transcript_state == "deleted":
        transcript |= {"deleted_at": iso(message.text_deleted_at), "reason": message.transcript_reason}
    told = {"id": message.id, "duration": message.duration, "transcript": transcript}
    if message.audio_deleted_at is None:
        return told
    audio = {"state": "deleted", "deleted_at": iso(message.audio_deleted_at), "reason": no_sound(message)}
    return {**told, "audio": audio}


def _model(message: MessageRow) -> str | None:
    """A program must see, too, that a text is of no model for real callers."""
    mark = "（試験用モデル）" if message.transcript_trial else ""
    return message.transcript_model and message.transcript_model + mark


def call_json(row: CallRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "line": row.line,
        "number": row.number,
        "started_at": iso(row.started_at),
        "ended_at": iso(row.ended_at),
        "path": row.path,
        "outcome": row.outcome,
    }
