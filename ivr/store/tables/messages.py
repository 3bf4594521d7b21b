"""Messages, what was deleted of them, and the models that hear them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.tables.base import NUMBERED, UNTOLD, Base

_AUDIO = text("audio_deleted_at IS NULL")
_BEGUN = text("at IS NULL")
_TEXT = text("transcript_text IS NOT NULL")
_KEPT = text("state = 'stored' AND cleared_at IS NULL")


class MessageRow(Base):
    """A voicemail. `audio` is relative to the recordings directory, e.g. "messages/01J….wav"."""

    __tablename__ = "messages"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    call_id: Mapped[str | None] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(64))
    cause: Mapped[str] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    withheld: Mapped[str | None] = mapped_column(String(16))
    audio: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))  # recording | stored | silent | lost
    origin: Mapped[str] = mapped_column(String(16))  # engine | fallback | adopted
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(16))
    duration: Mapped[float | None]
    # transcript: one row with its message, for there is one of each
    transcript_state: Mapped[str] = mapped_column(String(16), default="none")
    transcript_reason: Mapped[str | None] = mapped_column(Text)
    transcript_text: Mapped[str | None] = mapped_column(Text)
    transcript_words: Mapped[list[Any] | None]
    transcript_model: Mapped[str | None] = mapped_column(String(100))
    transcript_trial: Mapped[bool] = mapped_column(default=False)
    transcript_attempts: Mapped[int] = mapped_column(default=0)
    transcript_next_at: Mapped[datetime | None]
    transcript_at: Mapped[datetime | None]  # when its state became final; so below
    transcript_seconds: Mapped[float | None]  # that the transcriber took for it, its line included
    # The original is never changed: its SHA-256, hex, once it is whole
    sha256: Mapped[str | None] = mapped_column(String(64))
    urgent: Mapped[bool] = mapped_column(default=False)  # the caller said so by a key
    kind: Mapped[str | None] = mapped_column(String(16))  # of a `silent` one: silent | tone | music | fax
    # made of the original: levelled audio for the browser, peaks of its waveform (0 to 1)
    audio_state: Mapped[str] = mapped_column(String(16), default="none")
    audio_reason: Mapped[str | None] = mapped_column(Text)
    audio_attempts: Mapped[int] = mapped_column(default=0)
    audio_next_at: Mapped[datetime | None]
    audio_at: Mapped[datetime | None]
    playback: Mapped[str | None] = mapped_column(String(200))  # relative, as `audio`
    playback_start: Mapped[float | None]  # seconds of the original that were cut off before it
    playback_seconds: Mapped[float | None]  # its length
    peaks: Mapped[list[Any] | None]
    # what was read out of the text: `ivr.messages.reading`
    reading_state: Mapped[str] = mapped_column(String(16), default="none")
    reading_reason: Mapped[str | None] = mapped_column(Text)
    reading_attempts: Mapped[int] = mapped_column(default=0)
    reading_next_at: Mapped[datetime | None]
    reading_at: Mapped[datetime | None]
    reading: Mapped[dict[str, Any] | None]
    # the text as a person put it right; what the recogniser heard stays beside it
    corrected_text: Mapped[str | None] = mapped_column(Text)
    corrected_by: Mapped[str | None] = mapped_column(String(64))
    corrected_at: Mapped[datetime | None]
    # retention: when what was deleted
    audio_deleted_at: Mapped[datetime | None]
    text_deleted_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]  # when its notices were put into the ledger; NULL: they are to be
    # by staff on a telephone: heard, and taken off their list; by whom, as "telephone CALL_ID"
    heard_at: Mapped[datetime | None]
    heard_by: Mapped[str | None] = mapped_column(Text)
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        Index(None, "created_at"),
        Index(None, "transcript_state", "transcript_next_at"),
        Index(None, "audio_state", "audio_next_at"),
        Index(None, "reading_state", "reading_next_at"),
        Index("ix_messages_untold", "created_at", sqlite_where=UNTOLD, postgresql_where=UNTOLD),
        Index("ix_messages_uncleared", "tenant", "line", sqlite_where=_KEPT, postgresql_where=_KEPT),
        # for retention, which looks for what is left only
        Index("ix_messages_audio_kept", "line", "created_at", sqlite_where=_AUDIO, postgresql_where=_AUDIO),
        Index("ix_messages_text_kept", "line", "created_at", sqlite_where=_TEXT, postgresql_where=_TEXT),
        Index(
            "ix_messages_number_kept", "line", "created_at", sqlite_where=NUMBERED, postgresql_where=NUMBERED
        ),
    )


class Deletion(Base):
    """The proof that something was deleted, and of what it was; never what it held."""

    __tablename__ = "deletions"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(64))
    # of the message: audio, text; what was written in a callback or a delivery; the number in a call,
    # or (number) in a message or a callback
    kind: Mapped[str] = mapped_column(String(16))  # audio | text | callback | delivery | call | number
    subject: Mapped[str] = mapped_column(String(64))  # id of the message, call or delivery, ticket
    sha256: Mapped[str | None] = mapped_column(String(64))  # of audio, hex
    at: Mapped[datetime | None]  # None: begun, and the files may still be there
    by: Mapped[str] = mapped_column(String(64))  # user, or "retention"
    why: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        Index(None, "line", "at"),
        Index(None, "subject"),
        Index("ix_deletions_begun", "id", sqlite_where=_BEGUN, postgresql_where=_BEGUN),
    )


class ModelUse(Base):
    """The Vosk model of a line, by its folder's name; line "": of all lines that have none of their own."""

    __tablename__ = "model_uses"
    line: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))
