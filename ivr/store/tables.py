"""Every table, SQLAlchemy Core style declarations through the ORM mapper.

Times are aware UTC in Python and naive UTC in the database (SQLite has no zone).
Numbers are E.164. `tenant` stands on everything a tenant may see. What comes from outside is Text:
PostgreSQL refuses the whole row when a String is too long.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, MetaData, String, Text, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcTime(TypeDecorator[datetime]):
    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not reach the store")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcTime,
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


class DialplanVersion(Base):
    """A version that was published; running calls finish on theirs, so none is ever changed."""

    __tablename__ = "dialplan_versions"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    line: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime]
    published_by: Mapped[str] = mapped_column(String(64))


_STANDING = text("cleared_at IS NULL")


class Publication(Base):
    """Each time a version went live: by whom and why. A version may go live again (a rollback)."""

    __tablename__ = "publications"
    id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))
    why: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index(None, "line", "at"),)


class Line(Base):
    """The live version of each line."""

    __tablename__ = "lines"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    dialplan: Mapped[str] = mapped_column(String(64))


class LineNumber(Base):
    """A number dialled by callers, E.164. Its own table, so that the database keeps it to one line."""

    __tablename__ = "line_numbers"
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    line: Mapped[str] = mapped_column(ForeignKey("lines.key"), index=True)
    position: Mapped[int]  # in the dialplan; the first is the one that is shown


class Closure(Base):
    """A line closed at once (臨時休業): from now or a moment, until a moment or until it is ended by hand."""

    __tablename__ = "closures"
    id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(64))
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]  # None: until somebody opens the line again
    reason: Mapped[str] = mapped_column(Text)  # as callers hear it: 「本日は、{reason}のため、」
    by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # when it was ended by hand before `ends_at`
    ended_by: Mapped[str | None] = mapped_column(String(64))
    __table_args__ = (Index(None, "line", "ends_at"),)


class Pin(Base):
    """What staff type on a telephone to prove who they are; one a line. Wrong ones lock it for a while."""

    __tablename__ = "pins"
    line: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class Alarm(Base):
    """What somebody must look at, one row a matter while it stands; `key` such as "dialplan:ecforce"."""

    __tablename__ = "alarms"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(100))
    tenant: Mapped[str | None] = mapped_column(String(64))  # None: the operator's
    text: Mapped[str] = mapped_column(Text)  # Japanese, with what to do
    raised_at: Mapped[datetime]
    last_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(default=1)
    cleared_at: Mapped[datetime | None]
    __table_args__ = (
        Index("uq_alarms_standing", "key", unique=True, sqlite_where=_STANDING, postgresql_where=_STANDING),
    )


_UNFINISHED = text("ended_at IS NULL")


class CallRow(Base):
    __tablename__ = "calls"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    line: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(64))
    dialplan: Mapped[str] = mapped_column(String(64))
    number: Mapped[str | None] = mapped_column(String(20))
    withheld: Mapped[str | None] = mapped_column(String(16))
    dialled: Mapped[str] = mapped_column(Text)
    engine: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(String(16))
    path: Mapped[list[str]]
    path_times: Mapped[list[Any] | None]  # seconds from `started_at` for each of `path`
    state: Mapped[dict[str, Any] | None]  # CallState while the call lives, then NULL
    keys_received: Mapped[int] = mapped_column(default=0)
    keys_used: Mapped[int] = mapped_column(default=0)
    keys_emptied: Mapped[int] = mapped_column(default=0)
    answers: Mapped[dict[str, Any] | None]  # to a survey: question -> grade, 1 to 5; NULL: none was answered
    __table_args__ = (
        Index(None, "started_at"),
        Index(None, "line", "started_at"),
        Index("ix_calls_unfinished", "engine", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
    )


_UNTOLD = text("told_at IS NULL")


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
    peaks: Mapped[list[Any] | None]
    # what was read out of the text: `ivr.messages.reading`
    reading_state: Mapped[str] = mapped_column(String(16), default="none")
    reading_reason: Mapped[str | None] = mapped_column(Text)
    reading_attempts: Mapped[int] = mapped_column(default=0)
    reading_next_at: Mapped[datetime | None]
    reading_at: Mapped[datetime | None]
    reading: Mapped[dict[str, Any] | None]
    # retention: when what was deleted
    audio_deleted_at: Mapped[datetime | None]
    text_deleted_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]  # when its notices were put into the ledger; NULL: they are to be
    __table_args__ = (
        Index(None, "created_at"),
        Index(None, "transcript_state", "transcript_next_at"),
        Index(None, "audio_state", "audio_next_at"),
        Index(None, "reading_state", "reading_next_at"),
        Index("ix_messages_untold", "created_at", sqlite_where=_UNTOLD, postgresql_where=_UNTOLD),
    )


class CallbackRow(Base):
    __tablename__ = "callbacks"
    ticket: Mapped[str] = mapped_column(String(16), primary_key=True)
    line: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))  # DESIGN.md, Callbacks
    cause: Mapped[str] = mapped_column(String(16))
    priority: Mapped[str] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    withheld: Mapped[str | None] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(Text)
    company: Mapped[str | None] = mapped_column(Text)
    addressee: Mapped[str | None] = mapped_column(Text)
    reply_wanted: Mapped[bool | None]
    preferred_time: Mapped[str | None] = mapped_column(Text)
    matter: Mapped[str | None] = mapped_column(Text)
    path: Mapped[list[str]]
    branch: Mapped[str | None] = mapped_column(String(64))  # last menu key's step; None: 振り分け待ち
    call_id: Mapped[str | None] = mapped_column(String(64))
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"), unique=True)
    request_id: Mapped[str | None] = mapped_column(String(200))  # asked for by key: "<call id>/<line>/<step>"
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    agent: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=0)  # compare-and-set
    told_at: Mapped[datetime | None]  # as of a message, and only of one without a message
    __table_args__ = (
        Index(None, "state", "due_at"),
        Index(None, "line", "created_at"),
        Index("ix_callbacks_untold", "created_at", sqlite_where=_UNTOLD, postgresql_where=_UNTOLD),
        Index("uq_callbacks_request_id", "request_id", unique=True),
    )


class CallbackEvent(Base):
    __tablename__ = "callback_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(ForeignKey("callbacks.ticket"), index=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(32))
    why: Mapped[str | None] = mapped_column(Text)
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str | None] = mapped_column(String(16))


class Deletion(Base):
    """The proof that something was deleted, and of what it was; never what it held."""

    __tablename__ = "deletions"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))  # audio | text | call | callback | delivery
    subject: Mapped[str] = mapped_column(String(64))  # id of the message or call, ticket
    sha256: Mapped[str | None] = mapped_column(String(64))  # of audio, hex
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))  # user, or "retention"
    why: Mapped[str] = mapped_column(Text)
    __table_args__ = (Index(None, "line", "at"), Index(None, "subject"))


class ModelUse(Base):
    """The Vosk model of a line, by its folder's name; line "": of all lines that have none of their own."""

    __tablename__ = "model_uses"
    line: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))


