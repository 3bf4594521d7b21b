"""Calls."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.tables.base import NUMBERED, Base

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
    agent: Mapped[str | None] = mapped_column(String(64))  # who answered, of several the last
    answers: Mapped[dict[str, Any] | None]  # to a survey: question -> grade, 1 to 5; NULL: none was answered
    __table_args__ = (
        Index(None, "started_at"),
        Index(None, "line", "started_at"),
        Index("ix_calls_number_kept", "line", "started_at", sqlite_where=NUMBERED, postgresql_where=NUMBERED),
        Index("ix_calls_unfinished", "engine", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
    )
