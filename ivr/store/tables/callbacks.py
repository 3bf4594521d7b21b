"""Callbacks: the tickets, who asked and what each was told, their history; dials, locks and lists of numbers.

A ticket is what agents work on. A contact is one time that somebody asked; it keeps its own words and promise
through merging and splitting.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.tables.base import GOING_ON, UNTOLD, Base

# A customer waits, and is told by mail when the promise is not kept.
_ASKED = text("begun_at IS NULL")
_OWED = text("unrecorded IS NOT NULL")


class CallbackRow(Base):
    __tablename__ = "callbacks"
    ticket: Mapped[str] = mapped_column(String(16), primary_key=True)
    line: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))  # ivr/callbacks/states.py
    cause: Mapped[str] = mapped_column(String(16))
    priority: Mapped[str] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    withheld: Mapped[str | None] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(Text)
    company: Mapped[str | None] = mapped_column(Text)
    addressee: Mapped[str | None] = mapped_column(Text)
    member: Mapped[str | None] = mapped_column(Text)  # ID as a member or customer
    reply_wanted: Mapped[bool | None]  # False: 折り返し不要; None: not said, and taken for wanted
    preferred_time: Mapped[str | None] = mapped_column(Text)
    matter: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)  # of the customer, who is told of changes
    path: Mapped[list[str]]
    branch: Mapped[str | None] = mapped_column(String(64))  # last menu key's step; None: 振り分け待ち
    call_id: Mapped[str | None] = mapped_column(String(64))
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"), unique=True)  # its first one
    contacts: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]  # the earliest that was told and is not begun; once all is begun, of all
    begun_at: Mapped[datetime | None]  # response clock; None: not yet for every contact
    resolution_due_at: Mapped[datetime | None]
    news_due_at: Mapped[datetime | None]  # when the customer next hears of the progress
    news_warned_at: Mapped[datetime | None]  # when that was found to be past
    next_at: Mapped[datetime | None]  # the next attempt, or the next contact
    dedicated: Mapped[str | None] = mapped_column(String(64))  # the customer's own agent
    agent: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    offered_to: Mapped[str | None] = mapped_column(String(64))  # 引き継ぎ: who may accept it
    second: Mapped[str | None] = mapped_column(String(64))  # 二次対応中: who helps; the agent stays
    tier: Mapped[int] = mapped_column(default=1)  # how far it has moved up, 1 to 3
    warned_at: Mapped[datetime | None]  # when its due time was found to be near
    attempts: Mapped[int] = mapped_column(default=0)  # dials
    # 結果未記録: who rang by hand, or talked, and has not said yet how it went
    unrecorded: Mapped[str | None] = mapped_column(String(64))
    misses: Mapped[int] = mapped_column(default=0)  # those since the person was last reached
    exhausted_at: Mapped[datetime | None]  # 連絡不能: a supervisor is to decide
    wrong_number: Mapped[str | None] = mapped_column(String(20))  # 番号違い: never dialled for this ticket
    careful: Mapped[bool] = mapped_column(default=False)  # 要注意
    complaint: Mapped[bool] = mapped_column(default=False)  # クレーム
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))  # ivr/callbacks/results.py; of the last dial
    result: Mapped[str | None] = mapped_column(Text)  # in the agent's words
    version: Mapped[int] = mapped_column(default=0)  # compare-and-set
    __table_args__ = (
        Index(None, "state", "due_at"),
        Index(None, "line", "created_at"),
        Index(None, "tenant", "number"),
        Index(None, "tenant", "done_at"),
        Index(None, "unrecorded", sqlite_where=_OWED, postgresql_where=_OWED),
    )


class ContactRow(Base):
    """One time that somebody asked. What was told then never changes; `ticket` is the one it belongs to now."""

    __tablename__ = "callback_contacts"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(ForeignKey("callbacks.ticket"), index=True)
    told_ticket: Mapped[str] = mapped_column(String(16))  # the number that this caller heard
    tenant: Mapped[str] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(16))  # message | key | form | abandoned | agent | call
    cause: Mapped[str] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    withheld: Mapped[str | None] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(Text)
    company: Mapped[str | None] = mapped_column(Text)
    addressee: Mapped[str | None] = mapped_column(Text)
    member: Mapped[str | None] = mapped_column(Text)
    matter: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    preferred_time: Mapped[str | None] = mapped_column(Text)
    reply_wanted: Mapped[bool | None]
    path: Mapped[list[str]]
    branch: Mapped[str | None] = mapped_column(String(64))
    priority: Mapped[str] = mapped_column(String(16))
    due_at: Mapped[datetime | None]  # as it was told; None: nothing was promised
    begun_at: Mapped[datetime | None]  # when work on it began
    created_at: Mapped[datetime]
    call_id: Mapped[str | None] = mapped_column(String(64))
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"), unique=True)
    request_id: Mapped[str | None] = mapped_column(String(200), unique=True)  # "<call id>/<line>/<step>"
    told_at: Mapped[datetime | None]  # as of a message, and only of one without a message
    __table_args__ = (
        Index(None, "call_id"),
        Index("ix_callback_contacts_untold", "created_at", sqlite_where=UNTOLD, postgresql_where=UNTOLD),
        Index(
            "ix_callback_contacts_promised", "line", "due_at", sqlite_where=_ASKED, postgresql_where=_ASKED
        ),
    )


class AliasRow(Base):
    """A ticket number that was given to a caller and is another ticket's by now."""

    __tablename__ = "callback_aliases"
    number: Mapped[str] = mapped_column(String(16), primary_key=True)
    ticket: Mapped[str] = mapped_column(ForeignKey("callbacks.ticket"), index=True)


