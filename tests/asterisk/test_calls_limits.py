"""A talk that has a limit, and places in the queue that people are told."""

import asyncio
import time
from collections.abc import Mapping

import pytest

from tests.asterisk.desk import PATIENCE, Desk, Running, Scenario, until
from tests.asterisk.hearing import tone

LINE = "05031859090"
WARNING = "お時間は、あと1分でございます。"
OVER = "お時間となりました。"
THANKS = "ご協力ありがとうございました。"
AHEAD = ["現在、お客様の前に", "1名様", "がお待ちです。"]


async def a_talk_ends_by_its_limit_and_both_hear_why(desk: Desk) -> None:
    """Thirty seconds, with a warning after twenty-two; two others come meanwhile and wait, one before the other."""
    async with (
        desk.agent("ueda") as agent,
        desk.caller("09011340001") as caller,
        desk.caller("09011340002") as second,
        desk.caller("09011340003") as third,
    ):
        dialled = time.monotonic()
        await caller.dial(LINE)
        await until(lambda: desk.talk_of("09011340001"), PATIENCE, "the two talk")
        await agent.sounds(tone(1000, 2))
        await caller.hears_sound(tone(1000, 0.5), "the agent")
        await second.dial(LINE)
        await second.hears_anything()  # in the queue, for it is the first step
        await third.dial(LINE)
        told = asyncio.create_task(third.hears(*AHEAD))
        warned = await asyncio.gather(caller.hears(WARNING), agent.hears(WARNING))
        assert all(moment - dialled > 22 for moment in warned), [moment - dialled for moment in warned]
        over = await asyncio.gather(caller.hears(OVER), agent.hears(OVER))
        assert all(30 < moment - dialled < 30 + PATIENCE for moment in over), [
            moment - dialled for moment in over
        ]
        await agent.is_hung_up()
        await caller.hears(THANKS)
        await caller.is_hung_up()
        await told
        await asyncio.gather(second.hang_up(), third.hang_up())
    assert (await desk.call_of("+819011340001"))["outcome"] == "answered"


SCENARIOS: tuple[Scenario, ...] = (a_talk_ends_by_its_limit_and_both_hear_why,)
pytestmark = pytest.mark.timeout(600)  # the scenarios before it, too


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_limits(running: Mapping[str, Running], scenario: str) -> None:
    await running[scenario]
