"""How long a caller is told to wait: in virtual time, from the talks that were."""

import asyncio
from datetime import timedelta

import pytest

from ivr.call import Offer, Verdict
from ivr.queues.pace import Pace
from ivr.queues.queues import QueuePlace
from ivr.store.agents import Staffing
from tests.fakes.fake_roster import Agent
from tests.fakes.virtual_time import in_virtual_time
from tests.unit.test_queues import Hall, offered

TASKS: dict[QueuePlace, asyncio.Task[Offer | Verdict]] = {}  # of those who wait; they end with their loop


def minutes(wait: timedelta | None) -> float:
    assert wait is not None
    return round(wait / timedelta(minutes=1), 2)


async def served(hall: Hall, seconds: float, group: str = "support") -> None:
    """One caller of the group who is answered at once and talks so long; then the agent is free again."""
    place = await hall.enter(group)
    offer = await offered(place)
    assert await offer.answered(offer.seats[0].agent)
    await offer.close([], [])
    await asyncio.sleep(seconds)
    await place.leave()
    await asyncio.sleep(30.1)  # wrap-up


async def waiting(hall: Hall, group: str = "support") -> QueuePlace:
    """A caller who looks for an agent in vain."""
    place = await hall.enter(group, capacity=9, busy_wait=3600, max_wait=3600)
    TASKS[place] = asyncio.create_task(place.next())
    await asyncio.sleep(0.1)
    return place


@in_virtual_time
async def test_wait_grows_with_the_place_and_shrinks_with_the_agents() -> None:
    """Talks of 4 minutes 30 and wrap-up of 30 s keep an agent five minutes: two agents take a caller each 2:30."""
    agents = [Agent("a", "support"), Agent("b", "support", "away")]
    hall = Hall(agents)
    for _ in range(3):
        await served(hall, 270)
    agents[0].state = agents[1].state = "talking"
    first, second = await waiting(hall), await waiting(hall)
    assert [first.ahead(), second.ahead()] == [0, 1]
    assert [minutes(each.expected_wait()) for each in (first, second)] == [2.5, 5.0]
    assert minutes(await hall.queues.expected_wait("support", "ecforce")) == 7.5
    TASKS[first].cancel()
    await first.leave()
    assert (second.ahead(), minutes(second.expected_wait())) == (0, 2.5)
    agents[1].state = "away"
    await asyncio.sleep(1.1)  # it looks again each second
    assert minutes(second.expected_wait()) == 5.0


@in_virtual_time
async def test_nothing_is_known_before_three_talks() -> None:
    hall = Hall([agent := Agent("a", "support")])
    for _ in range(2):
        await served(hall, 60)
        agent.state = "talking"
        assert await hall.queues.expected_wait("support", "ecforce") is None
        agent.state = "available"
    await served(hall, 60)
    agent.state = "talking"
    assert minutes(await hall.queues.expected_wait("support", "ecforce")) == 1.5
    assert await hall.queues.expected_wait("billing", "ecforce") is None


@in_virtual_time
async def test_nobody_waits_for_a_free_agent_and_nothing_is_known_without_any() -> None:
    hall = Hall([agent := Agent("a", "support")])
    for _ in range(3):
        await served(hall, 60)
    assert await hall.queues.expected_wait("support", "ecforce") == timedelta()
    agent.state, agent.back_at = "away", None
    assert await hall.queues.expected_wait("support", "ecforce") is None


@in_virtual_time
async def test_who_talks_is_ahead_of_nobody() -> None:
    agents = [Agent("a", "support"), Agent("b", "billing", "talking")]
    hall = Hall(agents)
    place = await hall.enter()
    offer = await offered(place)
    assert await offer.answered("a")
    await offer.close([], [])
    behind, elsewhere = await waiting(hall), await waiting(hall, "billing")
    assert (behind.ahead(), elsewhere.ahead()) == (0, 0)


@in_virtual_time
async def test_the_wait_is_known_from_the_first_word_on() -> None:
    """A caller hears `say` at once, before the first look for an agent."""
    hall = Hall([agent := Agent("a", "support")])
    for _ in range(3):
        await served(hall, 90)
    agent.state = "talking"
    place = await hall.enter()
    assert minutes(place.expected_wait()) == 2.0


@in_virtual_time
async def test_a_store_that_fails_tells_no_wait() -> None:
    hall = Hall([Agent("a", "support", "talking")])
    hall.roster.fail(1)
    assert await hall.queues.expected_wait("support", "ecforce") is None


@in_virtual_time
async def test_an_answer_without_a_talk_does_not_count() -> None:
    """The agent hung up in the moment of answering."""
    hall = Hall([Agent("a", "support")])
    for _ in range(3):
        place = await hall.enter()
        offer = await offered(place)
        assert await offer.answered("a")
        await offer.close(["a"], ["a"])
        await place.leave()
        await asyncio.sleep(60)
    assert await hall.queues.expected_wait("support", "ecforce") in (None, timedelta())
    assert not hall.queues.pace.knows("support")


@pytest.mark.parametrize(("talks", "expected"), [(20, 2.5), (40, 2.5)])
def test_only_the_last_talks_count(talks: int, expected: float) -> None:
    pace = Pace()
    for _ in range(50):
        pace.talked("support", 3600)
    for _ in range(talks):
        pace.talked("support", 120)
    assert minutes(pace.wait("support", 0, Staffing(talking=1))) == expected
