"""What the closing step asks of `Closings`, held by the one on the store and by the fake alike."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from ivr.closings import StoreClosings
from ivr.dialplan.check import line_numbers
from ivr.dialplan.load import load_text
from ivr.errors import NotFound, StoreError
from ivr.lines import Lines
from ivr.staff import Closings
from ivr.steps import STEPS
from ivr.store import dialplans
from ivr.store import pins as store_pins
from ivr.store.database import Store
from ivr.store.migrate import migrate
from tests.dialplans import SHOP
from tests.fakes.fake_closings import ClosingBook, FakeClosings
from tests.hours_helpers import jst
from tests.messages_helpers import ManualClock
from tests.web.desk import CHEAP

NOW = jst("2026-11-24 06:00")  # a Tuesday
PIN = "482193"
HEARS = (
    "本日は、台風のため、臨時休業とさせていただいております。"
    "次の営業は、11月25日、水曜日の、午前10時からでございます。"
)


@dataclass
class Desk:
    """`announced`: how often the other processes were told; the fake tells nobody."""

    closings: Closings
    clock: ManualClock
    lines: Lines | None = None
    store: Store | None = None
    announced: int = 0

    async def heard_of(self) -> None:
        """What the engine does on the order that goes with a change."""
        if self.lines is not None and self.store is not None:
            await self.lines.reload(self.store)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "ivr.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["store", "fake"])
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setattr("ivr.pins.PATIENCE", 60.0)  # a loaded machine is no slow store
    clock = ManualClock(NOW)
    if request.param == "fake":
        yield Desk(FakeClosings(ClosingBook("shop", "shop", PIN, HEARS), clock), clock)
        return
    shutil.copy(template, tmp_path / "ivr.db")
    store = await Store.open(f"sqlite:///{tmp_path / 'ivr.db'}")
    plan = load_text("shop.yaml", SHOP, STEPS)
    line = dialplans.LiveLine("shop", "shop", "shop", tuple(line_numbers(plan)), plan.hash, SHOP)
    async with store.write() as session:
        await dialplans.publish(session, line, at=NOW, by="test")
        await store_pins.set_digest(session, "shop", CHEAP.hash(PIN), at=NOW)
    lines = Lines()
    await lines.reload(store)

    def announce() -> None:
        made.announced += 1

    made = Desk(StoreClosings(store, lines, clock, announce), clock, lines, store)
    yield made
    await store.close()


async def test_closed_and_opened_again(desk: Desk) -> None:
    today = desk.closings.today("shop", "shop")
    assert (today.date, today.closed, today.hears) == (date(2026, 11, 24), False, "")
    await desk.closings.close("shop", "shop", date(2026, 11, 24), "台風", "telephone c1")
    await desk.heard_of()
    today = desk.closings.today("shop", "shop")
    assert (today.closed, today.hears) == (True, HEARS)
    await desk.closings.reopen("shop", "shop", "telephone c1")
    await desk.heard_of()
    assert not desk.closings.today("shop", "shop").closed
    assert desk.announced == (0 if desk.store is None else 2)


async def test_the_right_pin_and_a_wrong_one(desk: Desk) -> None:
    assert await desk.closings.unlock("shop", "shop", "000001") == "wrong"
    assert await desk.closings.unlock("shop", "shop", PIN) == "right"


async def test_five_wrong_ones_lock_it_for_a_quarter_of_an_hour(desk: Desk) -> None:
    for pin in ("000001", "000002", "000003", "000004", "000005"):
        assert await desk.closings.unlock("shop", "shop", pin) == "wrong"
    assert await desk.closings.unlock("shop", "shop", PIN) == "locked"
    desk.clock.advance(14 * 60 + 59)
    assert await desk.closings.unlock("shop", "shop", PIN) == "locked"
    desk.clock.advance(1)
    assert await desk.closings.unlock("shop", "shop", PIN) == "right"


async def test_the_right_one_forgives_the_wrong_ones(desk: Desk) -> None:
    for _ in range(3):
        for pin in ("000001", "000002", "000003", "000004"):
            assert await desk.closings.unlock("shop", "shop", pin) == "wrong"
        assert await desk.closings.unlock("shop", "shop", PIN) == "right"


async def test_a_line_of_another_company_cannot_be_named(desk: Desk) -> None:
    assert await desk.closings.unlock("shop", "other", PIN) == "unavailable"
    assert await desk.closings.unlock("nobody", "shop", PIN) == "unavailable"
    with pytest.raises(NotFound):
        await desk.closings.close("shop", "other", date(2026, 11, 24), "台風", "telephone c1")
    with pytest.raises(NotFound):
        await desk.closings.reopen("nobody", "shop", "telephone c1")
    with pytest.raises(NotFound):
        desk.closings.today("shop", "other")


async def test_a_store_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer's lock is held by somebody else."""
    monkeypatch.setattr("ivr.pins.PATIENCE", 0.2)
    migrate(f"sqlite:///{tmp_path / 'ivr.db'}")
    store = await Store.open(f"sqlite:///{tmp_path / 'ivr.db'}")
    plan = load_text("shop.yaml", SHOP, STEPS)
    line = dialplans.LiveLine("shop", "shop", "shop", tuple(line_numbers(plan)), plan.hash, SHOP)
    async with store.write() as session:
        await dialplans.publish(session, line, at=NOW, by="test")
    lines = Lines()
    await lines.reload(store)
    closings = StoreClosings(store, lines, ManualClock(NOW), lambda: None)
    async with store.write():
        with pytest.raises(StoreError):
            await closings.close("shop", "shop", date(2026, 11, 24), "台風", "telephone c1")
    await store.close()
