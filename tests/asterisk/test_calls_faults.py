"""The engine dies, freezes or is stopped under calls: of a whole instance, with what its callers hear then."""

import asyncio
import json
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ivr.ringing_back.texts import STOPPED
from tests.asterisk.conftest import CONTACT, ONLY_A_MESSAGE, OPEN, TIMED
from tests.asterisk.desk import PATIENCE, SOON, Desk, line, running, understood, until
from tests.asterisk.hearing import tone
from tests.asterisk.pressing import page
from tests.asterisk.sayings import (
    CANCEL,
    FALLBACK_OPEN,
    INVOICE,
    LOGIN,
    MENU,
    ORDER,
    RECORD,
    RETURN,
    THANKS,
    WELCOME,
)
from tools.kill_matrix.waves import Matrix

MAIN = "05031859080"
SAY = "発信音の後に、お話しください。"
WEDNESDAY = "2026-11-25T17:00:00+09:00"  # one business day after Tuesday, 2026-11-24


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, spoken_prompts: Path) -> Iterator[Desk]:
    base = tmp_path_factory.mktemp("faults")
    dialplans = base / "dialplans"
    dialplans.mkdir()
    line(dialplans, "050-3185-9080")
    (dialplans / "only-a-message.yaml").write_text(ONLY_A_MESSAGE, "utf-8")
    (dialplans / "timed.yaml").write_text(TIMED, "utf-8")
    for file in CONTACT:
        shutil.copy(file, dialplans)
    agents = {"tanaka": "support", "t0312345678": "contact", "ueda": "timed"}
    agents |= dict.fromkeys(("aoki", "t09011160101", "endo", "t09011160102", "kuroda"), "contact")
    with running(base, OPEN, spoken_prompts, dialplans=dialplans, agents=agents) as desk:
        yield desk


async def test_a_killed_engine_costs_no_caller_anything(desk: Desk) -> None:
    """Three talk, one of them with a telephone outside and one within a limit, one leaves a message, one listens to the menu."""
    async with (
        desk.agent("tanaka") as agent,
        desk.agent("t0312345678") as outside,
        desk.agent("ueda") as limited,
        desk.caller("09011160004") as transferred,
        desk.caller("09011160005") as long,
        desk.caller("09011160001") as talking,
        desk.caller("09011160002") as speaking,
        desk.caller("09011160003") as choosing,
    ):
        await talking.dial(MAIN)
        await talking.press("#1#2")
        await agent.telephone.wait_for("CALL_ESTABLISHED")
        await transferred.dial("05031859089")
        await transferred.press("2")
        await outside.telephone.wait_for("CALL_ESTABLISHED")
        await choosing.dial(MAIN)
        await choosing.hears(WELCOME)
        await choosing.begins_to_hear(MENU)
        dialled = time.monotonic()
        await long.dial("05031859090")
        await limited.telephone.wait_for("CALL_ESTABLISHED")
        await until(lambda: desk.talk_of("ueda"), PATIENCE, "a talk with a limit")
        await speaking.dial("05031859088")
        await speaking.hears(SAY)
        await speaking.hears_beep()
        saying = asyncio.create_task(speaking.says(CANCEL, LOGIN))
        await until(lambda: desk.talk_of("tanaka"), PATIENCE, "two talk")
        await until(lambda: desk.talk_of("t0312345678"), PATIENCE, "two others talk")
        await until(lambda: _recordings(desk), PATIENCE, "the message is recorded")
        assert not saying.done(), "the message is over"
        engine, killed = _end(desk, signal.SIGKILL)
        async with asyncio.TaskGroup() as group:
            group.create_task(_goes_on_talking(talking, agent))
            group.create_task(_goes_on_talking(transferred, outside))
            group.create_task(_finishes_the_message(speaking, saying))
            group.create_task(_is_taken_over(choosing, killed))
            group.create_task(_ends_by_its_limit(long, limited, dialled))
        await agent.hang_up()
        await talking.is_hung_up()
        await transferred.hang_up()
        await outside.is_hung_up()
    await _served_again(desk, engine)


