"""The engine's calls on a small Asterisk in memory: moments that a real one gives only by chance."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.asterisk.caller import AriCall
from ivr.call import (
    Announcement,
    Caller,
    CallState,
    Offer,
    Seat,
    Talked,
    TalkLimit,
    Verdict,
    Waited,
)
from ivr.engine import UNKNOWN_NUMBER, Engine
from ivr.keys import KeyTable
from ivr.lines import Lines, LiveLine
from ivr.queues.queues import Queues
from tests.fakes.fake_ari import SOUNDS, FakeAri
from tests.fakes.fake_closings import ClosingBook, FakeClosings
from tests.fakes.fake_journal import FakeJournal, Ledger
from tests.fakes.fake_mailbox import FakeMailbox, Mailroom
from tests.fakes.fake_retrieval import FakeRetrieval, Shelf
from tests.fakes.fake_roster import FakeRoster
from tests.fakes.virtual_time import FakeClock, in_virtual_time

SOON = 0.05  # seconds: some requests and their answers
HELLO = (Announcement(lambda: ("hello",)), Announcement(lambda: ("busy",), after=10, every=30))

GOES_ON = """\
line: {tenant: shop, name: 総合受付, numbers: ["03-1234-5678"]}
start: welcome
steps:
  welcome: {type: play, say: お電話ありがとうございます。, next: on}
  on: {type: goto, line: workshop}
"""
GONE_TO = """\
line: {tenant: shop, name: 工房, numbers: ["03-1234-5679"]}
start: thanks
steps:
  thanks: {type: play, say: お電話ありがとうございました。, next: bye}
  bye: {type: hangup}
