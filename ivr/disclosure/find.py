"""What is kept of one caller's number, within one tenant.

Found is what has the number as the caller's, and what belongs to it: the messages, callbacks and notices of its calls. A
number that somebody only said, or whose caller withheld it, is not found by it.
"""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from ivr.asterisk.numbers import to_e164
from ivr.errors import BadArgument, Conflict, NotFound
from ivr.store.tables import (
    BarredNumber,
    CallbackEvent,
    CallbackRow,
    CallRow,
    ContactRow,
    DedicatedAgent,
    Delivery,
    DialRow,
    MessageRow,
)

KINDS = (
    *("calls", "messages", "callbacks", "contacts", "events", "dials", "deliveries"),
    *("barred", "dedicated"),
)
AT_ONCE = 500  # ids in one question to the database


@dataclass(frozen=True)
class Found:
    """Rows about one number, the oldest first."""

    tenant: str
    number: str
    calls: Sequence[CallRow]
    messages: Sequence[MessageRow]
    callbacks: Sequence[CallbackRow]
    contacts: Sequence[ContactRow]
    events: Sequence[CallbackEvent]
    dials: Sequence[DialRow]
    deliveries: Sequence[Delivery]
    barred: Sequence[BarredNumber]  # 着信規制, 発信禁止
    dedicated: Sequence[DedicatedAgent]
    beside: Sequence[ContactRow]  # all contacts of these callbacks, of others, too

    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in KINDS}

    def require_apart(self) -> None:
        """Conflict while somebody else's request is in one of these callbacks: neither is the other's business."""
        mine = {row.id for row in self.contacts}
        others = {row.ticket for row in self.beside if row.id not in mine}
        if others:
            raise Conflict(
                f"somebody else's request was merged into {named(others)}; split it first (ivr callbacks split), "
                "so that theirs stays theirs; one that is done is opened again before"
            )


def named(tickets: Collection[str]) -> str:
    return "callback " + ", ".join(sorted(tickets))


def read_number(text: str) -> str:
    """As people write it, in full width too -> E.164. BadArgument that says how to write it."""
    found = to_e164(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        raise BadArgument(f'"{text}" is no telephone number; write it with its area code, like 090-1234-5678')
    return found


async def find(session: AsyncSession, number: str, tenant: str | None) -> Found:
    """`number` is E.164; `tenant` None: of the only one that has it. Conflict if several do, NotFound if nobody does."""
    tenant = await _tenant(session, number, tenant)
    calls = await _rows(session, CallRow, CallRow.started_at, *_theirs(CallRow, number, tenant))
    call_ids = [row.id for row in calls]
    contacts = {
        row.id: row
        for row in (
            *await _rows(session, ContactRow, ContactRow.id, *_theirs(ContactRow, number, tenant)),
            *await _within(session, ContactRow, ContactRow.call_id, call_ids),
        )
    }
    tickets = {row.ticket: row for row in await _within(session, CallbackRow, CallbackRow.call_id, call_ids)}
    tickets |= {
        row.ticket: row
        for row in await _rows(
            session, CallbackRow, CallbackRow.ticket, *_theirs(CallbackRow, number, tenant)
        )
    }
    missing = {row.ticket for row in contacts.values()} - tickets.keys()
    tickets |= {row.ticket: row for row in await _within(session, CallbackRow, CallbackRow.ticket, missing)}
    messages = {row.id: row for row in await _within(session, MessageRow, MessageRow.call_id, call_ids)}
    messages |= {
        row.id: row
        for row in await _rows(session, MessageRow, MessageRow.id, *_theirs(MessageRow, number, tenant))
    }
    named = {row.message_id for row in (*contacts.values(), *tickets.values()) if row.message_id}
    messages |= {
        row.id: row for row in await _within(session, MessageRow, MessageRow.id, named - messages.keys())
    }
    subjects = [*tickets, *messages]
    deliveries = await _within(session, Delivery, Delivery.subject, subjects)
    for first in range(0, len(call_ids), 100):
        steps = [
            Delivery.subject.startswith(f"{id}/", autoescape=True) for id in call_ids[first : first + 100]
        ]
        deliveries += await _rows(session, Delivery, Delivery.id, Delivery.event == "step", or_(*steps))
    return Found(
        tenant=tenant,
        number=number,
        calls=calls,
        messages=sorted(messages.values(), key=lambda row: (row.created_at, row.id)),
        callbacks=sorted(tickets.values(), key=lambda row: (row.created_at, row.ticket)),
        contacts=sorted(contacts.values(), key=lambda row: row.id),
        events=await _within(session, CallbackEvent, CallbackEvent.ticket, tickets),
        dials=[
            row for row in await _within(session, DialRow, DialRow.ticket, tickets) if row.number == number
        ],
        deliveries=sorted(deliveries, key=lambda row: row.id),
        barred=await _rows(session, BarredNumber, BarredNumber.id, *_theirs(BarredNumber, number, tenant)),
        dedicated=await _rows(
            session, DedicatedAgent, DedicatedAgent.since, *_theirs(DedicatedAgent, number, tenant)
        ),
        beside=await _within(session, ContactRow, ContactRow.ticket, tickets),
    )


async def _tenant(session: AsyncSession, number: str, wanted: str | None) -> str:
    found: set[str] = set()
    for table in (CallRow, MessageRow, CallbackRow, ContactRow, BarredNumber, DedicatedAgent):
        columns: Any = table
        found |= set(await session.scalars(select(columns.tenant).where(columns.number == number).distinct()))
    if not found or (wanted is not None and wanted not in found):
        raise NotFound("nothing is kept of this number" + (f' by "{wanted}"' if wanted else ""))
    if wanted is None and len(found) > 1:
        raise Conflict(
            f"several companies know this number: {', '.join(sorted(found))}; say with --tenant which one was asked"
        )
    return wanted or found.pop()


def _theirs(table: Any, number: str, tenant: str) -> list[ColumnElement[bool]]:
    return [table.tenant == tenant, table.number == number]


async def _rows(session: AsyncSession, table: Any, order: Any, *where: ColumnElement[bool]) -> list[Any]:
    return list(await session.scalars(select(table).where(*where).order_by(order)))


async def _within(
    session: AsyncSession, table: Any, column: InstrumentedAttribute[Any], ids: Collection[str]
) -> list[Any]:
    """Rows whose `column` is one of `ids`, by its order."""
    wanted, found = sorted(ids), list[Any]()
    for first in range(0, len(wanted), AT_ONCE):
        some = wanted[first : first + AT_ONCE]
        found += await _rows(session, table, column, column.in_(some))
    return found