async def test_a_killed_engine_rings_no_customer_twice_and_leaves_no_ticket_behind(desk: Desk) -> None:
    """Four customers are rung back: two talk, one is being rung, one is not yet, one is ordered while nobody is there."""
    async with (
        page(desk, "line9080") as pages,
        desk.agent("aoki") as aoki,
        desk.agent("t09011160101") as talking,
        desk.agent("endo") as endo,
        desk.agent("t09011160102", answers=False) as ringing,
        desk.agent("kuroda", answers=False) as kuroda,
    ):
        first, second, third, fourth = [await pages.asked(f"+8190111601{n:02}") for n in range(1, 5)]
        await pages.press(first, "aoki")
        await pages.press(second, "endo")
        await until(lambda: pages.state(first)[0] == "talking", PATIENCE, "the two talk")
        await ringing.telephone.wait_for("CALL_INCOMING")
        await pages.press(third, "kuroda", order=False, engine="1")
        engine, _ = _end(desk, signal.SIGKILL)
        await pages.press(fourth, "kuroda")
        async with asyncio.TaskGroup() as group:
            group.create_task(_goes_on_talking(aoki, talking))
            group.create_task(_rings_no_more(ringing, endo))
            group.create_task(_is_rung_once(kuroda))
        await _served_again(desk, engine)
        for ticket, agent in ((second, "endo"), (third, "kuroda"), (fourth, "kuroda")):
            claimed = ("claimed", agent, None, 0)
            await until(lambda t=ticket, c=claimed: pages.state(t) == c, PATIENCE, f"{agent} may dial again")  # type: ignore[misc]
        for ticket in (second, third):
            assert pages.history(ticket)[-2] == ("not_rung", STOPPED)
        assert pages.state(first) == ("talking", "aoki", None, 1)
        await talking.hang_up()
        await aoki.is_hung_up()
        await until(lambda: pages.agent_is("aoki") == "wrap_up", PATIENCE, "the agent is free")
        assert pages.state(first) == ("talking", "aoki", None, 1), "who talked says how it went"
        assert desk.rows("SELECT count(*) FROM dial_locks") == [(0,)]
        # Nobody has rung a second time.
        rung = {one.user: _times_rung(one) for one in (ringing, kuroda)}
        assert rung == {"t09011160102": 1, "kuroda": 1}
        await pages.press(second, "endo")
        await ringing.telephone.wait_for("CALL_INCOMING")


async def _rings_no_more(ringing: Any, agent: Any) -> None:
    await ringing.is_hung_up()
    await agent.is_hung_up()


async def _is_rung_once(agent: Any) -> None:
    """Who pressed while no engine was there is rung when there is one, and declines."""
    await agent.telephone.wait_for("CALL_INCOMING", limit=PATIENCE)
    await agent.hang_up()


def _times_rung(person: Any) -> int:
    return sum(event["type"] == "CALL_INCOMING" for event in person.telephone.events)


async def test_a_frozen_engines_caller_hears_the_fallback_and_is_put_through(desk: Desk) -> None:
    async with desk.agent("tanaka") as agent, desk.caller("09011160011") as caller:
        await caller.dial(MAIN)
        await caller.hears(WELCOME)
        await caller.begins_to_hear(MENU)
        engine, frozen = _end(desk, signal.SIGSTOP)
        await until(lambda: _is_frozen(engine), PATIENCE, "the engine is frozen")
        begin, _ = await caller.hears_sound(desk.prompt(FALLBACK_OPEN), FALLBACK_OPEN)
        assert begin - frozen < SOON
        await agent.telephone.wait_for("CALL_ESTABLISHED")
        await agent.sounds(tone(1000, 6))
        await caller.hears_sound(tone(1000, 0.5), "the agent")
        await caller.hang_up()
        await agent.is_hung_up()
    await _served_again(desk, engine)
    assert await desk.callbacks_of("+819011160011") == []