"""


class OneOffer:
    """Offers these agents once, then nothing more; notes how the offer was closed."""

    def __init__(self, *agents: str, offers: int = 1) -> None:
        self.seats: Sequence[Seat] = [Seat(agent, f"PJSIP/{agent}") for agent in agents]
        self.ring = 20.0
        self.closed: list[tuple[list[str], list[str]]] = []
        self._offers = offers

    async def next(self) -> Offer | Verdict:
        if not self._offers:
            await asyncio.Event().wait()
        self._offers -= 1
        return self

    async def answered(self, agent: str) -> bool:
        await asyncio.sleep(SOON)
        return True

    async def close(self, unanswered: Sequence[str], failed: Sequence[str]) -> None:
        self.closed.append((list(unanswered), list(failed)))

    async def leave(self) -> None:
        return


def a_call(ari: FakeAri) -> AriCall:
    ari.channels.add("c1")
    state = CallState("c1", "ecforce", "")
    return AriCall(ari, "c1", Caller("+819012345678"), "050", state, SOUNDS, Path("/recordings"))  # type: ignore[arg-type]


def waiting(call: AriCall, place: OneOffer) -> "asyncio.Task[Waited]":
    return asyncio.create_task(call.wait(place, KeyTable([]), HELLO))


async def answered_by(ari: FakeAri) -> str:
    await asyncio.sleep(3)
    ari.comes(ari.rung[-1])
    return ari.rung[-1]


@in_virtual_time
async def test_a_stop_leaves_a_talk_alone() -> None:
    ari = FakeAri()
    call, place = a_call(ari), OneOffer("tanaka")
    wait = waiting(call, place)
    agent = await answered_by(ari)
    assert (await wait).ended_by == "answered"
    talking = asyncio.create_task(call.talk())
    await asyncio.sleep(60)
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert list(ari.bridges.values()) == [["c1", agent]]


LIMIT = TalkLimit(180.0, ["over", "goodbye"], 120.0, ["soon"])


async def talk_with_limit(ari: FakeAri) -> tuple[AriCall, str, "asyncio.Task[Talked]"]:
    call, place = a_call(ari), OneOffer("tanaka")
    wait = waiting(call, place)
    agent = await answered_by(ari)
    await wait
    return call, agent, asyncio.create_task(call.talk(LIMIT))


@in_virtual_time
async def test_a_talk_with_a_limit_is_warned_and_ended() -> None:
    ari = FakeAri()
    _, agent, talking = await talk_with_limit(ari)
    await asyncio.sleep(119)
    assert ari.said == []
    # 180 s, two seconds of "over" and "goodbye", and ten should nobody be there to say them.
    assert ari.limits == {"c1": 192}
    await asyncio.sleep(2)
    assert ari.said == ["sound:soon"]
    await asyncio.sleep(60)
    assert ari.said == ["sound:soon", "sound:over", "sound:goodbye"]
    assert agent in ari.channels, "the agent hears it to its end"
    assert await talking == Talked("limit")
    await asyncio.sleep(SOON)
    assert (agent in ari.channels, "c1" in ari.channels, ari.bridges) == (False, True, {})
    assert ari.limits == {"c1": 0}


@pytest.mark.parametrize(("seconds", "said"), [(60, []), (150, ["sound:soon"])])
@in_virtual_time
async def test_a_talk_that_ends_by_itself_leaves_no_limit(seconds: int, said: list[str]) -> None:
    ari = FakeAri()
    _, agent, talking = await talk_with_limit(ari)
    await asyncio.sleep(seconds)
    ari.leaves(agent)
    assert await talking == Talked("agent")
    assert (ari.said, ari.limits) == (said, {"c1": 0})


@in_virtual_time
async def test_a_stop_leaves_the_limit_of_a_talk_to_asterisk() -> None:
    ari = FakeAri()
    _, _, talking = await talk_with_limit(ari)
    await asyncio.sleep(60)
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert ari.limits == {"c1": 192}


@in_virtual_time
async def test_the_end_of_a_visit_stops_a_prompt_and_a_question_and_the_call_goes_on() -> None:
    ari = FakeAri()
    call = a_call(ari)
    for cut in (call.play("choices"), call.read_keys(KeyTable(["1"]), first=5.0)):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await cut
    await asyncio.sleep(SOON)
    assert (await call.play("goodbye")).ended_by == "end"
    assert ari.played == ["['sound:choices']", "['sound:goodbye']"]
    assert "c1" in ari.channels


@in_virtual_time
async def test_nothing_to_say_is_said_at_once() -> None:
    """Every sentence of a text held a value that is empty."""
    ari = FakeAri()
    assert (await a_call(ari).play()).ended_by == "end"
    assert ari.played == []


@pytest.mark.parametrize("who", ["agent", "caller"])
@in_virtual_time
async def test_a_talk_ends_for_both(who: str) -> None:
    ari = FakeAri()
    call, place = a_call(ari), OneOffer("tanaka")
    wait = waiting(call, place)
    agent = await answered_by(ari)
    await wait
    talking = asyncio.create_task(call.talk())
    await asyncio.sleep(5)
    ari.leaves(agent if who == "agent" else "c1")
    await asyncio.gather(talking, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert (agent in ari.channels, ari.bridges) == (False, {})


@in_virtual_time
async def test_an_agent_who_left_before_the_bridge_leaves_the_caller_with_music_and_no_bridge() -> None:
    ari = FakeAri()
    call, place = a_call(ari), OneOffer("tanaka")
    wait = waiting(call, place)
    agent = await answered_by(ari)
    ari.leaves(agent)
    await asyncio.sleep(5)
    assert not wait.done()
    assert place.closed == [(["tanaka"], ["tanaka"])]  # it rang, and is not there now
    assert (ari.bridges, ari.music) == ({}, {"c1"})
    wait.cancel()
    await asyncio.gather(wait, return_exceptions=True)


@in_virtual_time
async def test_a_caller_who_left_before_the_bridge_leaves_no_agent_up() -> None:
    ari = FakeAri()
    call, place = a_call(ari), OneOffer("tanaka", "sato")
    wait = waiting(call, place)
    await answered_by(ari)
    ari.leaves("c1")
    done = await asyncio.gather(wait, return_exceptions=True)
    await asyncio.sleep(5)
    assert type(done[0]).__name__ == "CallerHungUp"
    assert (ari.channels, ari.bridges) == (set(), {})


@pytest.mark.parametrize("moment", [SOON + n * 0.0005 for n in range(16)])
@in_virtual_time
async def test_a_stop_while_the_bridge_is_made_leaves_both_or_none(moment: float) -> None:
    ari = FakeAri()
    call, place = a_call(ari), OneOffer("tanaka")
    wait = waiting(call, place)
    agent = await answered_by(ari)
    await asyncio.sleep(moment)
    wait.cancel()
    await asyncio.gather(wait, return_exceptions=True)
    await asyncio.sleep(3)
    if call.bridge is None:
        assert (ari.channels, ari.bridges) == ({"c1"}, {})
    else:
        assert list(ari.bridges.values()) == [["c1", agent]]


@in_virtual_time
async def test_each_ring_of_a_telephone_has_an_id_of_its_own() -> None:
    ari = FakeAri()
    call, place = a_call(ari), OneOffer("tanaka", offers=2)
    place.ring = 3.0
    wait = waiting(call, place)
    await asyncio.sleep(7)
    assert len(set(ari.rung)) == 2
    assert place.closed == [(["tanaka"], []), (["tanaka"], [])]
    wait.cancel()
    await asyncio.gather(wait, return_exceptions=True)


@in_virtual_time
async def test_a_recording_that_ended_while_the_link_was_broken_keeps_nobody_waiting() -> None:
    ari = FakeAri()
    call = a_call(ari)
    recording = asyncio.create_task(call.record(Path("/recordings/messages/m1.wav"), longest=180, silence=10))
    await asyncio.sleep(20)
    await call.catch_up()
    await asyncio.sleep(SOON)
    assert not recording.done() and ari.recordings == {"messages/m1"}
    ari.recordings.clear()  # ended, and nobody heard of it
    await call.catch_up()
    await asyncio.sleep(SOON)
    assert recording.done() and recording.result().ended_by != "failed"


@in_virtual_time
async def test_a_prompt_that_ended_while_the_link_was_broken_keeps_nobody_waiting() -> None:
    ari = FakeAri()
    call = a_call(ari)
    playing = asyncio.create_task(call.play("hello"))
    await asyncio.sleep(0.5)
    await call.catch_up()
    assert not playing.done()
    ari.forget("c1-p1")
    await asyncio.sleep(2)
    assert not playing.done()
    await call.catch_up()
    await asyncio.sleep(SOON)
    assert playing.result().ended_by == "end"


@in_virtual_time
async def test_what_cannot_be_played_is_replaced_by_the_neutral_prompt() -> None:
    ari = FakeAri()
    ari.missing = {"sound:menu"}
    await a_call(ari).play("excuse", "menu")
    assert ari.played == ["['sound:excuse', 'sound:menu']", "['sound:silence']"]


# -- the engine ---------------------------------------------------------------------------


class Run:
    """An engine without any line."""

    def __init__(self) -> None:
        self.ari, self.ledger = FakeAri(), Ledger()
        clock = FakeClock(datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
        parts: Any = (self.ari, Lines(), Queues(FakeRoster([]), clock), FakeMailbox(Mailroom(lambda _: None)))
        closings = FakeClosings(ClosingBook(), clock)
        self.engine = Engine(
            *parts,
            FakeJournal(self.ledger),
            SOUNDS,
            clock,
            Path("/recordings"),
            closings,
            FakeRetrieval(Shelf(), clock),
        )
        self.serving = asyncio.create_task(self.engine.serve())

    async def linked(self) -> None:
        assert self.ari.on_link is not None
        await self.ari.on_link()


@in_virtual_time
async def test_no_dialled_word_makes_a_caller_an_agent() -> None:
    run = Run()
    await asyncio.sleep(SOON)
    for word in ("agent", "rescue"):
        run.ari.comes(f"c-{word}", word)
    await asyncio.sleep(5)
    assert run.ari.played == [f"['sound:{UNKNOWN_NUMBER}']"] * 2
    assert [run.ledger.ended[f"c-{word}"]["outcome"] for word in ("agent", "rescue")] == ["rejected"] * 2
    assert run.ari.channels == set()


@in_virtual_time
async def test_an_agent_who_answers_after_the_offer_is_hung_up() -> None:
    run = Run()
    await asyncio.sleep(SOON)
    run.ari.comes("c1-a-tanaka-3")
    await asyncio.sleep(SOON)
    assert (run.ari.channels, run.engine.calls) == (set(), {})


@in_virtual_time
async def test_a_call_that_begins_while_the_engine_catches_up_is_served() -> None:
    run = Run()
    await asyncio.sleep(SOON)
    await run.linked()  # the first link
    run.ari.comes("gone", "0312345678")
    run.ari.channels.discard("gone")  # and its StasisEnd was lost
    catching_up = asyncio.create_task(run.linked())
    await asyncio.sleep(0.0015)  # Asterisk has answered, the answer is on its way
    run.ari.comes("new", "0312345678")
    await catching_up
    await asyncio.sleep(SOON)
    assert run.engine.calls.keys() == {"new"}
    await asyncio.sleep(5)
    assert run.ari.channels == set()  # it heard all, and was hung up


@in_virtual_time
async def test_a_recording_that_vanished_with_asterisk_is_not_one_of_a_caller_who_said_nothing() -> None:
    """Killed, it loses up to 2 s, and of a short message all; of a hang-up it would have told."""
    run = Run()
    await asyncio.sleep(SOON)
    await run.linked()
    call = run.engine.calls["c1"] = a_call(run.ari)
    recording = asyncio.create_task(call.record(Path("/recordings/messages/m1.wav"), longest=180, silence=10))
    await asyncio.sleep(3)
    run.ari.recordings.clear()
    run.ari.channels.clear()
    await run.linked()
    assert (await recording).ended_by == "failed"


@in_virtual_time
async def test_a_call_to_which_nothing_can_be_played_goes_to_the_fallback() -> None:
    run = Run()
    run.ari.missing = {f"sound:{UNKNOWN_NUMBER}", "sound:silence"}
    await asyncio.sleep(SOON)
    run.ari.comes("c1", "0312345678")
    await asyncio.sleep(SOON)
    assert run.ari.handed_over == ["c1"]


@in_virtual_time
async def test_a_call_cut_short_by_a_stop_failed_and_is_handed_over() -> None:
    run = Run()
    await asyncio.sleep(SOON)
    run.ari.comes("c1", "0312345678")
    await asyncio.sleep(0.5)
    run.engine.calls["c1"].state.outcome = "in_progress"  # as in any step that did not come to anything yet
    await run.engine.drain(0.1)
    assert run.ari.handed_over == ["c1"]
    assert run.ledger.ended["c1"]["outcome"] == "failed"


@pytest.mark.parametrize(
    ("outcome", "context"),
    [("message", "ivr-last-resort"), ("callback", "ivr-last-resort"), ("in_progress", "ivr-fallback")],
)
@in_virtual_time
async def test_who_was_promised_a_callback_is_not_asked_for_a_message_again(
    outcome: str, context: str
) -> None:
    ari = FakeAri()
    call = a_call(ari)
    call.state.outcome = outcome  # type: ignore[assignment]
    await call.leave_to_fallback()
    assert ari.contexts == [context]


@in_virtual_time
async def test_a_call_goes_on_in_the_line_that_is_live_then_and_without_one_to_the_fallback() -> None:
    run, lines = Run(), Lines()
    front, workshop = LiveLine.read("front", GOES_ON), LiveLine.read("workshop", GONE_TO)
    lines._by_key = {"front": front, "workshop": workshop}
    lines._by_number = {"+81312345678": front}
    run.engine.lines = lines
    await asyncio.sleep(SOON)
    run.ari.comes("c1", "0312345678")
    await asyncio.sleep(5)
    assert run.ledger.ended["c1"]["path"] == ["front:welcome", "on", "workshop:thanks", "bye"]
    assert (run.ledger.ended["c1"]["line"], run.ledger.ended["c1"]["dialplan"]) == (
        "workshop",
        workshop.dialplan.hash,
    )
    del lines._by_key["workshop"]  # withdrawn
    run.ari.comes("c2", "0312345678")
    await asyncio.sleep(5)
    assert run.ledger.ended["c2"]["outcome"] == "failed"
    assert run.ari.handed_over == ["c2"]


@in_virtual_time
async def test_a_number_that_no_line_has_goes_to_the_default_line_of_its_trunk() -> None:
    run = Run()
    workshop = LiveLine.read("workshop", GONE_TO)
    run.engine.lines._by_key["workshop"] = workshop
    run.engine.default_line = {"hikari": "workshop", "carrier": "withdrawn"}.get
    await asyncio.sleep(SOON)
    run.ari.comes("c1", "0399999999", "hikari")
    run.ari.comes("c2", "0399999999", "carrier")
    run.ari.comes("c3", "0399999999")
    await asyncio.sleep(5)
    assert [(run.ledger.ended[c]["line"], run.ledger.ended[c]["outcome"]) for c in ("c1", "c2", "c3")] == [
        ("workshop", "informed"),
        ("", "rejected"),
        ("", "rejected"),
    ]


@in_virtual_time
async def test_only_our_own_call_to_the_tested_number_is_left_to_the_test_of_a_trunk_and_not_for_ever() -> (
    None
):
    run = Run()
    run.engine.lines._by_key["workshop"] = LiveLine.read("workshop", GONE_TO)
    await asyncio.sleep(SOON)
    run.engine.leave_to_test("+81312345679", "+81312345678", run.engine.clock.now() + timedelta(seconds=60))
    run.ari.is_offered("tested", "+81312345679", "0312345678")
    run.ari.is_offered("customer", "+81312345679", "09012345678")
    run.ari.is_offered("withheld", "+81312345679", "")
    run.ari.is_offered("elsewhere", "0312345670", "0312345678")
    await asyncio.sleep(SOON)
    assert run.ari.claimed == ["customer", "withheld", "elsewhere"]
    await asyncio.sleep(61)
    run.ari.is_offered("later", "+81312345679", "0312345678")
    await asyncio.sleep(SOON)
    assert run.ari.claimed[3:] == ["later"]
