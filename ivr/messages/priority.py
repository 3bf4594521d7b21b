"""What makes a callback more urgent than it was promised to be: the caller's key, and the line's rule for what was said.

A priority is only ever raised, and a due time that was told never moves later (`ivr.callbacks.service`).
"""

import logging
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.call import CallbackPromise
from ivr.callbacks.due import due_at
from ivr.callbacks.service import raise_priority
from ivr.callbacks.who import SYSTEM, Who
from ivr.dialplan.callbacks import URGENT, CallbackRules
from ivr.dialplan.reading import ReadingRules
from ivr.errors import CalendarError
from ivr.hours.calendar import Calendar
from ivr.store import callbacks
from ivr.store.tables import MessageRow

log = logging.getLogger("ivr.messages")

RULE = Who("rule", supervisor=True)
PRESSED = "お客様が、お急ぎの番号を押しました"


class LineRules(Protocol):
    """`ivr.lines.Lines`: what a line looks for in texts and promises, by its key."""

    def reading(self, line: str) -> ReadingRules: ...
    def callbacks(self, line: str) -> CallbackRules: ...
    def calendar(self, line: str, hours: str | None) -> Calendar | None: ...


async def pressed_urgent(
    session: AsyncSession,
    ticket: str,
    promise: CallbackPromise,
    received: datetime,
    calendar: Calendar | None,
    now: datetime,
) -> None:
    by = _due(ticket, promise.if_urgent, received, calendar)
    priority = promise.urgent_priority or URGENT
    await raise_priority(session, ticket, priority, who=RULE, why=PRESSED, now=now, due=by)


async def follow_rule(
    session: AsyncSession, row: MessageRow, reading: dict[str, Any], rules: LineRules, now: datetime
) -> None:
    """Raises the callback of this message if the reading suggests it, counted from its arrival.

    A person who has set the priority knows better than a rule; and a text that is read again raises nothing twice.
    """
    found = next((one for one in reading["suggestions"] if one["kind"] == "priority"), None)
    callback = await callbacks.by_message(session, row.id)
    if found is None or callback is None:
        return
    past = await callbacks.events(session, callback.ticket)
    if any(event.what == "priority" and event.who not in (RULE.name, SYSTEM.name) for event in past):
        return
    promises = rules.callbacks(row.line)
    calendar = rules.calendar(row.line, promises.hours)
    is_open = calendar is None or calendar.state(row.created_at).open
    by = promises.response(found["value"], is_open=is_open)
    due = _due(callback.ticket, by, row.created_at, calendar)
    await raise_priority(
        session, callback.ticket, found["value"], who=RULE, why=found["reason"], now=now, due=due
    )


def _due(ticket: str, due: str | None, received: datetime, calendar: Calendar | None) -> datetime | None:
    if due is None:
        return None
    try:
        return due_at(due, received, calendar)
    except (CalendarError, ValueError, OverflowError) as error:
        extra = {"ticket": ticket, "reason": str(error)}
        log.error("a more urgent callback has no earlier due time", extra=extra)
        return None