class CallbackText(Base):
    """What a ticket is found by: `ivr.store.search`. In the order of `id` new tickets come last."""

    __tablename__ = "callback_texts"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(ForeignKey("callbacks.ticket"), unique=True)
    tenant: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)


class CallbackEvent(Base):
    __tablename__ = "callback_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(ForeignKey("callbacks.ticket"), index=True)
    merged_from: Mapped[str | None] = mapped_column(String(16))  # the ticket that it happened to
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(32))
    why: Mapped[str | None] = mapped_column(Text)
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str | None] = mapped_column(String(16))
    told_at: Mapped[datetime | None]  # when its notices were put into the ledger; NULL: they are to be
    __table_args__ = (Index("ix_callback_events_untold", "id", sqlite_where=UNTOLD, postgresql_where=UNTOLD),)


class UndoRow(Base):
    """元に戻す: what a ticket was like before the last thing that somebody did to it. Gone soon, for it may be personal."""

    __tablename__ = "callback_undos"
    ticket: Mapped[str] = mapped_column(ForeignKey("callbacks.ticket"), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    who: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(32))  # as of its event
    at: Mapped[datetime]
    event: Mapped[int]  # its id: whatever happened later forbids it
    state: Mapped[str] = mapped_column(String(16))  # before it, too
    before: Mapped[dict[str, Any]]  # columns of CallbackRow, times in ISO 8601


class DialRow(Base):
    """A dial, stored before the telephone rings. `key`: of the request for it, so that asking twice rings once."""

    __tablename__ = "callback_dials"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(ForeignKey("callbacks.ticket"), index=True)
    tenant: Mapped[str] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(64))
    number: Mapped[str] = mapped_column(String(20))
    agent: Mapped[str] = mapped_column(String(64))
    by_hand: Mapped[bool]  # dialled on a telephone of the agent's own, which no engine saw
    key: Mapped[str] = mapped_column(String(64), unique=True)
    began_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    engine: Mapped[str | None] = mapped_column(String(32))  # which one rings; stored before anything does
    __table_args__ = (
        Index(None, "tenant", "number", "began_at"),
        Index("ix_callback_dials_going_on", "engine", sqlite_where=GOING_ON, postgresql_where=GOING_ON),
    )

    @property
    def never_rang(self) -> bool:
        """The engine gave it up before the customer's telephone rang; of one by hand nobody knows."""
        told = self.answered_at is not None or self.outcome is not None
        return self.ended_at is not None and not told and not self.by_hand


class DialLock(Base):
    """Who dials a number now, whatever the ticket; free after `until`."""

    __tablename__ = "dial_locks"
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    line: Mapped[str] = mapped_column(String(64))
    ticket: Mapped[str] = mapped_column(String(16))
    agent: Mapped[str] = mapped_column(String(64))
    dial: Mapped[str] = mapped_column(String(64))  # its key
    until: Mapped[datetime]
    __table_args__ = (Index(None, "line", "until"),)


class BarredNumber(Base):
    """着信規制 (`incoming`) and 発信禁止 (`outgoing`): two lists of one shape."""

    __tablename__ = "barred_numbers"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    number: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(String(64))
    approved_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]  # None: never
    ended_at: Mapped[datetime | None]  # when somebody took it off the list, or refused it
    ended_by: Mapped[str | None] = mapped_column(String(64))
    __table_args__ = (Index(None, "tenant", "number", "kind"),)


class DedicatedAgent(Base):
    """The agent of a customer's own, and who stands in."""

    __tablename__ = "dedicated_agents"
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    agent: Mapped[str] = mapped_column(String(64))
    deputy: Mapped[str | None] = mapped_column(String(64))
    since: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))


class DutyRing(Base):
    """当番: one person on duty rung for a critical callback outside hours; `turn` counts from 1."""

    __tablename__ = "duty_rings"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(ForeignKey("callbacks.ticket"))
    tenant: Mapped[str] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(64))
    turn: Mapped[int]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(
        String(16)
    )  # accepted | declined | no_answer | failed | taken
    __table_args__ = (UniqueConstraint("ticket", "turn"),)
