"""What a notice tells, read from the rows of its matter when it goes out: what was deleted meanwhile is not told."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import CallbackRow, CallRow, Delivery, Line, MessageRow

LARGEST_AUDIO = 10_000_000  # bytes; many mail servers take no more


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
    about: str | None = None  # the words of a `notify` step
    later: bool = False  # nobody had looked in time
    with_number: bool = False
    number: str | None = None
    withheld: str | None = None
    with_matter: bool = False
    matter: str | None = None
    audio: Path | None = None


async def gather(session: AsyncSession, row: Delivery, base_url: str, recordings: Path) -> Content:
    """`base_url`: of the pages, without a slash at its end."""
    line = await session.get(Line, row.line)
    message = await session.get(MessageRow, row.message_id) if row.message_id else None
    callback = await session.get(CallbackRow, row.subject)
    call = await session.get(CallRow, row.subject.partition("/")[0]) if row.event == "step" else None
    include = row.data.get("include", [])
    who = callback or message or call
    page = f"/callbacks/{quote(callback.ticket)}" if callback else "/callbacks"
    return Content(
        delivery=row.id,
        key=row.key,
        event=row.event,
        line=row.line,
        line_name=line.name if line else row.line,
        # The message's: a callback that was joined is older than who asks now.
        at=message.created_at if message else callback.created_at if callback else row.created_at,
        url=f"{base_url}{page}?notice={row.id}",
        ticket=callback.ticket if callback else None,
        message=message.id if message else None,
        call=callback.call_id if callback else message.call_id if message else call.id if call else None,
        due=callback.due_at if callback else None,
        cause=who.cause if who else None,
        priority=callback.priority if callback else None,
        urgent=is_urgent(message, callback),
        reply_wanted=callback is not None and callback.reply_wanted is not False,
        about=row.data.get("about"),
        later="unless_seen" in row.data,
        with_number="number" in include,
        number=who.number if who and "number" in include else None,
        withheld=who.withheld if who else None,
        with_matter="matter" in include and message is not None,
        matter=_matter(message) if "matter" in include else None,
        audio=_audio(message, recordings) if "audio" in include and row.channel == "mail" else None,
    )


def is_urgent(message: MessageRow | None, callback: CallbackRow | None) -> bool:
    pressed = message is not None and message.urgent
    return pressed or (callback is not None and callback.priority == "critical")


def _matter(message: MessageRow | None) -> str | None:
    """For reading, if it has been made so; None while there is no text, and when nothing was understood."""
    if message is None or message.text_deleted_at is not None:
        return None
    read = (message.reading or {}).get("text")
    return str(read or message.transcript_text or "").strip() or None


def _audio(message: MessageRow | None, recordings: Path) -> Path | None:
    """The smaller one, if it has been made. Looks at the disk, for a moment."""
    if message is None or message.audio_deleted_at is not None:
        return None
    for name in (message.playback, message.audio):
        if name and (path := recordings / name).is_file() and path.stat().st_size <= LARGEST_AUDIO:
            return path
    return None
