"""What ringing who is on duty asks of its `Book`, held by the one on both stores and by the fake alike."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.callbacks.duty import Outcome, Turn
from ivr.dialplan.load import load_text
from ivr.duty import Book, StoreBook
from ivr.lines import Lines
from ivr.steps import STEPS
from ivr.store import agents, callbacks, contacts, dialplans
from ivr.store.database import Store
from tests.dialplans import SHOP
from tests.fakes.fake_duty import FakeBook
from tests.hours_helpers import jst
from tests.messages_helpers import ManualClock
from tests.store.conftest import fresh
from tests.store.rows import callback, contact

NIGHT = jst("2026-11-22 03:00")  # a Sunday
TICKET = "1000002"


@dataclass
class Desk:
    book: Book
    clock: ManualClock

    async def rings(self) -> str:
        found = await self.book.next(TICKET)
        assert isinstance(found, Turn)
        assert found.until == self.clock.now() + (jst("2026-11-22 03:03") - NIGHT)
        return found.agent

    async def ends(self, outcome: Outcome, agent: str = "chiba", number: int = 1) -> None:
        turn = Turn(TICKET, number, "desk", "desk", agent, NIGHT, f"PJSIP/{agent}")
        await self.book.ended(turn, outcome)

    async def waits(self) -> datetime:
        found = await self.book.next(TICKET)
        assert isinstance(found, datetime)
        return found


@pytest.fixture(params=["sqlite", "postgresql", "fake"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock(NIGHT)
    if request.param == "fake":
        yield Desk(FakeBook(["chiba", "doi"], clock), clock)
        return
    store, lines = await Store.open(fresh(request, tmp_path)), Lines()
    source = SHOP.replace("line:\n", "line:\n  callbacks: {duty: [chiba, doi]}\n", 1)
    source = source.replace("tenant: shop", "tenant: desk")
    plan = load_text("desk.yaml", source, STEPS)
    about: dict[str, Any] = {"line": "desk", "tenant": "desk"}
    async with store.write() as session:
        await dialplans.publish(
            session, dialplans.LiveLine("desk", "desk", "desk", (), plan.hash, source), at=NIGHT, by="test"
        )
        for name in ("chiba", "doi"):
            await agents.add(session, name, groups=[], endpoint=f"PJSIP/{name}", secret="", at=NIGHT)
        await callbacks.insert(
            session, callback(TICKET, priority="critical", **about), who="system", at=NIGHT
        )
        await contacts.add(session, contact(TICKET, **about))
    await lines.reload(store)
    yield Desk(StoreBook(store, lines, clock), clock)
    await store.close()


async def test_one_after_the_other_and_from_the_top_again_three_minutes_later(desk: Desk) -> None:
    assert await desk.rings() == "chiba"
    assert await desk.waits() == jst("2026-11-22 03:03")
    desk.clock.advance(30)
    await desk.ends("declined")
    assert await desk.rings() == "doi"
    await desk.ends("no_answer", "doi", 2)
    assert await desk.waits() == jst("2026-11-22 03:03")
    desk.clock.advance(150)
    assert await desk.rings() == "chiba"


async def test_three_minutes_without_an_end_ring_the_next(desk: Desk) -> None:
    assert await desk.rings() == "chiba"
    desk.clock.advance(180)
    assert await desk.rings() == "doi"


async def test_three_times_through_the_list_is_enough(desk: Desk) -> None:
    for _ in range(6):
        await desk.rings()
        desk.clock.advance(180)
    assert await desk.book.next(TICKET) is None


async def test_the_first_to_accept_has_it_and_nobody_is_rung_after_that(desk: Desk) -> None:
    first = await desk.book.next(TICKET)
    desk.clock.advance(180)
    second = await desk.book.next(TICKET)
    assert isinstance(first, Turn) and isinstance(second, Turn)
    assert await desk.book.accept(second)
    assert not await desk.book.accept(first)
    await desk.book.ended(second, "no_answer")
    assert await desk.book.next(TICKET) is None
