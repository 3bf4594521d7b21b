"""What an agent does to a ticket. Each runs inside `doing.do`; what stands against it is a Conflict in words for the pane."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import dialing, edits, escalation, merging, service, undo
from ivr.callbacks.edits import Field
from ivr.callbacks.guard import Code, Refusal
from ivr.callbacks.priority import ORDER, rank
from ivr.callbacks.results import RESULTS
from ivr.callbacks.states import State
from ivr.callbacks.who import Who
from ivr.errors import Conflict, NotFound
from ivr.store import agents, barred, dials, orders, users
from ivr.store import callbacks as store
from ivr.store.tables import AgentRow
from ivr.web.callbacks.doing import Act, Doing, Refused, one_of

CODES: tuple[Code, ...] = get_args(Code)
THEN: tuple[State, ...] = ("done", "working", "waiting", "open")
TYPED: tuple[Field, ...] = (*("name", "company", "addressee", "member", "matter", "preferred_time", "email"),)
LOOKED_AT = 50  # callbacks among which the next one is looked for


# -- who has it -----------------------------------------------------------------------------


async def claim(doing: Doing) -> None:
    until = doing.now + service.LEASE
    await service.claim(doing.db, doing.ticket, doing.who, until=until, now=doing.now)


async def give_back(doing: Doing) -> None:
    why = doing.form.text("why") or None
    await service.give_back(doing.db, doing.ticket, who=doing.who, now=doing.now, why=why)


async def offer(doing: Doing) -> None:
    to = await _colleague(doing)
    memo = doing.form.text("memo")
    await service.offer(doing.db, doing.ticket, to=to, who=doing.who, memo=memo, now=doing.now)


async def take_over(doing: Doing) -> None:
    until = doing.now + service.LEASE
    await service.accept(doing.db, doing.ticket, doing.who, until=until, now=doing.now)


async def decline(doing: Doing) -> None:
    why = doing.form.text("why") or None
    await service.decline(doing.db, doing.ticket, who=doing.who, now=doing.now, why=why)


async def assign(doing: Doing) -> None:
    to, until = await _colleague(doing), doing.now + service.LEASE
    await service.assign(doing.db, doing.ticket, to=to, who=doing.who, until=until, now=doing.now)


async def colleagues(db: AsyncSession, tenant: str, who: Who) -> list[str]:
    """Who else may be given a ticket of this tenant by `who`: its people, and of who sees every tenant, the likes.

    Who was invited and has no password yet would never see it.
    """
    found = [row for row in await users.listing(db) if row.tenant in (tenant, who.tenant)]
    return [row.name for row in found if row.disabled_at is None and row.password and row.name != who.name]


async def _colleague(doing: Doing) -> str:
    return await require_colleague(doing.db, doing.row.tenant, doing.who, doing.form.text("to"))


async def require_colleague(db: AsyncSession, tenant: str, who: Who, to: str) -> str:
    """Conflict if `to` may be given no ticket."""
    return one_of(to, await colleagues(db, tenant, who), "引き継ぐ相手を選んでください。")


# -- ringing back -----------------------------------------------------------------------------


async def dial(doing: Doing) -> None:
    """A ticket that nobody has is claimed by it. Asked for twice with one key, it rings once."""
    form, who, now = doing.form, doing.who, doing.now
    key = f"page {one_of(form.text('key'), _keys(form.text('key')), '画面を開き直してから、発信してください。')}"
    if await dials.by_key(doing.db, key) is not None:
        return
    await doing.require_seen()
    to = await _telephone(doing)
    if doing.row.state == "open":
        await claim(doing)
    insist = [code for code in CODES if code in form.every("insist")]
    begun = await dialing.begin(
        doing.db,
        doing.ticket,
        who=who,
        key=key,
        policy=doing.policy,
        now=now,
        insist=insist,
        by_hand=to == "hand",
    )
    if isinstance(begun, Refusal):
        raise Refused(begun.reason, begun.code if begun.may_insist else None)
    if to != "hand":
        await orders.put(doing.db, "engine", "dial", {"key": key, "to": to}, now)
        doing.wakes.append("engine")


def _keys(text: str) -> Sequence[str]:
    return [text] if re.fullmatch(r"[0-9a-f]{32}", text) else []


async def _telephone(doing: Doing) -> str:
    to = one_of(doing.form.text("to"), ("telephone", "mobile", "hand"), "発信する電話機を選んでください。")
    if to != "hand":
        await require_telephone(doing.db, doing.who, doing.row.tenant, to)
    elif not doing.rules.tel_links:
        raise Conflict("この窓口では、携帯電話から直接かけることはできません。", id="telephone")
    return to


async def require_telephone(db: AsyncSession, who: Who, tenant: str, to: str) -> None:
    """`to`: "telephone" or "mobile". Conflict if the agent has none."""
    agent = await own_telephone(db, who, tenant)
    if agent is None:
        raise Conflict("あなたの電話機が登録されていません。管理者にご連絡ください。", id="telephone")
    if to == "mobile" and agent.mobile is None:
        raise Conflict("あなたの携帯電話が登録されていません。管理者にご連絡ください。", id="telephone")


async def own_telephone(db: AsyncSession, who: Who, tenant: str) -> AgentRow | None:
    """The agent who logs in by this name, for calls of this tenant."""
    found = await db.get(AgentRow, who.name)
    if found is None or not agents.is_theirs(found, who.tenant) or found.tenant not in (None, tenant):
        return None
    return found


async def result(doing: Doing) -> str | None:
    found = doing.form.text("result")
    named = next((one for one in RESULTS if one == found), None)
    if named is None:
        raise Conflict("結果を選んでください。", id="result")
    then = next((one for one in THEN if one == doing.form.text("then")), None)
    await dialing.record(
        doing.db,
        doing.ticket,
        named,
        who=doing.who,
        policy=doing.policy,
        now=doing.now,
        then=then if named == "reached" else None,
        next_at=doing.moment("next_at"),
        note=doing.form.text("note") or None,
    )
    return await _on(doing)


async def set_next(doing: Doing) -> None:
    """The next attempt or contact; 確認中 and お客様待ち may become each other by it."""
    db, ticket, who, now, at = doing.db, doing.ticket, doing.who, doing.now, doing.moment("next_at")
    match doing.form.text("state"):
        case "working":
            await service.wait(db, ticket, "working", who=who, now=now, next_at=at)
        case "waiting":
            await service.wait(db, ticket, "waiting", who=who, now=now, next_at=at)
        case _:
            await dialing.set_next(db, ticket, at, who=who, now=now)


async def _on(doing: Doing) -> str | None:
    found = await following(doing.db, doing.who, doing.now, but=doing.ticket)
    return f"/callbacks/{found}" if found else None


async def following(db: AsyncSession, who: Who, now: datetime, *, but: str) -> str | None:
    """The next ticket to do: of which a result is owed, what is the agent's own already, then by the order of work; others'
    customers last.
    """
    for ticket in (await store.owed(db, tenant=who.tenant)).get(who.name, ()):
        if ticket != but:
            return ticket
    own = await store.claimed_by(db, who.name, tenant=who.tenant)
    waiting = await store.to_do(db, tenant=who.tenant, now=now, limit=LOOKED_AT)
    deputy = await barred.stands_in(db, who.name)
    waiting = sorted(
        waiting,
        key=lambda row: row.dedicated not in (None, who.name) and (row.tenant, row.number) not in deputy,
    )
    # Whom nobody can ring before somebody has found the right number is not led back to after each result.
    ready = (row for row in (*own, *waiting) if row.wrong_number is None or row.wrong_number != row.number)
    return next((row.ticket for row in ready if row.ticket != but), None)


# -- work ---------------------------------------------------------------------------------------


async def begin(doing: Doing) -> None:
    await service.begin_work(doing.db, doing.ticket, who=doing.who, now=doing.now)


async def help_out(doing: Doing) -> None:
    await escalation.help_out(doing.db, doing.ticket, who=doing.who, now=doing.now)


async def helped(doing: Doing) -> None:
    await escalation.helped(doing.db, doing.ticket, who=doing.who, now=doing.now)


async def news(doing: Doing) -> None:
    await escalation.news_told(doing.db, doing.ticket, policy=doing.policy, who=doing.who, now=doing.now)


async def finish(doing: Doing) -> str | None:
    note = doing.form.text("note") or None
    await service.close(doing.db, doing.ticket, who=doing.who, now=doing.now, note=note)
    return await _on(doing)


async def reopen(doing: Doing) -> None:
    why = doing.form.text("why") or None
    await service.reopen(doing.db, doing.ticket, who=doing.who, now=doing.now, why=why)


async def cancel(doing: Doing) -> str | None:
    why = doing.form.text("why")
    await service.cancel(doing.db, doing.ticket, who=doing.who, why=why, now=doing.now)
    return await _on(doing)


async def give_up(doing: Doing) -> str | None:
    why = doing.form.text("why")
    await service.give_up(doing.db, doing.ticket, who=doing.who, why=why, now=doing.now)
    return await _on(doing)


async def read(doing: Doing) -> str | None:
    await edits.read(doing.db, doing.ticket, who=doing.who, now=doing.now)
    return await _on(doing)


async def want_reply(doing: Doing) -> None:
    due = doing.policy.due(doing.row.priority, doing.now)
    await edits.want_reply(doing.db, doing.ticket, due=due, who=doing.who, now=doing.now)


# -- what is known --------------------------------------------------------------------------------


async def edit(doing: Doing) -> None:
    said: dict[Field, str | bool | None] = {name: doing.form.text(name) for name in TYPED}
    number = doing.form.text("number")
    if number or doing.row.number is not None:
        said["number"] = number
    await edits.edit(doing.db, doing.ticket, said, who=doing.who, now=doing.now)


async def memo(doing: Doing) -> None:
    await edits.memo(doing.db, doing.ticket, doing.form.text("memo"), who=doing.who, now=doing.now)


async def flag(doing: Doing) -> None:
    careful, complaint = ("on" in doing.form.every(name) for name in ("careful", "complaint"))
    await edits.flag(
        doing.db, doing.ticket, who=doing.who, now=doing.now, careful=careful, complaint=complaint
    )


async def priority(doing: Doing) -> None:
    db, ticket, who, now = doing.db, doing.ticket, doing.who, doing.now
    level = one_of(doing.form.text("priority"), ORDER, "優先度を選んでください。")
    why = doing.form.text("why")
    if rank(level) > rank(doing.row.priority):
        due = doing.policy.due(level, now)
        await service.raise_priority(db, ticket, level, who=who, why=why, now=now, due=due)
    else:
        await service.lower_priority(db, ticket, level, who=who, why=why, now=now)


async def merge(doing: Doing) -> str | None:
    into = doing.form.text("into")
    try:
        stays = await merging.merge(doing.db, doing.ticket, into=into, who=doing.who, now=doing.now)
    except NotFound:
        raise Conflict("その受付番号の折り返しはありません。", id="merge") from None
    return f"/callbacks/{stays.ticket}"


async def split(doing: Doing) -> str | None:
    chosen = [int(one) for one in doing.form.every("contact") if re.fullmatch(r"[0-9]{1,9}", one)]
    made = await merging.split(doing.db, doing.ticket, chosen, who=doing.who, now=doing.now)
    return f"/callbacks/{made}"


async def take_back(doing: Doing) -> None:
    """元に戻す"""
    await undo.undo(doing.db, doing.ticket, who=doing.who, now=doing.now)


# Last part of the address -> what is done. Of those after the line the form carries no version: a claim is decided by who is
# first, a memo never conflicts, `dial` and `undo` look themselves.
SEEN: dict[str, Act] = {
    "give-back": give_back,
    "offer": offer,
    "take-over": take_over,
    "decline": decline,
    "assign": assign,
    "result": result,
    "next": set_next,
    "begin": begin,
    "help": help_out,
    "help-end": helped,
    "news": news,
    "done": finish,
    "reopen": reopen,
    "cancel": cancel,
    "give-up": give_up,
    "read": read,
    "want": want_reply,
    "edit": edit,
    "flag": flag,
    "priority": priority,
    "merge": merge,
    "split": split,
}
UNSEEN: dict[str, Act] = {"claim": claim, "dial": dial, "memo": memo, "undo": take_back}
