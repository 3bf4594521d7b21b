"""What happens to callbacks, told once: to those the rules of the line name, to programs, to the customers themselves.

Each event of a callback's history is looked at when it stands in the store; whoever writes one knows nothing of it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.dialplan.notices import NoticeRule, When
from ivr.notify import customers
from ivr.notify.rules import told
from ivr.store import deliveries, untold
from ivr.store.database import Store
from ivr.store.tables import CallbackEvent, CallbackRow, Delivery

LIMIT = 500
# Untrue once somebody has begun, or nothing is left to do.
UNTIL_BEGUN: tuple[When, ...] = ("near_due", "tier2", "tier3")


class Live(customers.Live, Protocol):
    """Of `ivr.lines.Lines`."""

    def notices(self, line: str) -> Sequence[NoticeRule]: ...


WasOpen = Callable[[str, datetime], Callable[[str], bool | None]]
"""Line, moment -> name of hours -> whether they were open then; None: nobody knows."""


async def sweep(store: Store, live: Live, was_open: WasOpen, now: datetime) -> None:
    """Twice does no harm, also from two processes at once."""
    async with store.read() as session:
        happened = await untold.events(session, LIMIT)
        late = await customers.late(session, live, now)
    if not happened and not late:
        return
    async with store.write() as session:
        for event, callback in happened:
            await _tell(session, live, was_open, event, callback, now)
            await customers.happened(session, live, event, callback, now)
        await untold.events_were_told(session, [event.id for event, _ in happened], now)
        for contact, closing in late:
            await customers.delayed(session, live, contact, closing, now)


def kind_of(event: CallbackEvent, callback: CallbackRow) -> When | None:
    """What people are told of."""
    if event.what == "near_due":
        return "near_due"
    if event.what == "escalate":
        return "tier3" if event.why == "tier 3" else "tier2"
    if event.what == "news_due":
        return "news_due"
    return "exhausted" if event.what == "result" and callback.exhausted_at == event.at else None


def is_over(row: Delivery, callback: CallbackRow | None) -> bool:
    """It is told no more: what it asks for has been done meanwhile."""
    if row.event in UNTIL_BEGUN:
        return callback is None or callback.begun_at is not None or callback.done_at is not None
    if callback is None:
        return row.event in ("exhausted", "news_due")
    if row.event == "news_due":
        due, warned = callback.news_due_at, callback.news_warned_at
        return due is None or warned is None or due > warned or callback.done_at is not None
    return row.event == "exhausted" and callback.exhausted_at is None


async def _tell(
    session: AsyncSession,
    live: Live,
    was_open: WasOpen,
    event: CallbackEvent,
    callback: CallbackRow,
    now: datetime,
) -> None:
    rules = live.notices(callback.line)
    if not rules:
        return
    kinds: list[When] = ["change"]
    if (kind := kind_of(event, callback)) is not None:
        kinds.append(kind)
    for each in kinds:
        for one in told(rules, {each}, was_open(callback.line, event.at)):
            data = {"include": list(one.include), "reply": one.reply, "happened": event.id}
            later = one.after is not None
            if one.after is not None:
                data["unless_seen"] = int(one.after.total_seconds())
            about = f"event {event.id} {each}"
            await deliveries.create(
                session,
                {
                    "tenant": callback.tenant,
                    "line": callback.line,
                    "event": each,
                    "subject": callback.ticket,
                    "message_id": callback.message_id,
                    "channel": one.channel,
                    "target": one.target,
                    "key": deliveries.key_of(about, one.channel, one.target, later=later),
                    "data": data,
                    "created_at": now,
                    "next_at": now + one.after if one.after is not None else now,
                },
            )