class Delivery(Base):
    """A notice on its way to one place: the ledger. `key` goes with it, so that a second arrival can be told."""

    __tablename__ = "deliveries"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(32))  # message | callback | urgent | silent | step
    subject: Mapped[str] = mapped_column(String(200))  # ticket of the callback, id of the message or call
    message_id: Mapped[str | None] = mapped_column(String(40))
    channel: Mapped[str] = mapped_column(String(16))  # mail | webhook | slack
    target: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(
        String(16)
    )  # waiting | sending | sent | unsure | failed | seen | spared
    awaits_text: Mapped[bool] = mapped_column(default=False)  # until then `next_at` is the end of patience
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(Text)  # of the other side, the last one
    key: Mapped[str] = mapped_column(String(100), unique=True)
    data: Mapped[dict[str, Any]]  # what it may tell; never what it tells
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    __table_args__ = (
        Index(None, "state", "next_at"),
        Index(None, "line", "created_at"),
        Index(None, "subject"),
    )


class AgentRow(Base):
    """An agent, the telephone, and the reservation: one offer at a time, by compare-and-set."""

    __tablename__ = "agents"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(String(64))
    groups: Mapped[list[str]]
    endpoint: Mapped[str] = mapped_column(String(100))  # "PJSIP/tanaka"
    secret: Mapped[str] = mapped_column(String(100))  # SIP password, needed in clear by Asterisk
    state: Mapped[str] = mapped_column(String(16))  # available | away | talking | wrap_up
    reason: Mapped[str | None] = mapped_column(Text)
    since: Mapped[datetime]
    wrap_up_seconds: Mapped[int] = mapped_column(default=30)
    # When wrap-up ends by itself, and when a telephone that could not ring is tried again
    wrap_up_until: Mapped[datetime | None]
    unanswered: Mapped[int] = mapped_column(default=0)
    offer_call: Mapped[str | None] = mapped_column(String(64))  # the call offered or talked to
    offer_until: Mapped[datetime | None]


class UserRow(Base):
    __tablename__ = "users"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(String(64))  # None: sees every tenant
    password: Mapped[str] = mapped_column(String(200))  # argon2
    role: Mapped[str] = mapped_column(String(16), default="agent")  # agent | supervisor | admin
    created_at: Mapped[datetime]


class TokenRow(Base):
    __tablename__ = "tokens"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the token, hex
    name: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Order(Base):
    """What one process asks of another: a row plus a wake-up; doing it twice does no harm."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    recipient: Mapped[str] = mapped_column(String(16))  # engine | jobs
    kind: Mapped[str] = mapped_column(String(32))  # reload | agents | drain | …
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index(None, "recipient", "done_at"),)


class Event(Base):
    """What happened; feeds the pages. Never numbers, digits or transcripts in `data`."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]]


class Health(Base):
    """One row a process, written each second; stale after 3 s."""

    __tablename__ = "health"
    process: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime]
    ok: Mapped[bool]
    detail: Mapped[dict[str, Any]]
