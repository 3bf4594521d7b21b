"""着信規制 and 発信禁止, and the agents that customers have of their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.who import Who
from ivr.errors import Conflict, NotFound
from ivr.outside import to_ring_back
from ivr.store import barred
from ivr.store.tables import BarredNumber, DedicatedAgent

Kind = Literal["incoming", "outgoing"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WORDS: dict[Kind, str] = {"incoming": "着信規制", "outgoing": "発信禁止"}


def known(number: str) -> str:
    """E.164. Conflict if nobody in Japan can be rung there."""
    found = to_ring_back(number)
    if found is None:
        raise Conflict("国内の固定電話・携帯電話・IP電話の番号を入力してください。", id="number")
    return found


async def ask(
    session: AsyncSession,
    kind: Kind,
    number: str,
    *,
    tenant: str,
    who: Who,
    reason: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> BarredNumber:
    """Onto a list; a supervisor's word is approval. 発信禁止 holds before it is approved, too."""
    if not reason.strip():
        raise Conflict(f"{WORDS[kind]}には、理由が必要です。")
    if who.tenant not in (None, tenant):
        raise Conflict("ほかの契約企業の番号は登録できません。")
    row = {
        "tenant": tenant,
        "kind": kind,
        "number": known(number),
        "reason": reason,
        "asked_by": who.name,
        "asked_at": now,
        "expires_at": expires_at,
    }
    if who.supervisor:
        row |= {"approved_by": who.name, "approved_at": now}
    return await barred.add(session, row)


async def approve(session: AsyncSession, id: int, *, who: Who, now: datetime) -> BarredNumber:
    service.require_supervisor(who, "承認")
    row = await barred.get(session, id, tenant=who.tenant)
    if row.ended_at is not None:
        raise Conflict("すでに解除されています。", id="state")
    row.approved_by, row.approved_at = row.approved_by or who.name, row.approved_at or now
    await session.flush()
    return row


async def end(session: AsyncSession, id: int, *, who: Who, now: datetime) -> BarredNumber:
    """Off the list, or not approved."""
    service.require_supervisor(who, "解除")
    row = await barred.get(session, id, tenant=who.tenant)
    row.ended_by, row.ended_at = row.ended_by or who.name, row.ended_at or now
    await session.flush()
    return row


async def turned_away(session: AsyncSession, now: datetime) -> Sequence[BarredNumber]:
    """The approved entries of 着信規制, of all tenants, by which callers hear the polite announcement."""
    found = await barred.standing(session, "incoming", tenant=None, now=now)
    return [row for row in found if row.approved_at is not None]


async def listing(session: AsyncSession, kind: Kind, *, who: Who, now: datetime) -> Sequence[BarredNumber]:
    """The newest first."""
    return await barred.standing(session, kind, tenant=who.tenant, now=now)


async def dedicate(
    session: AsyncSession,
    number: str,
    *,
    tenant: str,
    agent: str,
    deputy: str | None,
    who: Who,
    now: datetime,
) -> None:
    """From the next callback on."""
    service.require_supervisor(who, "専任担当の設定")
    if who.tenant not in (None, tenant):
        raise Conflict("ほかの契約企業のお客様には設定できません。")
    row = {"tenant": tenant, "number": known(number), "agent": agent, "deputy": deputy}
    await barred.set_dedicated(session, {**row, "since": now, "by": who.name})


async def dedicated(session: AsyncSession, *, who: Who) -> Sequence[DedicatedAgent]:
    """The newest first."""
    return await barred.all_dedicated(session, tenant=who.tenant)


async def free(session: AsyncSession, number: str, *, tenant: str, who: Who) -> None:
    """The customer has no agent of their own any more, from the next callback on. NotFound if there was none."""
    service.require_supervisor(who, "専任担当の解除")
    row = await barred.dedicated(session, tenant, number)
    if row is None or who.tenant not in (None, tenant):
        raise NotFound("there is no agent of that customer's own")
    await session.delete(row)
    await session.flush()
