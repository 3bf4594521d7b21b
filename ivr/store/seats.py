"""An agent who rings a customer: nobody else's meanwhile, as while a caller is offered. `offer_call` names the dial."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.errors import Conflict, NotFound
from ivr.store.agents import is_free, state_at
from ivr.store.tables import AgentRow

AWAY = "離席"  # the reason of a pause that was given none


async def hold(session: AsyncSession, name: str, call_id: str, *, until: datetime, now: datetime) -> AgentRow:
    """Reserves the agent, in whatever pause, until `until`. NotFound; Conflict who talks or is offered a caller."""
    query = select(AgentRow).where(AgentRow.name == name).with_for_update()
    row = await session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound("オペレーターの電話機が登録されていません。管理者にご連絡ください。")
    offered = row.offer_call not in (None, call_id) and row.offer_until is not None and row.offer_until > now
    if row.state == "talking" or offered:
        raise Conflict("ほかの通話中か、着信中のため、発信できませんでした。", id="agent_busy")
    row.offer_call, row.offer_until = call_id, until
    await session.flush()
    return row


async def free_one(
    session: AsyncSession, groups: Collection[str], *, tenant: str, but: Collection[str], now: datetime
) -> str | None:
    """Who of these groups is 受付可 and for the longest time so, with a telephone that is registered."""
    query = select(AgentRow).where(is_free(now), AgentRow.name.not_in(but)).order_by(AgentRow.since)
    rows = [
        row
        for row in await session.scalars(query.order_by(AgentRow.name))
        if state_at(row, now) == "available"
    ]
    mine = (row for row in rows if row.tenant in (None, tenant) and not set(row.groups).isdisjoint(groups))
    return next((row.name for row in mine), None)


async def talks(session: AsyncSession, name: str, call_id: str, now: datetime) -> bool:
    """The agent has answered: 通話中. False if the reservation is not there any more.

    Who was away by hand is so again afterwards: the reason is kept meanwhile.
    """
    query = select(AgentRow).where(AgentRow.name == name, AgentRow.offer_call == call_id).with_for_update()
    row = await session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        return False
    by_hand = row.state == "away" and row.wrap_up_until is None
    row.reason = (row.reason or AWAY) if by_hand else None
    row.state, row.since, row.unanswered = "talking", now, 0
    row.offer_until = row.wrap_up_until = None
    await session.flush()
    return True
