"""Somebody asks to be rung back: a new ticket, or one more contact of the ticket that is open already.

The rule of merging: the same number on the same line joins the open callback when addressee, menu branch,
member ID and company do not conflict; what is not known conflicts with nothing. Without a number nobody is
known again. Each function runs in the caller's transaction.
"""

import logging
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import tickets
from ivr.callbacks.due import due_at
from ivr.callbacks.priority import became, higher
from ivr.callbacks.states import CLOSED
from ivr.callbacks.who import SYSTEM
from ivr.errors import CalendarError, StoreError
from ivr.hours.calendar import Calendar
from ivr.store import barred, contacts
from ivr.store import callbacks as store
from ivr.store.tables import CallbackRow, ContactRow

log = logging.getLogger("ivr.callbacks")

TICKET_TRIES = 40
Source = Literal["message", "key", "form", "abandoned", "agent", "call"]
# Two values of one of these that differ are two matters.
TOLD_APART = ("addressee", "branch", "member", "company")
_WORDS = (*TOLD_APART, "name", "matter", "email", "preferred_time")
# What a ticket takes from the first contact that says it.
SAID = (*TOLD_APART, "name", "matter", "email", "call_id", "message_id")


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """Who asked, and for what; `received_at` starts the clock of its due time, `id` is its message's if it has one.

    `reply_wanted` False: 折り返し不要, which has no due time. `joins`: the ticket that somebody adds it to.
    """

    id: str
    line: str
    tenant: str
    cause: str
    number: str | None
    received_at: datetime
    withheld: str | None = None
    call_id: str | None = None
    path: Sequence[str] = ()
    branch: str | None = None  # None: 振り分け待ち
    name: str | None = None
    company: str | None = None
    addressee: str | None = None
    member: str | None = None
    matter: str | None = None
    email: str | None = None
    preferred_time: str | None = None
    reply_wanted: bool | None = None
    joins: str | None = None


class Promise(Protocol):
    """`ivr.call.CallbackPromise`."""

    @property
    def priority(self) -> str: ...
    @property
    def due(self) -> str: ...


async def create_for_message(
    session: AsyncSession,
    message: MessageFacts,
    promise: Promise,
    calendar: Calendar | None,
    now: datetime,
    *,
    new_ticket: Callable[[int], str] = tickets.new,
) -> str:
    """The ticket of this message: made or joined now, or found if it was before.

    The row of the message must be there. A due time that cannot be told (no calendar, never open, a promise
    of another version in an adopted message) is left out and logged; it never costs the callback. StoreError if no free ticket number was found.
    """
    contact = _contact(message, promise, calendar, "message") | {"message_id": message.id}
    find = lambda: contacts.by_message(session, message.id)  # noqa: E731
    key = f"message {message.id}"
    return await _once(session, key, find, contact, now, new_ticket, joins=message.joins)


async def create_for_request(
    session: AsyncSession,
    request: str,
    about: MessageFacts,
    promise: Promise,
    calendar: Calendar | None,
    now: datetime,
    *,
    source: Source = "key",
    new_ticket: Callable[[int], str] = tickets.new,
) -> str:
    """The same for who asked without a message. `request`: by which it is found again."""
    contact = _contact(about, promise, calendar, source) | {"request_id": request}
    find = lambda: contacts.by_request(session, request)  # noqa: E731
    return await _once(session, f"request {request}", find, contact, now, new_ticket, joins=about.joins)


async def open_for(
    session: AsyncSession, *, tenant: str, line: str, number: str | None
) -> CallbackRow | None:
    """The callback that waits for who rings now; of several, the one that is due first."""
    if number is None:
        return None
    found = await contacts.open_callbacks(
        session, tenant=tenant, line=line, number=number, closed=sorted(CLOSED)
    )
    return min(found, key=lambda row: row.due_at or store.NEVER, default=None)


async def rang(session: AsyncSession, about: MessageFacts, now: datetime) -> str | None:
    """The customer rings by himself while a callback is open: one more contact of it, which promises nothing.

    Its ticket; None if none is open. `about.call_id` keeps it to one contact a call.
    """
    row = await open_for(session, tenant=about.tenant, line=about.line, number=about.number)
    if row is None:
        return None
    request = f"{about.call_id}/rang"
    await store.one_at_a_time(session, f"request {request}", door(row.tenant, row.line, row.number))
    found = await contacts.by_request(session, request)
    if found is not None:
        return found.ticket
    row = await store.get(session, row.ticket, to_change=True)
    if row.state in CLOSED:
        return None
    contact = _contact(about, _Nothing(row.priority), None, "call") | {"request_id": request, "told_at": now}
    await _join(session, row, contact, now)
    return row.ticket


async def others(session: AsyncSession, row: CallbackRow) -> Sequence[CallbackRow]:
    """「同じ番号の別件」: the open callbacks of the same number, on any line of the tenant."""
    if row.number is None:
        return []
    found = await contacts.open_callbacks(
        session, tenant=row.tenant, line=None, number=row.number, closed=sorted(CLOSED)
    )
    return [other for other in found if other.ticket != row.ticket]


def conflict(one: CallbackRow | ContactRow, contact: dict[str, Any]) -> str | None:
    """The first of TOLD_APART by which they are two matters."""
    for field in TOLD_APART:
        mine, yours = getattr(one, field), contact[field]
        if mine is not None and yours is not None and _plain(mine) != _plain(yours):
            return field
    return None


