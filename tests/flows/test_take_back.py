"""Every scenario again, the engine killed at every step and in its middle, and started again a second later.

What counts is what the caller gets: the same outcome, one message and one callback, one beep for each take.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.fakes.fake_journal import BATCH
from tests.fakes.virtual_time import VirtualLoop
from tests.fakes.world import BEEP
from tests.flows.office import Office, Visit
from tests.flows.scenarios import Expected, Scenario, heard_names, scenarios
from tests.flows.test_scenarios import beeps, check_promises

ALL = list(scenarios())


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_killed_at_every_step(scenario: Scenario) -> None:
    whole = in_a_loop(lambda: serve(scenario, None))
    undisturbed = {visit.id: beeps(visit) for visit in whole.visits}
    killed = 0
    for moment in moments(whole):
        office = in_a_loop(lambda moment=moment: serve(scenario, moment))  # type: ignore[misc]
        for visit, expected in zip(office.visits, scenario.expected(), strict=True):
            killed += len(visit.calls) > 1
            try:
                if in_a_beep(visit, moment):
                    check_killed_in_a_beep(office, visit, expected)
                else:
                    check(office, visit, expected, undisturbed[visit.id])
            except AssertionError as error:
                steps = [step for at, id, step in office.ledger.entered if id == visit.id]
                error.add_note(f"killed at {moment:.3f} s; {steps}; heard {heard_names(visit)}")
                raise
    assert killed, "no kill fell into a call"


async def serve(scenario: Scenario, kill_at: float | None) -> Office:
    office = scenario.office()
    await office.serve(kill_at)
    return office


def in_a_loop(work: Callable[[], Awaitable[Office]]) -> Office:
    async def main() -> Office:
        return await work()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def moments(whole: Office) -> Iterator[float]:
    """Each entering of a step before and after it is saved, the middle to the next one, and just before that."""
    times = sorted({at for at, _, _ in whole.ledger.entered})
    ends = [
        *times[1:],
        max(each.at + each.seconds for visit in whole.visits for each in visit.telephone.heard),
    ]
    for at, end in zip(times, ends, strict=True):
        yield at + BATCH / 2
        if end - at > 4 * BATCH:
            yield at + 1.5 * BATCH
            yield (at + end) / 2
            yield end - BATCH / 5


def check(office: Office, visit: Visit, expected: Expected, undisturbed_beeps: int) -> None:
    left_alone = visit.telephone.gone and visit.done_at is None  # hung up while no engine was there
    if not left_alone:
        state = visit.state
        assert (state.outcome, state.path, state.answers) == (
            expected.outcome,
            expected.path,
            expected.answers,
        )
        assert state.cause in causes(expected)
        assert expected.talked(visit.telephone.talked_to)
    check_promises(office, visit, expected, causes(expected))
    assert beeps(visit) <= undisturbed_beeps


def causes(expected: Expected) -> tuple[str | None, ...]:
    """A new engine does not know that the agents, away by now, were rung for this caller by the old one."""
    return ("no_answer", "no_agent") if expected.cause == "no_answer" else (expected.cause,)


def check_killed_in_a_beep(office: Office, visit: Visit, expected: Expected) -> None:
    """Beep and recording are two orders to Asterisk: who is beeped by a dying engine must be beeped again, or
    speaks to nobody and leaves. The promise is kept all the same, once."""
    callbacks = [each for each in office.room.callbacks if each.call_id == visit.id]
    assert len(callbacks) <= 1
    silent_after_a_beep = any(do.moment == BEEP and not (do.say or do.words) for do in visit.script)
    assert callbacks or expected.outcome != "message" or silent_after_a_beep


def in_a_beep(visit: Visit, moment: float) -> bool:
    return any(
        each.text == BEEP and each.at <= moment < each.at + each.seconds for each in visit.telephone.heard
    )
