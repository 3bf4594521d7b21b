"""Hanging up anywhere: nothing rings on, nothing said is lost, nothing is promised for nothing."""

import asyncio
import time
from collections.abc import Mapping

import pytest

from tests.asterisk.desk import PATIENCE, SOON, Desk, Person, Running, Scenario, understood, until
from tests.asterisk.hearing import Samples, Search, find
from tests.asterisk.sayings import CANCEL, INVOICE, MENU, ORDER, RETURN, THANKS, WELCOME
from tests.asterisk.sip import SipCall
from tests.speech import from_mulaw, speak

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
        desk.agent("ikeda", answers=False) as agent,
        desk.caller("09011140002") as caller,
    ):
        await caller.dial("05031859092")
        await caller.press("#1#2")
        await agent.telephone.wait_for("CALL_INCOMING")
        assert not _is_over(agent), "it had stopped ringing before"
        await caller.hang_up()
        await agent.is_hung_up(limit=SOON)
    call = await desk.call_of("+819011140002")
    assert (call["outcome"], call["path"][-1]) == ("abandoned", "support")
    await _nothing_remains(desk, "+819011140002", callbacks=0, messages=0)
    assert desk.rows("SELECT state FROM agents WHERE name = 'ikeda'") == [("available",)]


async def hanging_up_during_the_beep_is_a_silent_message(desk: Desk) -> None:
    """The beep lasts 0.4 s; who comes too late tries it again, and has said nothing either."""
    for position in range(10):
        number = f"0901114010{position}"
        heard = await asyncio.to_thread(_hangs_up_during_the_beep, desk, number)
        call = await desk.call_of(f"+81{number[1:]}")
        assert (call["outcome"], call["path"]) == ("silent", ["message"])
        await _nothing_remains(desk, f"+81{number[1:]}", callbacks=0, messages=1)
        if find(desk.beep, heard) is None:
            return
    raise AssertionError("nobody hung up before the end of the beep")


def _hangs_up_during_the_beep(desk: Desk, number: str) -> Samples:
    """What was heard until then."""
    heard = b""
    with SipCall(str(desk.sip), ONLY_A_MESSAGE, caller=f"<sip:{number}@127.0.0.1>") as call:
        prompt, beginning = Search(desk.prompt(SAY)), None
        deadline = time.monotonic() + PATIENCE
        while beginning is None or beginning.look(from_mulaw(heard)) is None:
            assert time.monotonic() < deadline, "no beep"
            heard += call.talk(0.04)
            if beginning is None and (said := prompt.look(from_mulaw(heard))) is not None:
                beginning = Search(desk.beep[:800], said.end)
    return from_mulaw(heard)


async def hanging_up_in_mid_message_keeps_what_was_said(desk: Desk) -> None:
    async with desk.caller("09011140004") as caller:
        await caller.dial(ONLY_A_MESSAGE)
        await caller.hears(SAY)
        await caller.hears_beep()
        saying = asyncio.create_task(caller.says(CANCEL, INVOICE, RETURN, ORDER))
        await asyncio.wait({saying}, timeout=_length(CANCEL) + _length(INVOICE))
        assert not saying.done(), "it had said everything"
        await caller.hang_up()
        await saying
    callback = await desk.callback_of("+819011140004")
    text = callback["message"]["transcript"]["text"]
    assert understood(text, CANCEL) >= 0.8 and understood(text, ORDER) < 0.8, text
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

    async def no_channel() -> bool:
        return f"0{number[3:]}" not in [one["caller"]["number"] for one in await desk.ari("channels")]

    await until(no_channel, PATIENCE, "the channel is gone")
    assert len(await desk.callbacks_of(number)) == callbacks
    assert len(desk.rows("SELECT id FROM messages WHERE number = ?", number)) == messages


SCENARIOS: tuple[Scenario, ...] = (
    hanging_up_in_the_menu_is_an_abandoned_call,
    hanging_up_stops_the_agents_telephone,
    hanging_up_during_the_beep_is_a_silent_message,
    hanging_up_in_mid_message_keeps_what_was_said,
    hanging_up_during_the_thanks_changes_nothing,
)
pytestmark = pytest.mark.timeout(600)  # the scenarios before it, too


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_hanging_up(running: Mapping[str, Running], scenario: str) -> None:
    await running[scenario]
