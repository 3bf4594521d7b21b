"""Agents, and who may log in."""

from datetime import datetime

from sqlalchemy import String, Text
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
