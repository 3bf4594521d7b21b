"""#1, #2, and an agent answers: a whole instance, real telephones, what both of them hear."""

import asyncio

import numpy as np
import pytest

from tests.asterisk.desk import Desk, Person
from tests.asterisk.hearing import loudest_tone, tone
from tests.asterisk.sayings import MENU, PRODUCT, WELCOME

SUPPORT = ["welcome", "office", "menu", "#1", "product", "#2", "support"]


async def test_after_1_and_2_the_caller_and_an_agent_hear_each_other(open_desk: Desk) -> None:
    async with open_desk.agent("tanaka") as agent, open_desk.caller("09011110001") as caller:
        up = await caller.dial("05031859080")
        welcomed = await caller.hears(WELCOME, due=up)
        await caller.hears(MENU, due=welcomed)
        pressed = await caller.press("#1", pause=0.4)
        await caller.hears(PRODUCT, due=pressed)
        pressed = await caller.press("#2", pause=0.4)
        await agent.telephone.wait_for("CALL_ESTABLISHED")
        await _hear_each_other(open_desk, caller, agent)
        assert await open_desk.talks() == [{"09011110001", "tanaka"}]
        await caller.hang_up()
        await agent.is_hung_up(limit=1)
    call = await open_desk.call_of("+819011110001")
    assert (call["outcome"], call["path"]) == ("answered", SUPPORT)
    assert await open_desk.talks() == []
    assert await open_desk.callbacks_of("+819011110001") == []


@pytest.mark.parametrize(
    ("keys", "pause", "caller_number"),
    [("#1#2", 0.08, "09011110002"), ("12", 0.3, "09011110003"), ("#1#2", 1.5, "09011110004")],
    ids=["in one go during the greeting", "without #", "slowly"],
)
async def test_keys_work_as_people_type_them(
    open_desk: Desk, keys: str, pause: float, caller_number: str
) -> None:
    async with open_desk.agent("tanaka") as agent, open_desk.caller(caller_number) as caller:
        await caller.dial("05031859080")
        await caller.hears_anything()
        await caller.press(keys, pause)
        await agent.telephone.wait_for("CALL_ESTABLISHED", limit=3)
        await _hear_each_other(open_desk, caller, agent)
        await agent.hang_up()
        await caller.is_hung_up(limit=2)
    call = await open_desk.call_of(f"+81{caller_number[1:]}")
    assert (call["outcome"], call["path"]) == ("answered", SUPPORT)


async def _hear_each_other(desk: Desk, caller: Person, agent: Person) -> None:
    """Each hears the other's tone and nothing else: 600 Hz from the caller, 1000 Hz from the agent."""
    await asyncio.gather(caller.sounds(tone(600, 4)), agent.sounds(tone(1000, 4)))
    for person, frequency in ((caller, 1000), (agent, 600)):
        await person.hears_sound(tone(frequency, 0.5), f"{frequency} Hz")
        heard = person.heard()[-3200:]
        assert abs(loudest_tone(heard) - frequency) < 5
        assert float(np.sqrt(np.mean(heard.astype(float) ** 2))) > 1000
