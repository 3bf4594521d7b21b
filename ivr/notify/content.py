"""What a notice tells, read from the rows of its matter when it goes out: what was deleted meanwhile is not told."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import said
from ivr.callbacks.results import RESULTS
from ivr.store import callbacks
from ivr.store.tables import CallbackEvent, CallbackRow, CallRow, ContactRow, Delivery, Line, MessageRow

LARGEST_AUDIO = 10_000_000  # bytes; many mail servers take no more


# What stands behind these is a code or a name, and nothing that somebody wrote.
_CODED = frozenset({"contact", "escalate", "merge", "assign", "lease_end", "edit", "undo"})


@dataclass(frozen=True)
class Happened:
    """Of a callback's history. `why` None, too, where it is in somebody's own words and the matter is not included.

    `said`: the same as people read it.
    """

    id: int
    what: str
    who: str
    at: datetime
    why: str | None
    said: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Content:
    """`number` is E.164 and None unless it is included and known; `matter` None unless it is included."""

    delivery: int
    key: str
    event: str
    line: str
    line_name: str
    at: datetime
    url: str
    ticket: str | None = None
    message: str | None = None
    call: str | None = None
    due: datetime | None = None
    cause: str | None = None
    priority: str | None = None
    urgent: bool = False
    reply_wanted: bool = False
    source: str | None = None  # how somebody asked, of a contact without a message
    about: str | None = None  # the words of a `notify` step
    later: bool = False  # nobody had looked in time
    agent: str | None = None  # who has the callback; so below
    state: str | None = None
    outcome: str | None = None
    next_at: datetime | None = None
    happened: Happened | None = None
    history: tuple[Happened, ...] | None = None  # None unless it is included
    with_number: bool = False
    number: str | None = None
    withheld: str | None = None
    with_matter: bool = False
    matter: str | None = None
    heard_by: str | None = None  # the model that made the matter of what was said
    trial: bool = False  # it is of no model for real callers
    audio: Path | None = None


async def gather(session: AsyncSession, row: Delivery, base_url: str, recordings: Path) -> Content:
    """`base_url`: of the pages, without a slash at its end."""
    line = await session.get(Line, row.line)
    message = await session.get(MessageRow, row.message_id) if row.message_id else None
    callback = await session.get(CallbackRow, row.subject)
    call = await session.get(CallRow, row.subject.partition("/")[0]) if row.event == "step" else None
    include = row.data.get("include", [])
    who = callback or message or call
    contact = await session.get(ContactRow, row.data["asked_by"]) if "asked_by" in row.data else None
    event = await session.get(CallbackEvent, row.data["happened"]) if "happened" in row.data else None
    words = "matter" in include
    heard = message is not None and message.corrected_text is None
    page = f"/callbacks/{quote(callback.ticket)}" if callback else "/callbacks"
    return Content(
        delivery=row.id,
        key=row.key,
        event=row.event,
        line=row.line,
        line_name=line.name if line else row.line,
        # Of who asks now: a callback that was joined is older.
        at=next((one.created_at for one in (contact, message, callback) if one is not None), row.created_at),
        url=f"{base_url}{page}?notice={row.id}",
        ticket=callback.ticket if callback else None,
        message=message.id if message else None,
        call=callback.call_id if callback else message.call_id if message else call.id if call else None,
        due=callback.due_at if callback else None,
        cause=who.cause if who else None,
        priority=callback.priority if callback else None,
        urgent=is_urgent(message, callback),
        reply_wanted=callback is not None and callback.reply_wanted is not False,
        source=contact.source if contact is not None else None,
        about=row.data.get("about"),
        later="unless_seen" in row.data,
        agent=callback.agent if callback else None,
        state=callback.state if callback else None,
        outcome=callback.outcome if callback else None,
        next_at=callback.next_at if callback else None,
        happened=_told(event, words) if event else None,
        history=await _history(session, callback, words) if callback and "history" in include else None,
        with_number="number" in include,
        number=who.number if who and "number" in include else None,
        withheld=who.withheld if who else None,
        with_matter=words and (message is not None or (contact or callback) is not None),
        matter=_matter(message, contact or callback) if words else None,
        heard_by=message.transcript_model if message and heard else None,
        trial=message is not None and heard and message.transcript_trial,
        audio=_audio(message, recordings) if "audio" in include and row.channel == "mail" else None,
    )


def is_urgent(message: MessageRow | None, callback: CallbackRow | None) -> bool:
    pressed = message is not None and message.urgent
    return pressed or (callback is not None and callback.priority == "critical")


def _matter(message: MessageRow | None, asked: ContactRow | CallbackRow | None) -> str | None:
    """As a person put it right, else for reading, if it has been made so; without a message what was typed.

    None while there is no text, and when nothing was understood.
    """
    if message is None:
        return asked.matter if asked else None
    if message.text_deleted_at is not None:
        return None
    read = message.corrected_text or (message.reading or {}).get("text")
    return str(read or message.transcript_text or "").strip() or None


async def _history(session: AsyncSession, callback: CallbackRow, words: bool) -> tuple[Happened, ...]:
    return tuple(_told(event, words) for event in await callbacks.events(session, callback.ticket))


def _told(event: CallbackEvent, words: bool) -> Happened:
    shown = words or event.what in _CODED or event.why in RESULTS
    why, as_read = (event.why, said.why(event)) if shown else (None, "")
    return Happened(event.id, event.what, event.who, event.at, why, as_read, event.before, event.after)


def _audio(message: MessageRow | None, recordings: Path) -> Path | None:
    """The smaller one, if it has been made. Looks at the disk, for a moment."""
    if message is None or message.audio_deleted_at is not None:
        return None
    for name in (message.playback, message.audio):
        if name and (path := recordings / name).is_file() and path.stat().st_size <= LARGEST_AUDIO:
            return path
    return None
