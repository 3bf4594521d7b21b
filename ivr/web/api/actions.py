"""What is done to one callback. The rules stand in `ivr.callbacks`; here they only get addresses."""

import hashlib

from aiohttp import web

from ivr.callbacks import dialing, edits, escalation, service, undo
from ivr.callbacks.guard import Refusal
from ivr.store import dials, orders
from ivr.wake import wake
from ivr.web.api import bodies
from ivr.web.api.acting import acting, policies_of, require_free
from ivr.web.api.fields import Told
from ivr.web.api.shapes import Ticket
from ivr.web.callbacks.actions import require_colleague, require_telephone
from ivr.web.keys import SETTINGS, VIEWER
from ivr.web.refusals import NotDialled


class Dialling(Told):
    ticket: str
    fresh: bool
    """False: this key was used before, and nothing more rings."""


# -- who has it ---------------------------------------------------------------------------------


async def claim(request: web.Request, seen: int | None) -> Ticket:
    """Makes a callback one's own for 15 minutes, which go on with whatever one does on it.

    Of two who claim at once one gets 409 `held`. A claim is no work: no promise is kept by it.
    """
    await require_free(request)
    async with acting(request, "claim", seen) as act:
        until = act.now + service.LEASE
        return Ticket.of(await service.claim(act.db, act.ticket, act.who, until=until, now=act.now))


async def renew(request: web.Request) -> Ticket:
    """One is still working on it: the 15 minutes begin anew. The version stays."""
    async with acting(request, "renew") as act:
        until = act.now + service.LEASE
        return Ticket.of(await service.renew(act.db, act.ticket, act.who, until=until, now=act.now))


async def release(request: web.Request, body: bodies.Why, seen: int | None) -> Ticket:
    """Gives a callback back: it is open again. A supervisor's token frees anybody's."""
    async with acting(request, "give-back", seen) as act:
        return Ticket.of(await service.give_back(act.db, act.ticket, who=act.who, now=act.now, why=body.why))


async def offer(request: web.Request, body: bodies.Handover, seen: int | None) -> Ticket:
    """引き継ぎ: offers a callback to somebody, who accepts or declines; until then it stays whose it is."""
    async with acting(request, "offer", seen) as act:
        await require_colleague(act.db, act.row.tenant, act.who, body.to)
        return Ticket.of(
            await service.offer(act.db, act.ticket, to=body.to, who=act.who, memo=body.memo, now=act.now)
        )


async def accept(request: web.Request, seen: int | None) -> Ticket:
    """Takes a callback that was offered to one."""
    async with acting(request, "take-over", seen) as act:
        until = act.now + service.LEASE
        return Ticket.of(await service.accept(act.db, act.ticket, act.who, until=until, now=act.now))


async def decline(request: web.Request, body: bodies.Why, seen: int | None) -> Ticket:
    """An offer comes to nothing: by who was to accept it, or by who made it."""
    async with acting(request, "decline", seen) as act:
        return Ticket.of(await service.decline(act.db, act.ticket, who=act.who, now=act.now, why=body.why))


async def assign(request: web.Request, body: bodies.Assignment, seen: int | None) -> Ticket:
    """Gives a callback to somebody, whoever has it, unless somebody is on the line."""
    async with acting(request, "assign", seen) as act:
        await require_colleague(act.db, act.row.tenant, act.who, body.to)
        until = act.now + service.LEASE
        return Ticket.of(
            await service.assign(act.db, act.ticket, to=body.to, who=act.who, until=until, now=act.now)
        )


async def help_out(request: web.Request, seen: int | None) -> Ticket:
    """二次対応: one helps with a callback; its agent stays responsible."""
    async with acting(request, "help", seen) as act:
        return Ticket.of(await escalation.help_out(act.db, act.ticket, who=act.who, now=act.now))


async def helped(request: web.Request, seen: int | None) -> Ticket:
    """二次対応 is over; nobody helps with the callback any more."""
    async with acting(request, "help-end", seen) as act:
        return Ticket.of(await escalation.helped(act.db, act.ticket, who=act.who, now=act.now))


# -- work -----------------------------------------------------------------------------------------


async def begin(request: web.Request, seen: int | None) -> Ticket:
    """Work begins without a dial: the promise is kept by it."""
    async with acting(request, "begin", seen) as act:
        return Ticket.of(await service.begin_work(act.db, act.ticket, who=act.who, now=act.now))