def _plain(text: str) -> str:
    """Width, case, spaces and the polite ending make no other person or company."""
    text = "".join(unicodedata.normalize("NFKC", text).casefold().split())
    return text.removesuffix("宛").removesuffix("様") or text


@dataclass(frozen=True, slots=True)
class _Nothing:
    """No promise beside what was promised before."""

    priority: str
    due: str = ""


def _contact(
    about: MessageFacts, promise: Promise, calendar: Calendar | None, source: Source
) -> dict[str, Any]:
    # By the form a mail is promised to who wants no call; whoever else wants no reply is promised nothing.
    promises = promise.due != "" and (about.reply_wanted is not False or source == "form")
    return {
        "tenant": about.tenant,
        "line": about.line,
        "source": source,
        "cause": about.cause,
        # A number that was withheld is none of ours, wherever it was found.
        "number": None if about.withheld else about.number,
        "withheld": about.withheld,
        **{field: getattr(about, field) for field in _WORDS},
        "reply_wanted": about.reply_wanted,
        "path": list(about.path),
        "priority": promise.priority,
        "due_at": _due(about, promise, calendar) if promises else None,
        "created_at": about.received_at,
        "call_id": about.call_id,
        "message_id": None,
        "request_id": None,
    }


def _due(about: MessageFacts, promise: Promise, calendar: Calendar | None) -> datetime | None:
    try:
        return due_at(promise.due, about.received_at, calendar)
    except (CalendarError, ValueError, OverflowError) as error:
        fields = {"message_id": about.id, "line": about.line, "reason": str(error)}
        log.error("callback made without a due time", extra=fields)
        return None


async def _once(
    session: AsyncSession,
    key: str,
    find: Callable[[], Awaitable[ContactRow | None]],
    contact: dict[str, Any],
    now: datetime,
    new_ticket: Callable[[int], str],
    *,
    joins: str | None = None,
) -> str:
    doors = [key]
    if contact["number"] is not None:
        doors.append(door(contact["tenant"], contact["line"], contact["number"]))
    await store.one_at_a_time(session, *doors)
    found = await find()
    if found is not None:
        return found.ticket
    named = await store.find(session, joins, to_change=True) if joins is not None else None
    if named is not None and named.tenant == contact["tenant"] and named.state not in CLOSED:
        await _join(session, named, contact, now)
        return named.ticket
    for row in await _candidates(session, contact):
        if conflict(row, contact) is None:
            await _join(session, row, contact, now)
            return row.ticket
    return await _new(session, contact, now, new_ticket)


def door(tenant: str, line: str, number: str | None) -> str:
    """Whoever changes several callbacks of a number passes here first, one at a time."""
    return f"callback {tenant} {line} {number}"


async def _candidates(session: AsyncSession, contact: dict[str, Any]) -> Sequence[CallbackRow]:
    if contact["number"] is None:
        return []
    return await contacts.open_callbacks(
        session,
        tenant=contact["tenant"],
        line=contact["line"],
        number=contact["number"],
        closed=sorted(CLOSED),
        to_change=True,
    )


async def _new(
    session: AsyncSession, contact: dict[str, Any], now: datetime, new_ticket: Callable[[int], str]
) -> str:
    own = {name: value for name, value in contact.items() if name not in ("source", "request_id", "told_at")}
    if contact["number"] is not None:
        dedicated = await barred.dedicated(session, contact["tenant"], contact["number"])
        own["dedicated"] = dedicated.agent if dedicated else None
    for tries in range(TICKET_TRIES):
        ticket = new_ticket(tries)
        row = {"ticket": ticket, "state": "open", **own}
        if await store.insert(session, row, who=SYSTEM.name, at=now):
            await contacts.add(session, {"ticket": ticket, "told_ticket": ticket, **contact})
            await became(session, ticket, None, contact["priority"], now)
            return ticket
    raise StoreError("No free ticket number was found for a callback; try again.")


async def _join(session: AsyncSession, row: CallbackRow, contact: dict[str, Any], now: datetime) -> None:
    await contacts.add(session, {"ticket": row.ticket, "told_ticket": row.ticket, **contact})
    state, changes = row.state, joined(row, contact)
    await became(session, row.ticket, row.priority, changes["priority"], now)
    await store.transition(
        session,
        row.ticket,
        version=row.version,
        after=state,
        who=SYSTEM.name,
        what="contact",
        at=now,
        why=contact["source"],
        changes=changes,
    )


def joined(row: CallbackRow, contact: dict[str, Any]) -> dict[str, Any]:
    """What one more contact changes of a ticket."""
    changes: dict[str, Any] = {
        field: contact[field] for field in SAID if getattr(row, field) is None and contact[field] is not None
    }
    changes["contacts"] = row.contacts + 1
    changes["priority"] = higher(row.priority, contact["priority"])
    changes["exhausted_at"] = None  # who rings can be reached
    changes["misses"] = 0
    if contact["preferred_time"] is not None:
        changes["preferred_time"] = contact["preferred_time"]
    if row.reply_wanted is False and contact["reply_wanted"] is not False and contact["source"] != "call":
        changes["reply_wanted"] = contact["reply_wanted"]
    if row.state in ("open", "waiting"):
        changes["next_at"] = None
    due = contact["due_at"]
    if due is not None:
        waits = (
            row.due_at if row.begun_at is None else None
        )  # what was begun was kept or not; it waits no more
        changes["due_at"] = due if waits is None else min(waits, due)
        changes["begun_at"] = None
        if changes["due_at"] != row.due_at:
            changes["warned_at"] = None
    return changes
