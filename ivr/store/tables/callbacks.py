"""Callbacks and their history."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.tables.base import UNTOLD, Base


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
        Index("ix_callbacks_untold", "created_at", sqlite_where=UNTOLD, postgresql_where=UNTOLD),
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
