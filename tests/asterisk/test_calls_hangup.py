"""Hanging up anywhere: nothing rings on, nothing said is lost, nothing is promised for nothing."""

import asyncio
import time

import pytest

from tests.asterisk.desk import Desk, Person, Scenario, understood
from tests.asterisk.hearing import find
from tests.asterisk.sayings import CANCEL, INVOICE, MENU, THANKS, WELCOME
from tests.speech import speak

ONLY_A_MESSAGE = "05031859088"
SAY = "発信音の後に、お話しください。"


async def hanging_up_in_the_menu_is_an_abandoned_call(desk: Desk) -> None:
    async with desk.caller("09011140001") as caller:
        await caller.dial("05031859080")
        await caller.hears(WELCOME)
        await caller.begins_to_hear(MENU)
        await caller.hang_up()
    call = await desk.call_of("+819011140001")
    assert (call["outcome"], call["path"]) == ("abandoned", ["welcome", "office", "menu"])
    await _nothing_remains(desk, "+819011140001", callbacks=0, messages=0)


async def hanging_up_stops_the_agents_telephone(desk: Desk) -> None:
    async with (
        desk.agent("mori", answers=False) as agent,
        desk.caller("09011140002") as caller,
    ):
        await caller.dial("05031859087")
        await caller.press("#1#2")
        await agent.telephone.wait_for("CALL_INCOMING")
        assert not _is_over(agent), "it had stopped ringing before"
        await caller.hang_up()
        left = time.monotonic()
        assert await agent.is_hung_up() - left < 1
    call = await desk.call_of("+819011140002")
    assert (call["outcome"], call["path"][-1]) == ("abandoned", "support")
    await _nothing_remains(desk, "+819011140002", callbacks=0, messages=0)
    assert desk.rows("SELECT state FROM agents WHERE name = 'mori'") == [("available",)]


async def hanging_up_during_the_beep_is_a_silent_message(desk: Desk) -> None:
    async with desk.caller("09011140003") as caller:
        await caller.dial(ONLY_A_MESSAGE)
        await caller.hears(SAY)
        await caller.hears_sound(desk.beep[:1000], "the beginning of the beep")
        await caller.hang_up()
        await caller.telephone.close()
        assert find(desk.beep, caller.heard()) is None, "it hung up after the beep"
    call = await desk.call_of("+819011140003")
    assert (call["outcome"], call["path"]) == ("silent", ["message"])
    await _nothing_remains(desk, "+819011140003", callbacks=0, messages=1)


async def hanging_up_in_mid_message_keeps_what_was_said(desk: Desk) -> None:
    async with desk.caller("09011140004") as caller:
        await caller.dial(ONLY_A_MESSAGE)
        await caller.hears(SAY)
        await caller.hears_beep()
        saying = asyncio.create_task(caller.says(CANCEL + INVOICE))
        await asyncio.wait({saying}, timeout=_length(CANCEL))
        assert not saying.done(), "it had said everything"
        await caller.hang_up()
        await saying
    callback = await desk.callback_of("+819011140004")
    text = callback["message"]["transcript"]["text"]
    assert understood(text, CANCEL) >= 0.8 and understood(text, INVOICE) < 0.8, text
    assert (await desk.call_of("+819011140004"))["outcome"] == "message"
    await _nothing_remains(desk, "+819011140004", callbacks=1, messages=1)


async def hanging_up_during_the_thanks_changes_nothing(desk: Desk) -> None:
    async with desk.caller("09011140005") as caller:
        await caller.dial(ONLY_A_MESSAGE)
        await caller.hears(SAY)
        await caller.leaves(INVOICE)
        await caller.press("#")
        await caller.begins_to_hear(THANKS)
        await caller.hang_up()
        await caller.telephone.close()
        assert find(desk.prompt(THANKS), caller.heard()) is None, "it had heard all the thanks"
    callback = await desk.callback_of("+819011140005")
    assert understood(callback["message"]["transcript"]["text"], INVOICE) >= 0.8
    call = await desk.call_of("+819011140005")
    assert (call["outcome"], call["path"]) == ("message", ["message", "thanks"])
    await _nothing_remains(desk, "+819011140005", callbacks=1, messages=1)


def _length(sentence: str) -> float:
    """Seconds that it takes to say."""
    return len(speak(sentence)) / 8000


def _is_over(person: Person) -> bool:
    return any(event["type"] == "CALL_CLOSED" for event in person.telephone.events)


async def _nothing_remains(desk: Desk, number: str, *, callbacks: int, messages: int) -> None:
    """Of the call: no channel, no bridge, no recording, and exactly so many rows."""
    assert not [one for one in await desk.ari("channels") if one["caller"]["number"] == f"0{number[3:]}"]
    assert len(await desk.callbacks_of(number)) == callbacks
    assert len(desk.rows("SELECT id FROM messages WHERE number = ?", number)) == messages


SCENARIOS: tuple[Scenario, ...] = (
    hanging_up_in_the_menu_is_an_abandoned_call,
    hanging_up_stops_the_agents_telephone,
    hanging_up_during_the_beep_is_a_silent_message,
    hanging_up_in_mid_message_keeps_what_was_said,
    hanging_up_during_the_thanks_changes_nothing,
)
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_hanging_up(running: dict[str, "asyncio.Task[None]"], scenario: str) -> None:
    await running[scenario]
