"""Out of hours: four lines, each closed for a reason of its own."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.asterisk.desk import Desk, line, running, understood
from tests.asterisk.hearing import Samples, find
from tests.asterisk.instances import without_broadcast
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

# A Monday, and the day of a public holiday.
CLOCK = "2026-11-23T08:30+09:00"


@dataclass(frozen=True)
class Line:
    """`hours`: what is other than in ecforce.yaml."""

    number: str
    hours: dict[str, str]
    greeting: str
    due: str
    says: str


LINES = {
    "national holiday": Line(
        "050-3185-9080",
        {},
        "本日は、勤労感謝の日のため、休業日でございます。次の営業は、11月24日、火曜日の、午前10時からでございます。",
        "2026-11-24T17:00:00+09:00",
        LOGIN,
    ),
    "company days": Line(
        "050-3185-9081",
        {"closed": '{"11/20-11/25": 年末年始休業}'},
        "本日は、年末年始休業のため、休業日でございます。次の営業は、11月26日、木曜日の、午前10時からでございます。",
        "2026-11-26T17:00:00+09:00",
        INVOICE,
    ),
    "a day without hours": Line(
        "050-3185-9082",
        {"holidays": "none", "weekly": '{火-金: "10:00-17:00"}'},
        "本日は休業日でございます。次の営業は、11月24日、火曜日の、午前10時からでございます。",
        "2026-11-24T17:00:00+09:00",
        RETURN,
    ),
    "before opening": Line(
        "050-3185-9083",
        {"holidays": "none"},
        "本日の受付は、午前10時からでございます。",
        "2026-11-24T17:00:00+09:00",
        ORDER,
    ),
}


@pytest.fixture(scope="module")
def closed_desk(tmp_path_factory: pytest.TempPathFactory, spoken_prompts: Path) -> Iterator[Desk]:
    base = tmp_path_factory.mktemp("closed")
    (base / "dialplans").mkdir()
    for one in LINES.values():
        line(base / "dialplans", one.number, **one.hours)
    # One desk of the suite is on an Asterisk that asks the engine by its name.
    named = os.environ.get("IVR_ASTERISK")
    taken = named or os.environ.get("TEST_BY_NAME")  # by script/test-by-name, already
    old = {} if taken else {"XDG_CACHE_HOME": str(without_broadcast(base / "cache"))}
    with running(base, CLOCK, spoken_prompts, dialplans=base / "dialplans", agents={}, **old) as desk:
        assert named or "Stasis(ivr-1," in (desk.data / "asterisk/etc/ivr_extensions.conf").read_text()
        yield desk


async def test_a_closed_line_says_why_and_takes_a_message(closed_desk: Desk) -> None:
    """The ticket is told if the store answers within 300 ms, which on a busy machine it may not: then they call again."""
    for tries in range(4):
        async with asyncio.TaskGroup() as group:
            calls = [
                group.create_task(_call(closed_desk, one, f"090111500{tries}{position}", whole=position == 4))
                for position, one in enumerate(LINES.values(), 1)
            ]
        if any(call.result() for call in calls):
            return
    raise AssertionError("nobody was told the ticket")


async def _call(desk: Desk, called: Line, number: str, *, whole: bool) -> bool:
    """Whether the ticket was told. `whole`: the greeting is heard to its end; else a key ends its last part."""
    async with desk.caller(number) as caller:
        up = await caller.dial(called.number.replace("-", ""))
        welcomed = await caller.hears(WELCOME, due=up)
        await caller.hears(called.greeting, due=welcomed)
        await (caller.hears(CLOSED) if whole else caller.skips(CLOSED))
        await caller.leaves(called.says)
        pressed = await caller.press("#")
        await caller.hears(RECEIVED, RING_BACK, due=pressed)
        await caller.is_hung_up()
        heard = caller.heard()
    callback = await desk.callback_of(f"+81{number[1:]}")
    assert (callback["cause"], callback["due_at"]) == ("closed", called.due)
    assert callback["path"] == ["welcome", "office", "closed_message"]
    assert understood(callback["message"]["transcript"]["text"], called.says) >= 0.8, callback
    call = await desk.call_of(f"+81{number[1:]}")
    assert call["outcome"] == "message"
    assert call["started_at"].startswith(CLOCK[:13]) and call["started_at"].endswith("+09:00")
    assert len(await desk.callbacks_of(f"+81{number[1:]}")) == 1
    return _spoken(desk, callback["ticket"], heard)


def _spoken(desk: Desk, ticket: str, heard: Samples) -> bool:
    """Digit by digit, each within a second and a half of the one before."""
    before = find(desk.prompt(TICKET), heard)
    for digit in ticket:
        if before is None:
            return False
        heard = heard[before.end :]
        before = find(desk.prompt(DIGITS[int(digit)]), heard[:12000])
    return before is not None
