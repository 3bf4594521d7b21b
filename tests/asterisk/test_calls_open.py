"""#1, #2, and an agent answers: a whole instance, real telephones, what both of them hear."""

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest

from tests.asterisk.desk import Desk, Person, Running, Scenario
from tests.asterisk.hearing import loudest_tone, tone
from tests.asterisk.sayings import MENU, NO_KEY, NOT_YET, ORDER, PRODUCT, WELCOME, WRONG

SUPPORT = ["welcome", "office", "menu", "#1", "product", "#2", "support"]


async def after_1_and_2_the_caller_and_an_agent_hear_each_other(desk: Desk) -> None:
    async with desk.agent("tanaka") as agent, desk.caller("09011110001") as caller:
        up = await caller.dial("05031859080")
        welcomed = await caller.hears(WELCOME, due=up)
        await caller.hears(MENU, due=welcomed)
        pressed = await caller.press("#1", pause=0.4)
        await caller.hears(PRODUCT, due=pressed)
        pressed = await caller.press("#2", pause=0.4)
        await agent.telephone.wait_for("CALL_ESTABLISHED")
        await _hear_each_other(desk, caller, agent)
        assert await desk.talk_of("tanaka") == {"09011110001", "tanaka"}
        await caller.hang_up()
        await agent.is_hung_up()
    call = await desk.call_of("+819011110001")
    assert (call["outcome"], call["path"]) == ("answered", SUPPORT)
    assert await desk.callbacks_of("+819011110001") == []


async def keys_work_as_people_type_them(desk: Desk) -> None:
    """In one go during the greeting, without #, slowly."""
    for number, keys, pause in (
        ("09011110002", "#1#2", 0.15),
        ("09011110003", "12", 0.3),
        ("09011110004", "#1#2", 1.5),
    ):
        async with desk.agent("hayashi") as agent, desk.caller(number) as caller:
            await caller.dial("05031859091")
            await caller.hears_anything()
            await caller.press(keys, pause)
            await agent.telephone.wait_for("CALL_ESTABLISHED")
            await _hear_each_other(desk, caller, agent)
            await agent.hang_up()
            await caller.is_hung_up()
        call = await desk.call_of(f"+81{number[1:]}")
        assert (call["outcome"], call["path"]) == ("answered", SUPPORT)


async def _hear_each_other(desk: Desk, caller: Person, agent: Person) -> None:
    """Each hears the other's tone and nothing else: 600 Hz from the caller, 1000 Hz from the agent."""
    await asyncio.gather(caller.sounds(tone(600, 4)), agent.sounds(tone(1000, 4)))
    for person, frequency in ((caller, 1000), (agent, 600)):
        heard = await person.hears_and_keeps(tone(frequency, 0.5), f"{frequency} Hz")
        assert abs(loudest_tone(heard) - frequency) < 5
        assert float(np.sqrt(np.mean(heard.astype(float) ** 2))) > 1000


async def a_wrong_key_no_key_and_another_destination(desk: Desk) -> None:
    async with (
        desk.caller("09011110011") as wrong,
        desk.caller("09011110012") as patient,
        desk.caller("09011110013") as stranger,
    ):

        async def wrong_key() -> None:
            await wrong.dial("05031859080")
            await wrong.hears_anything()
            pressed = await wrong.press("#7")
            ended = await wrong.hears(WRONG, due=pressed)
            await wrong.hears(MENU, due=ended)
            await wrong.hang_up()

        async def no_key() -> None:
            await patient.dial("05031859080")
            ended = await patient.hears(WELCOME, MENU)
            await patient.hears(NO_KEY, due=ended + 5)
            await patient.hang_up()

        async def no_contract() -> None:
            await stranger.dial("05031859080")
            pressed = await stranger.press("#3")
            await stranger.hears(NOT_YET, due=pressed)
            await stranger.is_hung_up()

        await asyncio.gather(wrong_key(), no_key(), no_contract())
    at_the_menu = ["welcome", "office", "menu"]
    for number, outcome, path in (
        ("+819011110011", "abandoned", at_the_menu),
        ("+819011110012", "abandoned", at_the_menu),
        ("+819011110013", "informed", [*at_the_menu, "#3", "not_yet", "bye"]),
    ):
        call = await desk.call_of(number)
        assert (call["outcome"], call["path"]) == (outcome, path)
        assert await desk.callbacks_of(number) == []
    assert _keys(desk, "+819011110011") == (2, 0, 2)
    assert _keys(desk, "+819011110013") == (2, 2, 0)


async def every_key_is_accounted_for_whenever_it_is_pressed(desk: Desk) -> None:
    """#1 #2 and then strays, the first key 0 to 1.4 s after the answer, so that they cross every border.

    Nobody belongs to the group: the strays come in the queue, in the voicemail's greeting, in its beep and
    in the message, which none of them may cut.
    """
    async with asyncio.TaskGroup() as group:
        for position in range(8):
            group.create_task(_presses(desk, f"0901111010{position}", position * 0.2))
    for position in range(8):
        received, used, emptied = _keys(desk, f"+81901111010{position}")
        assert received == 10, f"{received} of 10 keys arrived, the first after {position * 0.2} s"
        assert (used, emptied) == (4, 6)
        call = await desk.call_of(f"+81901111010{position}")
        assert call["path"] == [*SUPPORT, "busy_message"]
        assert call["outcome"] == "message"
        assert [one["cause"] for one in await desk.callbacks_of(call["number"])] == ["no_agent"]


async def _presses(desk: Desk, number: str, after: float) -> None:
    async with desk.caller(number) as caller:
        await caller.dial("05031859085")
        await asyncio.sleep(after)
        await caller.press("#1#2345678")
        await caller.leaves(ORDER)
        await caller.hang_up()
        await desk.call_of(f"+81{number[1:]}")


def _keys(desk: Desk, number: str) -> tuple[int, int, int]:
    """Received, used, emptied; what is left in the buffer is the rest."""
    found = desk.rows("SELECT keys_received, keys_used, keys_emptied FROM calls WHERE number = ?", number)
    assert len(found) == 1, found
    received, used, emptied = found[0]
    return received, used, emptied


SCENARIOS: tuple[Scenario, ...] = (
    after_1_and_2_the_caller_and_an_agent_hear_each_other,
    keys_work_as_people_type_them,
    a_wrong_key_no_key_and_another_destination,
    every_key_is_accounted_for_whenever_it_is_pressed,
)
pytestmark = pytest.mark.timeout(600)  # the scenarios before it, too


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_open_line(running: Mapping[str, Running], scenario: str) -> None:
    await running[scenario]
