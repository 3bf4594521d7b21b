"""Agents, who may log in, and who looked at what."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.tables.base import Base


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
    mobile: Mapped[str | None] = mapped_column(String(20))  # E.164; rung for callbacks and on duty
    # Since when Asterisk has had no registration of this telephone, as the engine saw; None: registered, or unknown
    unregistered_at: Mapped[datetime | None]


class UserRow(Base):
    __tablename__ = "users"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(String(64))  # None: sees every tenant
    password: Mapped[str] = mapped_column(String(200))  # argon2; empty: invited, has none yet
    role: Mapped[str] = mapped_column(String(16), default="agent")  # agent | supervisor | admin
    created_at: Mapped[datetime]
    email: Mapped[str | None] = mapped_column(Text)
    totp_secret: Mapped[str | None] = mapped_column(String(64))  # base32; None: no second factor
    totp_used: Mapped[int | None]  # the last step of 30 s that was accepted: a code counts once
    recovery: Mapped[list[str] | None]  # SHA-256 of each code that stands in for the second factor once
    disabled_at: Mapped[datetime | None]
    epoch: Mapped[int] = mapped_column(default=0, server_default="0")  # raised to end every session


class UserLink(Base):
    """An invitation, or a way back to a lost password; good once, and for a while."""

    __tablename__ = "user_links"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of what the link holds, hex
    kind: Mapped[str] = mapped_column(String(16))  # invite | reset
    user: Mapped[str] = mapped_column(String(64), index=True)
    made_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Try(Base):
    """One try to log in, or to ask for a new password, that came to nothing (yet); gone after a day."""

    __tablename__ = "tries"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # login | reset | code
    name: Mapped[str] = mapped_column(String(64))  # SHA-256 of what was typed, hex
    address: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    __table_args__ = (Index(None, "name", "at"), Index(None, "address", "at"))


class AuditRow(Base):
    """Who looked at, heard, downloaded or changed what. Only ever added to, and sealed."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str | None] = mapped_column(String(64))  # of what was looked at; None: the operator's
    what: Mapped[str] = mapped_column(String(32))  # view | play | download | change | login | ...
    kind: Mapped[str] = mapped_column(String(16))  # callback | message | call | user | line | list | report
    about: Mapped[str] = mapped_column(String(200))  # its ticket, id or name; never a telephone number
    detail: Mapped[str | None] = mapped_column(Text)
    seal: Mapped[int | None] = mapped_column(index=True)  # the one that it is in; None: not yet in any
    __table_args__ = (Index(None, "tenant", "at"), Index(None, "kind", "about"))


class AuditSeal(Base):
    """So many rows of the audit as they were, and all seals before; it stays when they are no longer kept."""

    __tablename__ = "audit_seals"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1, without gaps
    at: Mapped[datetime]
    newest: Mapped[datetime]  # when the newest of its rows was written
    rows: Mapped[int]
    content: Mapped[str] = mapped_column(String(64))  # SHA-256 of its rows, hex
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of all this and of the digest before, hex
    cleared_at: Mapped[datetime | None]  # when its rows had been kept long enough, and were deleted


class TokenRow(Base):
    __tablename__ = "tokens"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the token, hex
    name: Mapped[str] = mapped_column(String(64))  # who acts, in histories and the audit
    tenant: Mapped[str | None] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16), default="agent")  # as of a user
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]  # None: never
    used_at: Mapped[datetime | None]  # the last time that was noted: once in a while is enough
