"""What `ivr callbacks show`, `merge` and `split`, and `ivr numbers` do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ivr.callbacks import lists, merging
from ivr.callbacks.lists import KINDS, Kind
from ivr.callbacks.who import Who
from ivr.clock import SystemClock, iso
from ivr.errors import BadArgument
from ivr.outside import spelled, to_ring_back
from ivr.settings import Settings
from ivr.store import agents, callbacks, contacts, users
from ivr.store.database import opened
from ivr.store.tables import BarredNumber, CallbackRow, ContactRow
from ivr.web.api import read
from ivr.web.api.shapes import as_json


async def listing(
    settings: Settings, *, limit: int, line: str | None, state: str | None
) -> list[dict[str, Any]]:
    """As `GET /api/v1/callbacks` gives them."""
    async with opened(settings.database_url) as store, store.read() as session:
        rows = await callbacks.listing(session, limit=limit, line=line, state=state)
        return [as_json(one) for one in await read.all_of(session, rows)]


async def show(
    settings: Settings, ticket: str
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The ticket, its contacts, its history. NotFound."""
    async with opened(settings.database_url) as store, store.read() as session:
        row = await callbacks.get(session, ticket)
        of = await contacts.of_ticket(session, row.ticket)
        history = await callbacks.events(session, row.ticket)
    about = [
        {
            "at": iso(event.at),
            "who": event.who,
            "what": event.what,
            "state": event.after,
            "why": event.why,
            "of": event.merged_from,
        }
        for event in history
    ]
    return _ticket(row), [_contact(one) for one in of], about


async def merge(settings: Settings, ticket: str, into: str, by: str) -> str:
    """The ticket that both numbers lead to."""
    now, who = _now(settings), Who(by, supervisor=True)
    async with opened(settings.database_url) as store, store.write() as session:
        return (await merging.merge(session, ticket, into=into, who=who, now=now)).ticket


async def split(settings: Settings, ticket: str, contact_ids: Sequence[int], by: str) -> str:
    """The ticket that these contacts make."""
    now, who = _now(settings), Who(by, supervisor=True)
    async with opened(settings.database_url) as store, store.write() as session:
        return await merging.split(session, ticket, contact_ids, who=who, now=now)


async def barred(settings: Settings) -> list[dict[str, Any]]:
    """Both lists as they stand."""
    now, who = _now(settings), Who("admin", supervisor=True)
    async with opened(settings.database_url) as store, store.read() as session:
        return [
            _barred(row) for kind in KINDS for row in await lists.listing(session, kind, who=who, now=now)
        ]


async def bar(
    settings: Settings,
    kind: Kind,
    number: str,
    *,
    tenant: str,
    reason: str,
    expires_at: datetime | None,
    by: str,
) -> int:
    """The id of the entry, which is approved by who gives the command."""
    now, who, number = _now(settings), Who(by, supervisor=True), _number(number)
    async with opened(settings.database_url) as store, store.write() as session:
        row = await lists.ask(
            session, kind, number, tenant=tenant, who=who, reason=reason, now=now, expires_at=expires_at
        )
        return row.id


async def approve(settings: Settings, id: int, by: str) -> None:
    async with opened(settings.database_url) as store, store.write() as session:
        await lists.approve(session, id, who=Who(by, supervisor=True), now=_now(settings))


async def free(settings: Settings, id: int, by: str) -> None:
    async with opened(settings.database_url) as store, store.write() as session:
        await lists.end(session, id, who=Who(by, supervisor=True), now=_now(settings))


async def dedicate(
    settings: Settings, number: str, *, tenant: str, agent: str, deputy: str | None, by: str
) -> None:
    now, who, number = _now(settings), Who(by, supervisor=True), _number(number)
    async with opened(settings.database_url) as store, store.write() as session:
        people = {row.name for row in await users.listing(session)}
        people |= {row.name for row in await agents.listing(session)}
        for name in (agent, deputy):
            if name is not None and name not in people:
                raise BadArgument(
                    f'there is no "{name}"; `ivr user list` and `ivr agent list` show who there is'
                )
        await lists.dedicate(session, number, tenant=tenant, agent=agent, deputy=deputy, who=who, now=now)


def _number(text: str) -> str:
    """E.164."""
    found = to_ring_back(text)
    if found is None:
        raise BadArgument(f'"{text}" is no telephone number in Japan; write it like 090-1234-5678')
    return found


def _now(settings: Settings) -> datetime:
    return SystemClock(settings.clock_offset).now()


def _ticket(row: CallbackRow) -> dict[str, Any]:
    return {
        "ticket": row.ticket,
        "line": row.line,
        "state": row.state,
        "priority": row.priority,
        "number": row.number and spelled(row.number),
        "name": row.name,
        "company": row.company,
        "addressee": row.addressee,
        "matter": row.matter,
        "contacts": row.contacts,
        "attempts": row.attempts,
        "agent": row.agent,
        "due_at": iso(row.due_at),
        "begun_at": iso(row.begun_at),
        "resolution_due_at": iso(row.resolution_due_at),
        "next_at": iso(row.next_at),
        "outcome": row.outcome,
    }


def _contact(row: ContactRow) -> dict[str, Any]:
    return {
        "contact": row.id,
        "source": row.source,
        "told_ticket": row.told_ticket,
        "at": iso(row.created_at),
        "due_at": iso(row.due_at),
        "begun_at": iso(row.begun_at),
        "company": row.company,
        "matter": row.matter,
        "message": row.message_id,
        "call": row.call_id,
    }


def _barred(row: BarredNumber) -> dict[str, Any]:
    return {
        "id": row.id,
        "list": row.kind,
        "tenant": row.tenant,
        "number": spelled(row.number),
        "reason": row.reason,
        "asked_by": row.asked_by,
        "approved_by": row.approved_by,
        "expires_at": iso(row.expires_at),
    }
