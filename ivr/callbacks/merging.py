"""Two tickets made one, and one made two again. Every number that a caller heard goes on leading to the right ticket."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service, tickets
from ivr.callbacks.asking import SAID, TICKET_TRIES, door
from ivr.callbacks.priority import became, higher, rank
from ivr.callbacks.who import Who
from ivr.errors import Conflict, StoreError
from ivr.store import callbacks as store
from ivr.store import contacts
from ivr.store.tables import CallbackRow, ContactRow


def promised(of: Sequence[ContactRow]) -> tuple[datetime | None, datetime | None]:
    """(due, begun) of a ticket with these contacts: the earliest that is not begun yet, else of all."""
    waiting = [one.due_at for one in of if one.due_at is not None and one.begun_at is None]
    if waiting:
        return min(waiting), None
    dues = [one.due_at for one in of if one.due_at is not None]
    begun = [one.begun_at for one in of if one.begun_at is not None]
    return min(dues, default=None), max(begun, default=None)


async def merge(session: AsyncSession, ticket: str, *, into: str, who: Who, now: datetime) -> CallbackRow:
    """`ticket` becomes a part of `into`, with its contacts, dials and history; its number leads there from now on.

    Conflict if they are of two lines, one of them is closed or on the line, or another agent has it.
    """
    seen = [await store.get(session, one, tenant=who.tenant) for one in (ticket, into)]
    await store.one_at_a_time(session, *sorted({door(row.tenant, row.line, row.number) for row in seen}))
    found = {asked: await service.own(session, asked, who) for asked in sorted((ticket, into))}
    gone, stays = found[ticket], found[into]
    if gone.ticket == stays.ticket:
        return stays
    if (gone.tenant, gone.line) != (stays.tenant, stays.line):
        raise Conflict("窓口が違う折り返しは、まとめられません。", id="other_line")
    for row in (gone, stays):
        _require_quiet(row, who, now)
    changes = {
        **{name: getattr(gone, name) for name in SAID if getattr(stays, name) is None},
        "priority": higher(stays.priority, gone.priority),
        "contacts": stays.contacts + gone.contacts,
        "attempts": stays.attempts + gone.attempts,
        "unrecorded": stays.unrecorded or gone.unrecorded,
        "complaint": stays.complaint or gone.complaint,
        "careful": stays.careful or gone.careful,
        "reply_wanted": gone.reply_wanted if stays.reply_wanted is False else stays.reply_wanted,
        "next_at": None if stays.state == "open" else stays.next_at,
        "tier": max(stays.tier, gone.tier),
    }
    earliest = [row.due_at for row in (gone, stays) if row.due_at is not None and row.begun_at is None]
    number = gone.ticket
    await store.move(session, number, stays.ticket)
    stays = await store.get(session, stays.ticket, to_change=True)
    due, begun = promised(await contacts.of_ticket(session, stays.ticket))
    if earliest and due is not None and begun is None:
        due = min(due, *earliest)  # one may have been raised
    changes |= {"due_at": due, "begun_at": begun}
    # Also if it was critical before: work on it had begun then, perhaps, and on the other has not.
    await became(session, stays.ticket, None, changes["priority"], now)
    return await service.change(
        session, stays, None, who=who, what="merge", now=now, why=number, changes=changes
    )


async def split(
    session: AsyncSession,
    ticket: str,
    contact_ids: Collection[int],
    *,
    who: Who,
    now: datetime,
    new_ticket: Callable[[int], str] = tickets.new,
) -> str:
    """These contacts become a ticket of their own, under the number that their callers heard if that is not the old one.

    The new number. Conflict if none would stay or go, or the callback is closed, on the line, or another agent's.
    """
    row = await service.own(session, ticket, who)
    _require_quiet(row, who, now)
    of = await contacts.of_ticket(session, row.ticket)
    go = [one for one in of if one.id in contact_ids]
    stay = [one for one in of if one.id not in contact_ids]
    if not go or not stay:
        said = "分けるには、移すお問い合わせと残すお問い合わせが、それぞれ1件以上必要です。"
        raise Conflict(said, id="contacts")
    await service.change(session, row, None, who=who, what="split", now=now, changes=_left(row, of, go, stay))
    made = await _made(session, row, go, stay, who, now, new_ticket)
    await store.move_contacts(session, [one.id for one in go], made)
    return made


def _require_quiet(row: CallbackRow, who: Who, now: datetime) -> None:
    service.unchanged(row)
    service.require_quiet(row)
    if not who.supervisor:
        service.require_free(row, who, now)


def _left(
    row: CallbackRow, of: Sequence[ContactRow], go: Sequence[ContactRow], stay: Sequence[ContactRow]
) -> dict[str, Any]:
    """What changes of a ticket when some contacts go. What a person wrote or raised stays."""
    changes: dict[str, Any] = {"contacts": len(stay)}
    for name in SAID:
        given = {getattr(one, name) for one in go} - {None}
        if getattr(row, name) in given:
            changes[name] = _first(stay, name)
    before, _ = promised(of)
    due, begun = promised(stay)
    if row.due_at == before:
        changes["due_at"] = due
    changes["begun_at"] = begun
    if rank(row.priority) == max(rank(one.priority) for one in of):
        changes["priority"] = _urgent(stay)
    return changes


async def _made(
    session: AsyncSession,
    row: CallbackRow,
    go: Sequence[ContactRow],
    stay: Sequence[ContactRow],
    who: Who,
    now: datetime,
    new_ticket: Callable[[int], str],
) -> str:
    due, begun = promised(go)
    first = go[0]
    values = {
        **{name: _first(go, name) for name in (*SAID, "preferred_time", "number", "withheld")},
        **{name: getattr(first, name) for name in ("tenant", "line", "cause", "created_at")},
        "path": list(first.path),
        "reply_wanted": False if all(one.reply_wanted is False for one in go) else None,
        "state": "open",
        "priority": _urgent(go),
        "contacts": len(go),
        "due_at": due,
        "begun_at": begun,
        "dedicated": row.dedicated,
    }
    heard = {one.told_ticket for one in go} - {one.told_ticket for one in stay} - {row.ticket}
    for tries in range(TICKET_TRIES):
        if heard and await store.take_back(session, min(heard), row.ticket):
            ticket = min(heard)
        else:
            ticket = new_ticket(tries)
        if await store.insert(session, {"ticket": ticket, **values}, who=who.name, at=now):
            await store.lead(session, heard - {ticket}, ticket)
            await became(session, ticket, None, values["priority"], now)
            return ticket
    raise StoreError("No free ticket number was found for a callback; try again.")


def _first(of: Sequence[ContactRow], name: str) -> Any:
    return next((value for one in of if (value := getattr(one, name)) is not None), None)


def _urgent(of: Sequence[ContactRow]) -> str:
    return max((one.priority for one in of), key=rank)
