"""Callers who gave up waiting: rung back where the line says so, and no longer once they got through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import asking, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.policy import Policy
from ivr.callbacks.states import CLOSED
from ivr.callbacks.who import SYSTEM
from ivr.store import callbacks as store
from ivr.store import contacts

PRIORITY = "medium"


@dataclass(frozen=True, slots=True)
class _Promise:
    priority: str
    due: str


async def gave_up(
    session: AsyncSession, about: MessageFacts, waited: timedelta, *, policy: Policy, now: datetime
) -> str | None:
    """The ticket; None where the line makes none, for who waited too short a time, and without a number.

    `about.call_id` keeps it to one contact a call.
    """
    rules = policy.rules.abandoned
    if rules is None or waited < rules.after or about.number is None or about.withheld is not None:
        return None
    business = policy.business
    is_open = business is None or business.state(about.received_at).open
    promise = _Promise(PRIORITY, policy.rules.response(PRIORITY, is_open=is_open))
    request = f"{about.call_id}/abandoned"
    return await asking.create_for_request(
        session, request, about, promise, business, now, source="abandoned"
    )


async def got_through(
    session: AsyncSession, *, tenant: str, line: str, number: str | None, now: datetime
) -> Sequence[str]:
    """Somebody has talked to the caller: what only waited because of abandoned calls is done, but no complaint. Its tickets."""
    if number is None:
        return []
    await store.one_at_a_time(session, asking.door(tenant, line, number))
    found = await contacts.open_callbacks(
        session, tenant=tenant, line=line, number=number, closed=sorted(CLOSED), to_change=True
    )
    closed = []
    for row in found:
        sources = {one.source for one in await contacts.of_ticket(session, row.ticket)}
        only_waited = "abandoned" in sources and sources <= {"abandoned", "call"}
        if row.state == "open" and only_waited and not row.complaint:
            note = "その後、お電話がつながりました。"
            await service.close(session, row.ticket, who=SYSTEM, now=now, result="reached", note=note)
            closed.append(row.ticket)
    return closed
