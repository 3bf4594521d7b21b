"""Customers with a mail address are told of what becomes of what they asked for: each of the own request alone.

The ledger knows whom by the contact; the address stands there alone, so that it is deleted with it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks.results import ANSWERS
from ivr.callbacks.states import CLOSED, ON_THE_LINE
from ivr.dialplan.form import Change, CustomerMails
from ivr.hours.closings import Closing
from ivr.notify import mail, wording
from ivr.store import callbacks, contacts, deliveries, untold
from ivr.store.tables import CallbackEvent, CallbackRow, ContactRow, Delivery, Line

CUSTOMER: Final = "お客様"  # target of their deliveries
# Before all but what cannot be untrue: whoever claims often rings at once, and what was done may be undone.
SETTLE = timedelta(minutes=1)
FORGOTTEN = timedelta(days=2)  # what is late for longer was told, or is no news
LIMIT = 200
_TAKEN_UP = frozenset({"claim", "accept", "assign", "begin", "dial"})
_ENDS: Mapping[str, Change] = {"done": "done", "cancel": "cancelled", "give_up": "unreachable"}


class Live(Protocol):
    """Of `ivr.lines.Lines`."""

    def customers(self) -> Mapping[str, CustomerMails]: ...

    def closings(self, line: str) -> Sequence[Closing]: ...


def is_one(row: Delivery) -> bool:
    """A mail to a customer."""
    return row.target == CUSTOMER and "contact" in row.data


# -- into the ledger --------------------------------------------------------------------------------


async def received(session: AsyncSession, live: Live, contact: ContactRow, now: datetime) -> None:
    if contact.email is not None:
        await _put(session, live, contact, "received", "", now)


async def happened(
    session: AsyncSession, live: Live, event: CallbackEvent, callback: CallbackRow, now: datetime
) -> None:
    """Everybody whose request is in this ticket, and was when it happened."""
    change, mark = _change(event, callback)
    if change is None or callback.line not in live.customers():
        return
    for contact in await contacts.of_ticket(session, callback.ticket):
        theirs = event.merged_from in (None, contact.told_ticket)
        if theirs and contact.created_at <= event.at and _address(contact, callback) is not None:
            await _put(session, live, contact, change, mark, now + SETTLE, event=event.id)


def _address(contact: ContactRow, callback: CallbackRow) -> str | None:
    """Alone in its ticket, the one that an agent may have put right there; else the own one: the ticket may be another's."""
    return callback.email if callback.contacts == 1 else contact.email


def _change(event: CallbackEvent, callback: CallbackRow) -> tuple[Change | None, str]:
    """And what it is told once by: taking up once, a dial once however often its result is noted, an end each time."""
    if event.what in _TAKEN_UP:
        return "begun", ""
    if event.what in _ENDS:
        return _ENDS[event.what], str(event.id)
    if event.what == "result" and event.after == "done":
        return "done", str(event.id)
    missed = callback.outcome is not None and callback.outcome not in (*ANSWERS, "no_more_calls")
    if event.what == "result" and event.after == "open" and missed:
        return "not_reached", str(callback.attempts)
    return None, ""


async def late(session: AsyncSession, live: Live, now: datetime) -> list[tuple[ContactRow, str | None]]:
    """Who was promised a call and has none in time, or will not have it (and why), and was not told of that."""
    telling = [line for line, rules in live.customers().items() if "delayed" in rules.tell]
    if not telling:
        return []
    found: dict[str, tuple[ContactRow, str | None]] = {}
    over = await untold.waiting(session, telling, CLOSED, now - FORGOTTEN, now, LIMIT)
    found |= {_key(contact, "delayed", ""): (contact, None) for contact in over}
    for line in telling:
        for closing in live.closings(line):
            since, until = max(now, closing.begin), closing.end or now + timedelta(days=3653)
            # One that ends at the moment of closing is kept by who begins before.
            for contact in await untold.waiting(session, [line], CLOSED, since, until, LIMIT):
                found.setdefault(_key(contact, "delayed", ""), (contact, closing.reason))
    told = await untold.known(session, list(found))
    return [one for key, one in found.items() if key not in told]


async def delayed(
    session: AsyncSession, live: Live, contact: ContactRow, closing: str | None, now: datetime
) -> None:
    more = {"closing": closing} if closing is not None else {}
    await _put(session, live, contact, "delayed", "", now, **more)


async def _put(
    session: AsyncSession,
    live: Live,
    contact: ContactRow,
    change: Change,
    mark: str,
    at: datetime,
    **more: Any,
) -> None:
    rules = live.customers().get(contact.line)
    if rules is None or change not in rules.tell:
        return
    await deliveries.create(
        session,
        {
            "tenant": contact.tenant,
            "line": contact.line,
            "event": change,
            "subject": contact.ticket,
            "channel": "mail",
            "target": CUSTOMER,
            "key": _key(contact, change, mark),
            "data": {"contact": contact.id, "include": list(rules.include), **more},
            "created_at": at,
            "next_at": at,
        },
    )


def _key(contact: ContactRow, change: Change, mark: str) -> str:
    return deliveries.key_of(f"customer {contact.id} {change} {mark}", "mail", CUSTOMER)


# -- out of it --------------------------------------------------------------------------------------


async def write(session: AsyncSession, live: Live, row: Delivery, sender: str) -> tuple[str, bytes] | None:
    """To whom, and the mail. None: it has become untrue, the address was deleted, or the line tells nobody any more."""
    contact = await session.get(ContactRow, row.data["contact"])
    rules = live.customers().get(row.line)
    callback = await session.get(CallbackRow, contact.ticket) if contact is not None else None
    if contact is None or callback is None or rules is None:
        return None
    to = _address(contact, callback)
    if to is None:
        return None
    change = next((one for one in rules.tell if one == row.event), None)
    if change is None or _is_untrue(change, contact, callback) or await _is_undone(session, row, callback):
        return None
    line = await session.get(Line, row.line)
    told = wording.Told(
        change=change,
        line_name=line.name if line else row.line,
        ticket=contact.told_ticket,
        name=contact.name,
        asked=contact.created_at,
        reply_wanted=contact.reply_wanted is not False,
        due=contact.due_at,
        next=callback.next_at,
        matter=contact.matter if "matter" in row.data["include"] else None,
        closing=row.data.get("closing"),
        wrong_number=callback.wrong_number is not None,
    )
    made = mail.envelope(sender, to, wording.subject(told), row.key, row.created_at)
    if rules.reply_to is not None:
        made["Reply-To"] = rules.reply_to
    made.set_content(wording.text(told, rules), charset="utf-8", cte="base64")
    return to, made.as_bytes()


def _is_untrue(change: Change, contact: ContactRow, callback: CallbackRow) -> bool:
    match change:
        case "begun":
            return callback.state in (*CLOSED, *ON_THE_LINE)
        case "not_reached":
            reached = callback.outcome in (None, *ANSWERS) or callback.state in ON_THE_LINE
            return reached or callback.state in CLOSED
        case "delayed":
            return contact.begun_at is not None or callback.state in CLOSED
    return change != "received" and callback.state != change


async def _is_undone(session: AsyncSession, row: Delivery, callback: CallbackRow) -> bool:
    if row.event not in CLOSED:
        return False
    later = [
        event.what
        for event in await callbacks.events(session, callback.ticket)
        if event.id > row.data["event"]
    ]
    return "undo" in later or "reopen" in later
