"""Alarms, notices, and what processes tell each other."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.tables.base import Base

_STANDING = text("cleared_at IS NULL")


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
    text_deleted_at: Mapped[datetime | None]  # by retention: what it told, and what was answered
    __table_args__ = (
        Index(None, "state", "next_at"),
        Index(None, "line", "created_at"),
        Index(None, "subject"),
    )


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
