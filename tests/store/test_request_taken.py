"""A request of the form that is sent many times, to several processes at once: one callback, one order to ring."""

import asyncio
from pathlib import Path

from sqlalchemy import func, select

from ivr.lines import LiveLine
from ivr.store import agents, health
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, ContactRow, Order
from ivr.web.request.entry import Entry
from ivr.web.request.take import take
from tests.dialplans import changed
from tests.store.rows import NOON

LINE = LiveLine.read(
    "shop", changed("  capacity: 2\n", "  capacity: 2\n  form: {now: {priority: high, due: 15m}}\n")
)
ENTRY = Entry("田中", call=True, now=True, number="+819012345678", matter="解約について")


async def count(store: Store) -> list[int | None]:
    async with store.read() as session:
        return [
            await session.scalar(select(func.count()).select_from(table))
            for table in (CallbackRow, ContactRow, Order)
        ]


async def test_one_request_makes_one_callback_and_one_order(
    store: Store, other_process: Store, tmp_path: Path
) -> None:
    async with store.write() as session:
        await agents.add(session, "suzuki", groups=["shop"], endpoint="PJSIP/suzuki", secret="x", at=NOON)
        await health.beat(session, "engine", NOON, ok=True, detail={})
    stores = [store, other_process] * 4
    taken = await asyncio.gather(*(take(one, tmp_path, LINE, ENTRY, "form/shop/k.d", NOON) for one in stores))
    assert sorted((one.new, one.at_once) for one in taken) == [(False, False)] * 7 + [(True, True)]
    assert len({one.contact.told_ticket for one in taken}) == 1
    assert await count(store) == [1, 1, 1]


async def test_different_requests_of_one_customer_share_a_ticket(
    store: Store, other_process: Store, tmp_path: Path
) -> None:
    stores = [store, other_process] * 3
    requests = [f"form/shop/{number}.d" for number in range(6)]
    given = zip(stores, requests, strict=True)
    taken = await asyncio.gather(*(take(one, tmp_path, LINE, ENTRY, asked, NOON) for one, asked in given))
    assert all(one.new for one in taken) and len({one.contact.told_ticket for one in taken}) == 1
    assert await count(store) == [1, 6, 0], "nobody is 受付可"


async def test_people_without_a_number_are_never_known_again(store: Store, tmp_path: Path) -> None:
    entry = Entry("田中", call=False, email="a@example.jp")
    for number in range(2):
        await take(store, tmp_path, LINE, entry, f"form/shop/{number}.d", NOON)
    assert await count(store) == [2, 2, 0]
