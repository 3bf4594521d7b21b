"""The engine stops in the moment in which a caller has asked to be rung back."""

import asyncio

import pytest

from tests.fakes.virtual_time import in_virtual_time
from tests.flows.scenarios import Scenario, scenarios

NAME = "contact: the caller's own number is read digit by digit and confirmed"


@pytest.fixture
def scenario() -> Scenario:
    return next(each for each in scenarios() if each.name == NAME)


def test_the_promise_is_kept_and_known(scenario: Scenario) -> None:
    in_virtual_time(_stopped)(scenario)


async def _stopped(scenario: Scenario) -> None:
    """Who stops knows by the outcome that the fallback need not take a message from this caller, too."""
    office = scenario.office()
    serving = asyncio.create_task(office.serve())
    for _ in range(60_000):  # virtual milliseconds
        if office.room.callbacks:
            break
        await asyncio.sleep(0.001)
    await office.stop()
    assert len(office.room.callbacks) == 1
    [visit] = office.visits
    assert (visit.state.outcome, visit.state.step) == ("callback", "ring_back")
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
