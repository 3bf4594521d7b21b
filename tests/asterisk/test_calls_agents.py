"""Several agents, several callers: who is bridged with whom, looked at in Asterisk itself."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.asterisk.desk import LATE, PATIENCE, SOON, Desk, Person, Running, Scenario, understood, until
from tests.asterisk.hearing import find, tone
from tests.asterisk.sayings import (
    ASKED,
    BUSY,
    CANCEL,
    CONNECTING,
    LOGIN,
    RECEIVED,
    RETURN,
    RING_BACK,
    TAKEN,
    WAITING,
)

TO_SUPPORT = ["welcome", "office", "menu", "#1", "product", "#2", "support"]
WEDNESDAY = "2026-11-25T17:00:00+09:00"  # one business day after Tuesday, 2026-11-24


async def of_two_agents_one_talks(desk: Desk) -> None:
    await _two_agents_ring_and_the_one_who_answers_talks(desk)
    await _of_two_agents_who_answer_at_once_one_talks_and_the_other_is_told(desk)


async def _two_agents_ring_and_the_one_who_answers_talks(desk: Desk) -> None:
    async with (
        desk.agent("sato", answers=False) as sato,
        desk.agent("suzuki", answers=False) as suzuki,
        desk.caller("09011120001") as caller,
    ):
        await caller.dial("05031859082")
        await caller.press("#1#2")
        await asyncio.gather(
            sato.telephone.wait_for("CALL_INCOMING"), suzuki.telephone.wait_for("CALL_INCOMING")
        )
        assert await desk.talk_of("09011120001") == set()
        await suzuki.telephone.accept()
        await sato.is_hung_up(limit=SOON)
        await until(lambda: desk.talk_of("suzuki"), PATIENCE, "the two talk")
        await suzuki.sounds(tone(1000, 4))
        await caller.hears_sound(tone(1000, 0.5), "the agent")
        await suzuki.hang_up()
        await caller.is_hung_up()
    assert (await desk.call_of("+819011120001"))["outcome"] == "answered"


async def _of_two_agents_who_answer_at_once_one_talks_and_the_other_is_told(desk: Desk) -> None:
    """Who is second by less than Asterisk needs to say so is hung up without a word; then they try it again."""
    for position in range(10):
        number = f"0901112010{position}"
        async with (
            desk.agent("sato", answers=False) as sato,
            desk.agent("suzuki", answers=False) as suzuki,
            desk.caller(number) as caller,
        ):
            if await _both_answer(desk, caller, number, (sato, suzuki)):
                return
    raise AssertionError("the second was never told")


async def _both_answer(desk: Desk, caller: Person, number: str, agents: tuple[Person, Person]) -> bool:
    """Whether the second was told."""
    await caller.dial("05031859082")
    await caller.press("#1#2")
    await asyncio.gather(*(agent.telephone.wait_for("CALL_INCOMING") for agent in agents))
    await asyncio.gather(*(agent.telephone.accept() for agent in agents))
    talk = await until(lambda: desk.talk_of(number), PATIENCE, "the caller talks")
    assert talk in [{number, agent.user} for agent in agents]
    first, second = agents if agents[0].user in talk else agents[::-1]
    await second.is_hung_up(limit=SOON)
    assert await desk.talk_of(number) == talk
    told = find(desk.prompt(TAKEN), second.heard()) is not None
    await first.sounds(tone(1000, 4))
    await caller.hears_sound(tone(1000, 0.5), "the agent")
    await caller.hang_up()
    await first.is_hung_up()
    assert (await desk.call_of(f"+81{number[1:]}"))["outcome"] == "answered"
    return told


async def three_callers_and_one_agent_come_to_talk_in_their_order(desk: Desk) -> None:
    numbers = ("09011120011", "09011120012", "09011120013")
    seen: list[set[str]] = []
    async with (
        desk.agent("takahashi") as agent,
        desk.caller(numbers[0]) as first,
        desk.caller(numbers[1]) as second,
        desk.caller(numbers[2]) as third,
    ):
        for caller in (first, second, third):
            await caller.dial("05031859083")
            await caller.press("#1#2")
            await caller.hears(CONNECTING) if caller is not first else await _talking(desk, numbers[0])
        looking = asyncio.create_task(_look(desk, "takahashi", seen))
        await second.hears(WAITING)
        assert await desk.talk_of("takahashi") == {numbers[0], "takahashi"}
        for caller, number in ((first, numbers[1]), (second, numbers[2])):
            await caller.hang_up()
            await until(lambda number=number: {number, "takahashi"} in seen, PATIENCE, f"{number} talks")  # type: ignore[misc]
        await agent.sounds(tone(1000, 4))
        await third.hears_sound(tone(1000, 0.5), "the agent")
        await third.hang_up()
        await agent.is_hung_up()
        assert not looking.done(), looking.exception()
        looking.cancel()
    talks = [{number, "takahashi"} for number in numbers]
    in_order = [talk for i, talk in enumerate(seen) if i == 0 or talk != seen[i - 1]]
    assert [talk for talk in in_order if len(talk) > 1] == talks, in_order
    for number in numbers:
        assert (await desk.call_of(f"+81{number[1:]}"))["outcome"] == "answered"


async def all_agents_talking_leads_to_voicemail_and_a_callback(desk: Desk) -> None:
    async with (
        desk.agent("ito"),
        desk.caller("09011120021") as talking,
        desk.caller("09011120022") as caller,
    ):
        await talking.dial("05031859084")
        await talking.press("#1#2")
        await _talking(desk, "09011120021")
        await caller.dial("05031859084")
        await caller.press("#1#2")
        ended = await caller.hears(BUSY)
        beep = await caller.hears_beep()
        assert beep - ended < LATE
        await caller.says(LOGIN)
        pressed = await caller.press("#")
        await caller.hears(RECEIVED, RING_BACK, due=pressed)
        await caller.is_hung_up()
        assert await desk.talk_of("ito") == {"09011120021", "ito"}
        await talking.hang_up()
    callback = await desk.callback_of("+819011120022")
    assert (callback["cause"], callback["due_at"]) == ("busy", WEDNESDAY)
    assert callback["path"] == [*TO_SUPPORT, "busy_message"]
    assert callback["message"]["transcript"]["model"], "no model is named"
    assert understood(callback["message"]["transcript"]["text"], LOGIN) >= 0.8, callback
    call = await desk.call_of("+819011120022")
    assert (call["outcome"], call["path"]) == ("message", [*TO_SUPPORT, "busy_message", "thanks", "bye"])
    assert await desk.callbacks_of("+819011120021") == []


async def every_way_not_to_be_answered_has_its_cause(desk: Desk) -> None:
    """no_agent: nobody belongs to the group; no_answer: the only telephone rings in vain; asked: #9."""
    async with (
        desk.agent("kato", answers=False) as deaf,
        desk.agent("mori", answers=False) as rung,
        desk.caller("09011120031") as nobody,
        desk.caller("09011120032") as unanswered,
        desk.caller("09011120033") as asking,
    ):

        async def no_agent() -> None:
            await _leave(nobody, "05031859085", BUSY, RETURN)

        async def no_answer() -> None:
            await _leave(unanswered, "05031859086", BUSY, CANCEL)

        async def asked() -> None:
            await asking.dial("05031859087")
            await asking.press("#1#2")
            await rung.telephone.wait_for("CALL_INCOMING")
            await asking.press("#9")
            await rung.is_hung_up(limit=SOON)
            await _leave(asking, None, ASKED, LOGIN)

        await asyncio.gather(no_agent(), no_answer(), asked())
        assert any(event["type"] == "CALL_INCOMING" for event in deaf.telephone.events)
    for number, cause, said, steps in (
        ("+819011120031", "no_agent", RETURN, ["busy_message"]),
        ("+819011120032", "no_answer", CANCEL, ["busy_message"]),
        ("+819011120033", "asked", LOGIN, ["#9", "leave_message"]),
    ):
        callback = await desk.callback_of(number)
        assert (callback["cause"], callback["due_at"]) == (cause, WEDNESDAY)
        assert callback["path"] == [*TO_SUPPORT, *steps]
        assert understood(callback["message"]["transcript"]["text"], said) >= 0.8, callback


async def _leave(caller: Person, dialled: str | None, greeting: str, words: str) -> None:
    if dialled is not None:
        await caller.dial(dialled)
        await caller.press("#1#2")
    await caller.skips(greeting)
    await caller.leaves(words)
    await caller.hang_up()


async def _talking(desk: Desk, who: str) -> None:
    await until(lambda: desk.talk_of(who), PATIENCE, f"{who} talks to an agent")


async def _look(desk: Desk, who: str, seen: list[set[str]]) -> None:
    """Never more than one caller at once: `_the_talk` says so."""
    while True:
        seen.append(await desk.talk_of(who))
        await asyncio.sleep(0.05)


SCENARIOS: tuple[Scenario, ...] = (
    of_two_agents_one_talks,
    three_callers_and_one_agent_come_to_talk_in_their_order,
    all_agents_talking_leads_to_voicemail_and_a_callback,
    every_way_not_to_be_answered_has_its_cause,
)
pytestmark = pytest.mark.timeout(600)  # the scenarios before it, too


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_agents_and_callers(running: Mapping[str, Running], scenario: str) -> None:
    await running[scenario]