async def test_a_stopped_engine_hands_over_whom_it_cannot_serve_to_the_end(desk: Desk) -> None:
    """In the menu and in a message, nobody there to answer."""
    async with (
        desk.caller("09011160021") as choosing,
        desk.caller("09011160022") as speaking,
    ):
        await choosing.dial(MAIN)
        await speaking.dial("05031859088")
        await speaking.hears(SAY)
        await speaking.hears_beep()
        saying = asyncio.create_task(speaking.says(INVOICE, CANCEL, RETURN, ORDER))
        await choosing.hears_anything()
        await until(lambda: _recordings(desk), PATIENCE, "the message is recorded")
        engine, stopped = _end(desk, signal.SIGTERM)

        async def message() -> None:
            """Still speaking when the 8 s are over that are given to running calls."""
            await saying
            assert time.monotonic() - stopped > 8.5
            await speaking.press("#")
            await speaking.hears(THANKS)
            await speaking.is_hung_up()

        async def menu() -> None:
            """In the menu for longer than that; no telephone of an agent is there to be rung."""
            begin, _ = await choosing.hears_sound(desk.prompt(RECORD), RECORD)
            assert begin - stopped < 8 + SOON
            await choosing.hears_beep()
            await choosing.says(LOGIN)
            await choosing.hang_up()

        await asyncio.gather(message(), menu())
    await _served_again(desk, engine)


async def test_what_was_said_without_an_engine_is_kept_once(desk: Desk) -> None:
    """By the callers of the two tests above; the reconciler looks after a while."""
    for number, cause, words in (
        ("+819011160002", "asked", f"{CANCEL} {LOGIN} {INVOICE}"),
        ("+819011160003", "busy", LOGIN),
        ("+819011160021", "no_agent", LOGIN),
        ("+819011160022", "asked", f"{INVOICE} {CANCEL} {RETURN} {ORDER}"),
    ):
        callback = await desk.callback_of(number, seconds=120)
        assert (callback["cause"], callback["due_at"]) == (cause, WEDNESDAY)
        assert understood(callback["message"]["transcript"]["text"], words) >= 0.8, callback
    assert len([one for one in await desk.get("callbacks") if one["message"]]) == 4
    assert not [call for call in await desk.get("calls") if call["outcome"] == "in_progress"]


async def test_a_disk_that_fills_up_costs_a_message_what_comes_after(desk: Desk) -> None:
    """No file of Asterisk's grows past two seconds of audio: one message is cut, and who speaks later than that is rung back, too."""
    async with desk.caller("09011160041") as caller, desk.caller("09011160042") as late:
        await caller.dial("05031859088")
        await caller.hears(SAY)
        await caller.hears_beep()
        saying = asyncio.create_task(caller.says(CANCEL, INVOICE, RETURN, ORDER))
        await until(lambda: _recordings(desk), PATIENCE, "the message is recorded")
        with _a_full_disk(desk, after=2.0):
            await caller.hears(THANKS)
            assert not saying.done(), "the message was over before the disk was full"
            await late.dial("05031859088")
            await late.hears(SAY)
            await late.hears(THANKS)  # nobody asks again who may have spoken
        await asyncio.gather(saying, caller.is_hung_up(), late.is_hung_up())
    for number in ("+819011160041", "+819011160042"):
        callback = await desk.callback_of(number)
        assert (callback["cause"], callback["due_at"]) == ("asked", WEDNESDAY)
        ended = "SELECT state, ended_by, duration FROM messages WHERE number = ?"
        assert desk.rows(ended, number) == [("stored", "failed", 2.0)]


@contextmanager
def _a_full_disk(desk: Desk, after: float) -> Iterator[None]:
    """As Asterisk's writes meet it: refused after so many seconds of audio in a file."""
    asterisk = desk.process("asterisk")
    assert asterisk is not None
    before = resource.prlimit(asterisk, resource.RLIMIT_FSIZE)
    resource.prlimit(asterisk, resource.RLIMIT_FSIZE, (44 + round(after * 16000), before[1]))
    try:
        yield
    finally:
        resource.prlimit(asterisk, resource.RLIMIT_FSIZE, before)


