"""Lines: what they do, their numbers, when they are closed."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.tables.base import Base


class DialplanVersion(Base):
    """A version that was published; running calls finish on theirs, so none is ever changed."""

    __tablename__ = "dialplan_versions"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    line: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime]
    published_by: Mapped[str] = mapped_column(String(64))


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
