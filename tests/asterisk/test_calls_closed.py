"""Out of hours: four instances whose clocks stand at a closed moment, each called once."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.asterisk.desk import ROOT, Desk, understood
from tests.asterisk.hearing import Samples, find
from tests.asterisk.sayings import (
    CLOSED,
    DIGITS,
    INVOICE,
    LOGIN,
    ORDER,
    RECEIVED,
    RETURN,
    RING_BACK,
    TICKET,
    WELCOME,
)

pytestmark = pytest.mark.timeout(240)  # four instances start for one test


@dataclass(frozen=True)
class Moment:
    clock: str
    greeting: str
    due: str
    says: str


MOMENTS = {
    "national holiday": Moment(
        "2026-09-22T11:00+09:00",
        "本日は、国民の休日のため、休業日でございます。次の営業は、9月24日、木曜日の、午前10時からでございます。",
        "2026-09-24T17:00:00+09:00",
        LOGIN,
    ),
    "company day": Moment(
        "2026-12-30T11:00+09:00",
        "本日は、年末年始休業のため、休業日でございます。次の営業は、1月4日、月曜日の、午前10時からでございます。",
        "2027-01-04T17:00:00+09:00",
        INVOICE,
    ),
    "Sunday": Moment(
        "2026-11-29T11:00+09:00",
        "本日は休業日でございます。次の営業は、11月30日、月曜日の、午前10時からでございます。",
        "2026-11-30T17:00:00+09:00",
        RETURN,
    ),
    "before opening": Moment(
        "2026-11-30T08:30+09:00",
        "本日の受付は、午前10時からでございます。",
        "2026-12-01T17:00:00+09:00",
        ORDER,
    ),
}


@pytest.fixture(scope="module")
def closed_desks(tmp_path_factory: pytest.TempPathFactory, spoken_prompts: Path) -> Iterator[dict[str, Desk]]:
    dialplans = tmp_path_factory.mktemp("dialplans")
    shutil.copy(ROOT / "dialplans" / "ecforce.yaml", dialplans)
    desks = {
        name: Desk(tmp_path_factory.mktemp("closed"), moment.clock, dialplans, spoken_prompts)
        for name, moment in MOMENTS.items()
    }
    with ExitStack() as stack:
        for desk in desks.values():
            stack.callback(desk.stop)
            desk.launch()
        for desk in desks.values():
            desk.wait_up()
        yield desks


async def test_a_closed_line_says_why_and_takes_a_message(closed_desks: dict[str, Desk]) -> None:
    async with asyncio.TaskGroup() as group:
        for name, desk in closed_desks.items():
            group.create_task(_call(desk, MOMENTS[name], whole=name == "before opening"), name=name)


async def _call(desk: Desk, moment: Moment, *, whole: bool) -> None:
    """`whole`: the greeting is heard to its end; else a key ends its last part."""
    async with desk.caller("09011150001") as caller:
        up = await caller.dial("05031859080")
        welcomed = await caller.hears(WELCOME, due=up)
        await caller.hears(moment.greeting, due=welcomed)
        await (caller.hears(CLOSED) if whole else caller.skips(CLOSED))
        await caller.leaves(moment.says)
        pressed = await caller.press("#")
        await caller.hears(RECEIVED, TICKET, due=pressed)
        await caller.hears(RING_BACK)
        await caller.is_hung_up()
        heard = caller.heard()
    callback = await desk.callback_of("+819011150001")
    assert (callback["cause"], callback["due_at"]) == ("closed", moment.due)
    assert callback["path"] == ["welcome", "office", "closed_message"]
    assert understood(callback["message"]["transcript"]["text"], moment.says) >= 0.8, callback
    call = await desk.call_of("+819011150001")
    assert call["outcome"] == "message"
    assert call["started_at"].startswith(moment.clock[:13]) and call["started_at"].endswith("+09:00")
    assert len(await desk.get("callbacks")) == 1
    assert _spoken(desk, callback["ticket"], heard)


def _spoken(desk: Desk, ticket: str, heard: Samples) -> bool:
    """Digit by digit, each within a second and a half of the one before."""
    before = find(desk.prompt(TICKET), heard)
    for digit in ticket:
        if before is None:
            return False
        heard = heard[before.end :]
        before = find(desk.prompt(DIGITS[int(digit)]), heard[:12000])
    return before is not None
