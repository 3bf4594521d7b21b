"""Calls of random people, replayed: their own version gives what was recorded, a changed one what it changes."""

import asyncio
from collections.abc import Sequence
from functools import cache

from ivr.dialplan.load import load_text
from ivr.dialplan.model import Dialplan
from ivr.replay import Replayed, counts, replay
from ivr.steps import STEPS
from ivr.store.calls import Passage
from ivr.terminal.session import SOMEBODY
from ivr.terminal.virtual import VirtualLoop
from tests.dialplans import changed
from tests.flows.office import calendars, ecforce
from tests.random_callers import call

CALLS = 200


@cache
def yesterday() -> Sequence[Passage]:
    """Each as the journal keeps it."""
    dialplan, known = ecforce()[0], calendars(ecforce()[0])
    kept: list[Passage] = []

    async def main() -> None:
        for seed in range(CALLS):
            _, session = await call(seed, dialplan, known)
            state, path = session.state, session.state.path
            kept.append(
                Passage(
                    str(seed),
                    dialplan.hash,
                    SOMEBODY.number,
                    None,
                    session.began,
                    60.0,
                    state.outcome,
                    state.cause,
                    list(path),
                    [],
                )
            )

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    return kept


def through(new: Dialplan) -> list[Replayed]:
    old = ecforce()[0]
    return replay(yesterday(), {old.hash: old}, new)


def test_the_same_version_leads_everybody_as_it_did() -> None:
    results = through(ecforce()[0])
    assert counts(results)["differs"] == 0
    strange = [
        (result.call.id, result.call.path, result.why) for result in results if result.verdict != "same"
    ]
    assert len(strange) <= CALLS // 50, strange  # two in a hundred may be beyond what is recorded


def test_a_key_that_leads_elsewhere_changes_the_calls_that_pressed_it_and_no_others() -> None:
    new = load_text("ecforce.yaml", changed('"#2": billing', '"#2": onboarding', ecforce()[0].source), STEPS)
    results = through(new)
    pressed = {result.call.id for result in results if ["menu", "#2"] in _pairs(result.call.path)}
    assert len(pressed) > 10
    known = {result.call.id for result in results if result.verdict != "unknown"}
    differs = {result.call.id for result in results if result.verdict == "differs"}
    assert differs == pressed & known
    one = next(result for result in results if result.verdict == "differs")
    assert one.now[: one.now.index("#2") + 2][-3:] == ["menu", "#2", "onboarding"]


def test_other_hours_send_calls_of_the_new_gap_to_the_closed_message() -> None:
    source = ecforce()[0].source
    new = load_text("ecforce.yaml", changed('月-金: "10:00-17:00"', '月-金: "12:00-17:00"', source), STEPS)
    differing = [result for result in through(new) if result.verdict == "differs"]
    assert len(differing) > 5
    assert {result.call.started_at.hour for result in differing} == {10, 11}
    assert all("closed_message" in result.now for result in differing)


def test_a_version_that_is_gone_and_a_call_that_cannot_be_repeated_are_unknown() -> None:
    dialplan = ecforce()[0]
    first = yesterday()[0]
    [gone] = replay([first], {}, dialplan)
    assert (gone.verdict, gone.now) == ("unknown", ())
    strange = Passage(
        "x", dialplan.hash, None, "anonymous", first.started_at, 9.0, "informed", None, ["welcome", "bye"], []
    )
    [unlike] = replay([strange], {dialplan.hash: dialplan}, dialplan)
    assert unlike.verdict == "unknown" and unlike.why.startswith("its own version leads it another way")


def _pairs(path: Sequence[str]) -> list[list[str]]:
    return [list(path[at : at + 2]) for at in range(len(path) - 1)]
