"""What is put right, noted or joined of one callback. No promise moves later by it."""

from aiohttp import web

from ivr.callbacks import edits, merging, service
from ivr.callbacks.priority import rank
from ivr.store import callbacks
from ivr.web.api import bodies
from ivr.web.api.acting import acting, policies_of
from ivr.web.api.shapes import Ticket


async def set_priority(request: web.Request, body: bodies.NewPriority, seen: int | None) -> Ticket:
    """Raised, the promise counts from now and never moves later; lowered, it stays."""
    policies = await policies_of(request)
    async with acting(request, "priority", seen) as act:
        if rank(body.priority) > rank(act.row.priority):
            due = policies(act.row.line).due(body.priority, act.now)
            row = await service.raise_priority(
                act.db, act.ticket, body.priority, who=act.who, why=body.why, now=act.now, due=due
            )
        else:
            row = await service.lower_priority(
                act.db, act.ticket, body.priority, who=act.who, why=body.why, now=act.now
            )
        return Ticket.of(row)


async def set_flags(request: web.Request, body: bodies.Flags, seen: int | None) -> Ticket:
    """要注意 and クレーム."""
    async with acting(request, "flag", seen) as act:
        flags = {"careful": body.careful, "complaint": body.complaint}
        return Ticket.of(await edits.flag(act.db, act.ticket, who=act.who, now=act.now, **flags))


async def add_memo(request: web.Request, body: bodies.Memo) -> Ticket:
    """Into the history, whatever the state. The version stays, for notes never conflict."""
    async with acting(request, "memo") as act:
        await edits.memo(act.db, act.ticket, body.text, who=act.who, now=act.now)
        return Ticket.of(act.row)


async def set_fields(request: web.Request, body: bodies.Fields, seen: int | None) -> Ticket:
    """What is known of the customer and the matter."""
    async with acting(request, "edit", seen) as act:
        given = body.model_dump(exclude_unset=True)
        said = {name: given[name] for name in edits.FIELDS if name in given}
        return Ticket.of(await edits.edit(act.db, act.ticket, said, who=act.who, now=act.now))


async def set_number(request: web.Request, body: bodies.Number, seen: int | None) -> Ticket:
    """Where to ring back, as the customer said it."""
    async with acting(request, "edit", seen) as act:
        return Ticket.of(
            await edits.edit(act.db, act.ticket, {"number": body.number}, who=act.who, now=act.now)
        )


async def want_reply(request: web.Request, seen: int | None) -> Ticket:
    """折り返し不要 becomes 要, with a promise from now on."""
    policies = await policies_of(request)
    async with acting(request, "want", seen) as act:
        due = policies(act.row.line).due(act.row.priority, act.now)
        return Ticket.of(await edits.want_reply(act.db, act.ticket, due=due, who=act.who, now=act.now))


async def merge(request: web.Request, body: bodies.Into) -> Ticket:
    """Two callbacks of one line become the second one; both numbers lead to it."""
    async with acting(request, "merge", locked=False) as act:
        return Ticket.of(await merging.merge(act.db, act.ticket, into=body.into, who=act.who, now=act.now))


async def split(request: web.Request, body: bodies.Parting, seen: int | None) -> Ticket:
    """Some contacts become a callback of their own, which is answered."""
    async with acting(request, "split", seen) as act:
        made = await merging.split(act.db, act.ticket, body.contacts, who=act.who, now=act.now)
        return Ticket.of(await callbacks.get(act.db, made))
