"""What may be done to a callback. Each function runs in the caller's transaction."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import states, tickets
from ivr.callbacks.due import due_at
from ivr.errors import CalendarError, Conflict, StoreError
from ivr.hours.calendar import Calendar
from ivr.store import callbacks as store
from ivr.store.tables import CallbackRow

log = logging.getLogger("ivr.callbacks")

TICKET_TRIES = 40
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What a callback takes over from its message; `received_at` starts the clock of its due time."""

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
    """The ticket of the one callback of this message: made now, or found if it was made before.

    The row of the message must be there. A due time that cannot be told (no calendar, never open, a promise
    of another version in an adopted message) is left out and logged; it never costs the callback. StoreError if no free ticket number was found.
    """
    row = _row(message, promise, calendar) | {"message_id": message.id}
    return await _once(session, lambda: store.by_message(session, message.id), row, now, new_ticket)


async def create_for_request(
    session: AsyncSession,
    request: str,
    about: MessageFacts,
    promise: Promise,
    calendar: Calendar | None,
    now: datetime,
    *,
    new_ticket: Callable[[int], str] = tickets.new,
) -> str:
    """The same for a caller who asked for it by key, without a message. `request`: by which it is found again."""
    row = _row(about, promise, calendar) | {"request_id": request}
    return await _once(session, lambda: store.by_request(session, request), row, now, new_ticket)


def _row(message: MessageFacts, promise: Promise, calendar: Calendar | None) -> dict[str, Any]:
    return {
        "line": message.line,
        "tenant": message.tenant,
        "state": "open",
        "cause": message.cause,
        "priority": promise.priority,
        "number": message.number,
        "withheld": message.withheld,
        "path": list(message.path),
        "branch": message.branch,
        "call_id": message.call_id,
        "created_at": message.received_at,
        "due_at": _due(message, promise, calendar),
    }


async def _once(
    session: AsyncSession,
    find: Callable[[], Awaitable[CallbackRow | None]],
    row: dict[str, Any],
    now: datetime,
    new_ticket: Callable[[int], str],
) -> str:
    for tries in range(TICKET_TRIES):
        found = await find()
        if found is not None:
            return found.ticket
        ticket = new_ticket(tries)
        if await store.insert(session, {"ticket": ticket, **row}, who=SYSTEM, at=now):
            return ticket
    raise StoreError("No free ticket number was found for a callback; try again.")


def _due(message: MessageFacts, promise: Promise, calendar: Calendar | None) -> datetime | None:
    try:
        return due_at(promise.due, message.received_at, calendar)
    except (CalendarError, ValueError, OverflowError) as error:
        fields = {"message_id": message.id, "line": message.line, "reason": str(error)}
        log.error("callback made without a due time", extra=fields)
        return None


async def claim(
    session: AsyncSession, ticket: str, agent: str, *, until: datetime, now: datetime
) -> CallbackRow:
    """Gives the callback to one agent until `until`; claiming one's own again moves the lease.

    Conflict if another agent has it and the lease still runs.
    """
    row = await store.get(session, ticket)
    others = row.state == "claimed" and row.agent != agent
    if others and row.lease_until is not None and row.lease_until > now:
        raise Conflict(f"この折り返しは、{row.agent}さんが担当しています。")
    changes = {"agent": agent, "lease_until": until}
    return await _move(session, row, "claimed", who=agent, what="claim", now=now, changes=changes)


async def give_back(
    session: AsyncSession, ticket: str, *, who: str, now: datetime, why: str | None = None
) -> CallbackRow:
    row = await store.get(session, ticket)
    changes = {"agent": None, "lease_until": None}
    return await _move(session, row, "open", who=who, what="give_back", now=now, why=why, changes=changes)


async def mark_done(
    session: AsyncSession, ticket: str, who: str, result: str | None, now: datetime
) -> CallbackRow:
    """By hand, from any state in which something was left to do and nobody is on the line."""
    row = await store.get(session, ticket)
    changes = {"done_at": now, "result": result, "lease_until": None}
    return await _move(session, row, "done", who=who, what="done", now=now, why=result, changes=changes)


async def reopen(
    session: AsyncSession, ticket: str, *, who: str, now: datetime, why: str | None = None
) -> CallbackRow:
    """A callback that was done is to be done after all; due time and number stay."""
    row = await store.get(session, ticket)
    if row.state != "done":
        raise Conflict(f"この折り返しは「{states.WORDS['done']}」ではありません。")
    changes = {"done_at": None, "result": None, "agent": None, "lease_until": None}
    return await _move(session, row, "open", who=who, what="reopen", now=now, why=why, changes=changes)


async def _move(
    session: AsyncSession,
    row: CallbackRow,
    after: states.State,
    *,
    who: str,
    what: str,
    now: datetime,
    why: str | None = None,
    changes: dict[str, Any],
) -> CallbackRow:
    states.require(row.state, after)
    return await store.transition(
        session,
        row.ticket,
        version=row.version,
        after=after,
        who=who,
        what=what,
        at=now,
        why=why,
        changes=changes,
    )
