"""From what was typed to the callback: one for each request, however often it is sent."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.call import CallbackPromise
from ivr.callbacks.asking import MessageFacts, create_for_request
from ivr.callbacks.policy import Policy
from ivr.dialplan.callbacks import CallbackModel
from ivr.dialplan.form import FormRules
from ivr.hours.calendar import Calendar
from ivr.lines import LiveLine, groups_of
from ivr.store import agents, audit, barred, contacts, health, orders
from ivr.store import callbacks as store
from ivr.store.database import Store
from ivr.store.tables import ContactRow
from ivr.wake import wake
from ivr.web.health import engine
from ivr.web.request.entry import Entry

BARRED = (
    "恐れ入りますが、この電話番号へは、お電話でのご案内を承ることができません。"
    "ほかの方法で、お問い合わせくださいますようお願いいたします。"
)


class NotRung(Exception):
    """The number stands on 発信禁止 or 着信規制; nothing was made."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`new`: not sent before. `at_once`: the engine was asked to ring now."""

    contact: ContactRow
    new: bool
    at_once: bool = False


def calendar_of(live: LiveLine, hours: str | None = None) -> Calendar | None:
    """By which the line counts what it promises in the form; None without hours."""
    name = hours or live.dialplan.line.callbacks.hours or next(iter(live.calendars), None)
    return live.calendars.get(name or "")


def policy_of(live: LiveLine) -> Policy:
    return Policy(live.dialplan.line.callbacks, lambda hours: calendar_of(live, hours))


async def can_ring_now(session: AsyncSession, live: LiveLine, now: datetime) -> bool:
    """今すぐ: it is offered, the line is open, customers may be rung now, an engine rings, and an agent is 受付可."""
    rules, calendar = live.dialplan.line.form, calendar_of(live)
    if rules is None or rules.now is None:
        return False
    if calendar is not None and not calendar.state(now).open:
        return False
    if not policy_of(live).window(rules.now.priority).allows(now):
        return False
    if engine(await health.get(session, "engine"), now) != "alive":
        return False
    groups, tenant = sorted(groups_of(live.dialplan)), live.dialplan.line.tenant
    staffed = [await agents.staffing(session, group, now, tenant=tenant) for group in groups]
    return any(each.available for each in staffed)


async def take(
    db: Store, run: Path, live: LiveLine, entry: Entry, request: str, now: datetime, *, by: str | None = None
) -> Taken:
    """`request`: by which it is found again; `run`: where processes are woken; `by`: the program that asks.

    NotRung; StoreError if nothing is sure.
    """
    line = live.dialplan.line
    rules = line.form or FormRules()
    async with db.write() as session:
        # Before the look: of two that come together one makes it and the other finds it.
        await store.one_at_a_time(session, f"request {request}")
        found = await contacts.by_request(session, request)
        if found is not None:
            return Taken(found, new=False)
        if (
            entry.call
            and entry.number is not None
            and await _is_barred(session, line.tenant, entry.number, now)
        ):
            raise NotRung
        at_once = entry.now and await can_ring_now(session, live, now)
        promised = rules.now if at_once and rules.now is not None else rules.callback
        promise = promise_of(live, promised, now)
        if not entry.call:
            promise = replace(promise, due=rules.by_mail if rules.by_mail and entry.email else "")
        facts = _facts(live, entry, request, now)
        calendar = calendar_of(live, promise.hours)
        ticket = await create_for_request(session, request, facts, promise, calendar, now, source="form")
        if at_once:
            await orders.put(session, "engine", "now", {"ticket": ticket}, now)
        contact = await contacts.by_request(session, request)
        assert contact is not None
        if by is not None:
            await audit.note(
                session,
                who=by,
                tenant=line.tenant,
                what="change",
                kind="callback",
                about=ticket,
                at=now,
                detail="create",
            )
    for process in ("jobs", *(["engine"] if at_once else [])):
        wake(run, process)
    return Taken(contact, new=True, at_once=at_once)


def promise_of(live: LiveLine, callback: CallbackModel, now: datetime) -> CallbackPromise:
    rules = live.dialplan.line.callbacks
    calendar = calendar_of(live, callback.hours)
    is_open = calendar is None or calendar.state(now).open
    due = callback.due or rules.response(callback.priority, is_open=is_open)
    return CallbackPromise(callback.priority, due, callback.hours)


def _facts(live: LiveLine, entry: Entry, request: str, now: datetime) -> MessageFacts:
    return MessageFacts(
        id=request,
        line=live.dialplan.key,
        tenant=live.dialplan.line.tenant,
        cause="asked",
        number=entry.number,
        received_at=now,
        name=entry.name,
        company=entry.company,
        member=entry.member,
        matter=entry.matter,
        email=entry.email,
        preferred_time=entry.time,
        reply_wanted=entry.call,
    )


async def _is_barred(session: AsyncSession, tenant: str, number: str, now: datetime) -> bool:
    """発信禁止 holds before it is approved, 着信規制 only then."""
    if await barred.standing(session, "outgoing", tenant=tenant, now=now, number=number):
        return True
    callers = await barred.standing(session, "incoming", tenant=tenant, now=now, number=number)
    return any(one.approved_at is not None for one in callers)