def test_whatever_is_killed_each_message_is_kept_once(desk: Desk) -> None:
    """One wave; fifty of each kind: `python -m tools.kill_matrix`."""
    matrix = Matrix(desk, random.Random(4), 9011169000)
    matrix.wave("asterisk")
    figures = matrix.end()
    assert figures.violations == []
    assert figures.messages >= 3 and matrix.kills == {"engine": 0, "asterisk": 1, "jobs": 1, "transcriber": 1}


async def test_a_message_cut_by_the_stop_of_everything_is_adopted_once(desk: Desk) -> None:
    async with desk.caller("09011160031") as caller:
        await caller.dial("05031859088")
        await caller.hears(SAY)
        await caller.leaves(CANCEL)
        saying = asyncio.create_task(caller.says(INVOICE, RETURN, ORDER))  # Asterisk may lose its last 2 s
        await asyncio.wait({saying}, timeout=2.2)
        assert await _recordings(desk) == 1 and not saying.done(), "not in a message"
        desk.kill()
        await saying
        await caller.telephone.close()
    desk.environ["IVR_CLOCK"] = "2026-11-24T12:00+09:00"
    desk.start()
    callback = await desk.callback_of("+819011160031", seconds=120)
    assert (callback["cause"], callback["due_at"]) == ("asked", WEDNESDAY)
    assert understood(callback["message"]["transcript"]["text"], CANCEL) >= 0.8, callback


async def _ends_by_its_limit(caller: Any, agent: Any, dialled: float) -> None:
    """Thirty seconds; the engine is not there to say why, and Asterisk ends it."""
    assert await caller.is_hung_up(limit=120) - dialled > 30
    await agent.is_hung_up()


async def _goes_on_talking(caller: Any, agent: Any) -> None:
    await agent.sounds(tone(1000, 8))
    await caller.hears_sound(tone(1000, 0.5), "the agent")
    await caller.sounds(tone(600, 8))
    await agent.hears_sound(tone(600, 0.5), "the caller")


async def _finishes_the_message(caller: Any, saying: "asyncio.Task[None]") -> None:
    await saying
    await caller.says(INVOICE)
    await caller.press("#")
    await caller.hears(THANKS)
    await caller.is_hung_up()


async def _is_taken_over(caller: Any, killed: float) -> None:
    """The only agent talks: a message."""
    begin, _ = await caller.hears_sound(caller.desk.prompt(RECORD), RECORD)
    assert begin - killed < SOON
    await caller.hears_beep()
    await caller.says(LOGIN)
    await caller.hang_up()


def _end(desk: Desk, number: signal.Signals) -> tuple[int, float]:
    """The engine's process, and when it got the signal."""
    engine = desk.process("engine")
    assert engine is not None
    os.kill(engine, number)
    return engine, time.monotonic()


def _is_frozen(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def _recordings(desk: Desk) -> int:
    """How many messages Asterisk records at this moment for the engine."""
    names = [path.stem for path in (desk.data / "recordings" / "messages").glob("*.json")]
    live = [await desk.ari(f"recordings/live/messages%2F{name}") for name in names]
    return sum(one.get("state") == "recording" for one in live)


async def _served_again(desk: Desk, ended: int) -> None:
    """A new engine takes calls: it writes its health, Asterisk answers it, and it does not drain."""
    await until(lambda: desk.process("engine") not in (None, ended), PATIENCE, "a new engine runs")
    before = desk.rows("SELECT at FROM health WHERE process = 'engine'")

    async def healthy() -> bool:
        ((at, ok, detail),) = desk.rows("SELECT at, ok, detail FROM health WHERE process = 'engine'")
        return (at,) not in before and bool(ok) and not json.loads(detail)["draining"]

    await until(healthy, PATIENCE, "the new engine is well")