async def dial(request: web.Request, body: bodies.DialOrder, seen: int | None, key: str) -> Dialling:
    """Rings the agent's telephone, then the customer. The agent is who the token is named after.

    A callback that nobody has is claimed by it. Before anything rings the guard is asked: 409 `not_dialled` with `refused`. Asking again with the same
    Idempotency-Key rings nobody twice.
    """
    policies = await policies_of(request)
    async with acting(request, "dial", seen) as act:
        named = _own(request[VIEWER].name, act.ticket, key)
        if (before := await dials.by_key(act.db, named)) is not None:
            return Dialling(ticket=before.ticket, fresh=False)
        await require_telephone(act.db, act.who, act.row.tenant, body.to)
        if act.row.state == "open":
            until = act.now + service.LEASE
            await service.claim(act.db, act.ticket, act.who, until=until, now=act.now)
        begun = await dialing.begin(
            act.db,
            act.ticket,
            who=act.who,
            key=named,
            policy=policies(act.row.line),
            now=act.now,
            insist=body.insist,
        )
        if isinstance(begun, Refusal):
            raise NotDialled(begun.reason, begun.code, begun.may_insist)
        await orders.put(act.db, "engine", "dial", {"key": begun.key, "to": body.to}, act.now)
    wake(request.app[SETTINGS].run, "engine")
    return Dialling(ticket=begun.ticket, fresh=begun.fresh)


def _own(*parts: str) -> str:
    """A key of one client means nothing to another, nor for another ticket."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


async def record(request: web.Request, body: bodies.Outcome, seen: int | None) -> Ticket:
    """結果: how ringing back went. Only `reached` may be followed by `done`; else the next attempt is planned."""
    policies = await policies_of(request)
    async with acting(request, "result", seen) as act:
        return Ticket.of(
            await dialing.record(
                act.db,
                act.ticket,
                body.result,
                who=act.who,
                policy=policies(act.row.line),
                now=act.now,
                then=body.then,
                next_at=body.next_at,
                note=body.note,
            )
        )


async def plan(request: web.Request, body: bodies.Next, seen: int | None) -> Ticket:
    """次回: moves the time of the next attempt or contact."""
    async with acting(request, "next", seen) as act:
        return Ticket.of(await dialing.set_next(act.db, act.ticket, body.next_at, who=act.who, now=act.now))


async def wait(request: web.Request, body: bodies.Waiting, seen: int | None) -> Ticket:
    """確認中 becomes お客様待ち, or the other way round."""
    async with acting(request, "next", seen) as act:
        return Ticket.of(
            await service.wait(act.db, act.ticket, body.state, who=act.who, now=act.now, next_at=body.next_at)
        )


async def tell_news(request: web.Request, seen: int | None) -> Ticket:
    """経過連絡: the customer was told how things stand."""
    policies = await policies_of(request)
    async with acting(request, "news", seen) as act:
        policy = policies(act.row.line)
        return Ticket.of(
            await escalation.news_told(act.db, act.ticket, who=act.who, policy=policy, now=act.now)
        )


async def close(request: web.Request, body: bodies.Note, seen: int | None) -> Ticket:
    """対応済み without a call; `note` says how it was solved, if a call was wanted. A complaint is closed by a supervisor alone."""
    async with acting(request, "done", seen) as act:
        return Ticket.of(await service.close(act.db, act.ticket, who=act.who, now=act.now, note=body.note))


async def read(request: web.Request, seen: int | None) -> Ticket:
    """折り返し不要 is done once somebody has read it; nothing happens to any other callback."""
    async with acting(request, "read", seen) as act:
        return Ticket.of(await edits.read(act.db, act.ticket, who=act.who, now=act.now))


async def reopen(request: web.Request, body: bodies.Why, seen: int | None) -> Ticket:
    """What was done is to be done after all."""
    async with acting(request, "reopen", seen) as act:
        return Ticket.of(await service.reopen(act.db, act.ticket, who=act.who, now=act.now, why=body.why))


async def cancel(request: web.Request, body: bodies.Reason, seen: int | None) -> Ticket:
    """取消: the customer wants no callback any more, or it was none."""
    async with acting(request, "cancel", seen) as act:
        return Ticket.of(await service.cancel(act.db, act.ticket, who=act.who, why=body.why, now=act.now))


async def give_up(request: web.Request, body: bodies.Reason, seen: int | None) -> Ticket:
    """連絡不能: ends a callback whose customer was not reached. By a supervisor alone."""
    async with acting(request, "give-up", seen) as act:
        return Ticket.of(await service.give_up(act.db, act.ticket, who=act.who, why=body.why, now=act.now))


async def take_back(request: web.Request) -> Ticket:
    """元に戻す: takes back what one did last to this callback, within 90 seconds and before anybody else did something."""
    async with acting(request, "undo") as act:
        return Ticket.of(await undo.undo(act.db, act.ticket, who=act.who, now=act.now))
