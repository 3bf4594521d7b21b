"""Waiting in a queue, by "Queues and capacity" of DESIGN.md; in virtual time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from ivr.call import CallState, Offer, Verdict
from ivr.queues.queues import QueuePlace, Queues
from tests.fakes.fake_call import FakeCall
from tests.fakes.fake_roster import Agent, FakeRoster
from tests.fakes.virtual_time import FakeClock, in_virtual_time
from tests.fakes.world import Telephone, World

NOON = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SOON = 0.1  # seconds: at once, but for the store's latency


@dataclass
class Hall:
    """The queues of one engine, their agents, and callers who come one after the other."""

    agents: Sequence[Agent]
    queues: Queues = field(init=False)

    def __post_init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.roster = FakeRoster(self.agents)
        self.queues = Queues(self.roster, self.clock)
        self._callers = 0

    async def enter(
        self,
        group: str = "support",
        *,
        line: str = "ecforce",
        capacity: int = 4,
        busy_wait: float = 30,
        max_wait: float = 120,
        ring: float = 20,
        waited: float = 0,
    ) -> QueuePlace:
        self._callers += 1
        call = FakeCall(World(), Telephone([]), CallState(f"c{self._callers}", line, ""))
        return await self.queues.enter(
            call,
            group,
            capacity=capacity,
            busy_wait=timedelta(seconds=busy_wait),
            max_wait=timedelta(seconds=max_wait),
            ring=timedelta(seconds=ring),
            entered_at=self.clock.now() - timedelta(seconds=waited),
        )


def now() -> float:
    return asyncio.get_running_loop().time()


def about(seconds: float) -> object:
    return pytest.approx(seconds, abs=SOON)


async def offered(place: QueuePlace) -> Offer:
    offer = await place.next()
    assert not isinstance(offer, Verdict), offer
    return offer


async def ring_out(offer: Offer) -> None:
    """All telephones ring to the end and nobody answers."""
    await asyncio.sleep(offer.ring)
    await offer.close([seat.agent for seat in offer.seats], [])


# -- verdicts -----------------------------------------------------------------------------


@in_virtual_time
async def test_nobody_staffed_is_known_at_once() -> None:
    place = await Hall([Agent("a", "support", "away"), Agent("b", "billing")]).enter()
    assert await place.next() == Verdict("no_agent")
    assert now() < SOON


@pytest.mark.parametrize("state", ["talking", "wrap_up"])
@in_virtual_time
async def test_all_busy_ends_after_the_busy_wait(state: str) -> None:
    place = await Hall([Agent("a", "support", state)]).enter()
    assert await place.next() == Verdict("busy")
    assert now() == about(30)


@in_virtual_time
async def test_busy_wait_does_not_count_the_ringing() -> None:
    agent = Agent("a", "support")
    hall = Hall([agent])
    place = await hall.enter()
    agent.state = "talking"
    hall.queues.changed()
    waiting = asyncio.create_task(offered(place))
    await asyncio.sleep(10)
    agent.state = "available"
    offer = await waiting
    assert now() <= 11 + SOON  # it looks again each second
    blocked = now()
    await asyncio.sleep(offer.ring)
    agent.state = "talking"
    await offer.close([], [])
    assert await place.next() == Verdict("busy")
    assert now() == about(blocked + 20 + (30 - blocked))


@in_virtual_time
async def test_longest_wait_bounds_the_whole_step() -> None:
    agent = Agent("a", "support")
    place = await Hall([agent]).enter(ring=25)
    rings = []
    while not isinstance(offer := await place.next(), Verdict):
        rings.append(round(offer.ring))
        agent.unanswered = 0
        await ring_out(offer)
    assert rings == [25, 25, 25, 25, 20]
    assert offer == Verdict("no_answer")
    assert now() == about(120)


@in_virtual_time
async def test_ring_cut_by_the_longest_wait_is_nobodys_fault() -> None:
    agent = Agent("a", "support", unanswered=2)
    place = await Hall([agent]).enter(max_wait=15)
    await ring_out(await offered(place))
    assert (agent.state, agent.unanswered) == ("available", 2)
    assert await place.next() == Verdict("no_answer")


@in_virtual_time
async def test_only_agent_declining_is_no_answer_and_not_an_empty_desk() -> None:
    place = await Hall([Agent("a", "support")]).enter()
    await (await offered(place)).close(["a"], ["a"])
    assert await place.next() == Verdict("no_answer")
    assert now() < SOON


@in_virtual_time
async def test_longest_wait_without_any_ring_is_busy() -> None:
    place = await Hall([Agent("a", "support", "talking")]).enter(busy_wait=600)
    assert await place.next() == Verdict("busy")
    assert 117 < now() <= 120 + SOON


@in_virtual_time
async def test_who_has_waited_in_another_engine_goes_on_waiting_from_there() -> None:
    place = await Hall([Agent("a", "support", "talking")]).enter(busy_wait=600, waited=100)
    assert await place.next() == Verdict("busy")
    assert 17 < now() <= 20 + SOON


@in_virtual_time
async def test_agent_who_is_away_after_three_rings_did_not_answer() -> None:
    place = await Hall([Agent("a", "support")]).enter()
    for _ in range(3):
        await ring_out(await offered(place))
    assert await place.next() == Verdict("no_answer")
    assert now() == about(60)


# -- order and reservation ----------------------------------------------------------------


@in_virtual_time
async def test_oldest_caller_is_first_whoever_asks_first() -> None:
    agent = Agent("a", "support", "talking")
    hall = Hall([agent])
    older, younger = await hall.enter(), await hall.enter()
    second = asyncio.create_task(offered(younger))
    await asyncio.sleep(0.5)
    first = asyncio.create_task(offered(older))
    await asyncio.sleep(0.5)
    agent.state = "available"
    hall.queues.changed()
    await asyncio.sleep(SOON)
    assert first.done() and not second.done()
    await first.result().close([], [])
    await older.leave()
    await asyncio.sleep(SOON)
    assert [seat.agent for seat in second.result().seats] == ["a"]


@in_virtual_time
async def test_caller_who_waited_elsewhere_before_goes_first() -> None:
    agent = Agent("a", "support", "talking")
    hall = Hall([agent])
    here, taken_back = await hall.enter(), await hall.enter(waited=10)
    later = asyncio.create_task(offered(here))
    sooner = asyncio.create_task(offered(taken_back))
    await asyncio.sleep(0.5)
    agent.state = "available"
    hall.queues.changed()
    await asyncio.sleep(SOON)
    assert sooner.done() and not later.done()
    later.cancel()


@in_virtual_time
async def test_all_free_agents_ring_and_each_holds_one_offer() -> None:
    hall = Hall([Agent("a", "support"), Agent("b", "support"), Agent("c", "billing")])
    first, second, third = await hall.enter(), await hall.enter(), await hall.enter("billing")
    assert [seat.agent for seat in (await offered(first)).seats] == ["a", "b"]
    waiting = asyncio.create_task(offered(second))
    assert [seat.agent for seat in (await offered(third)).seats] == ["c"]  # another group waits for nobody
    await asyncio.sleep(5)
    assert not waiting.done()
    waiting.cancel()


@in_virtual_time
async def test_of_two_answers_one_counts_and_the_other_agent_is_free_again() -> None:
    agents = [Agent("a", "support"), Agent("b", "support")]
    hall = Hall(agents)
    place = await hall.enter()
    offer = await offered(place)
    assert await offer.answered("b")
    assert not await offer.answered("a")
    await offer.close([], [])
    assert [agent.state for agent in agents] == ["available", "talking"]
    assert [seat.agent for seat in (await offered(await hall.enter())).seats] == ["a"]
    await place.leave()
    assert agents[1].state == "wrap_up"


@in_virtual_time
async def test_agent_who_left_before_the_bridge_stood_does_not_block_the_caller() -> None:
    agents = [Agent("a", "support"), Agent("b", "support")]
    place = await Hall(agents).enter()
    offer = await offered(place)
    assert await offer.answered("a")
    await offer.close([], ["a"])
    offer = await offered(place)
    assert [seat.agent for seat in offer.seats] == ["b"]
    assert await offer.answered("b")


# -- capacity -----------------------------------------------------------------------------


@in_virtual_time
async def test_who_comes_beyond_the_capacity_finds_all_lines_busy() -> None:
    agents = [Agent(name, "support") for name in "abc"]
    hall = Hall(agents)
    inside = [await hall.enter(capacity=2) for _ in range(2)]
    offer = await offered(inside[0])
    assert await offer.answered("a")
    await offer.close([], [])
    beyond = await hall.enter(capacity=2)
    assert await beyond.next() == Verdict("busy")
    assert now() == about(30)


@in_virtual_time
async def test_place_comes_free_when_a_caller_leaves() -> None:
    hall = Hall([Agent("a", "support")])
    inside, beyond = await hall.enter(capacity=1), await hall.enter(capacity=1)
    waiting = asyncio.create_task(offered(beyond))
    await asyncio.sleep(10)
    assert not waiting.done()
    await inside.leave()
    await asyncio.sleep(SOON)
    assert [seat.agent for seat in waiting.result().seats] == ["a"]


@in_virtual_time
async def test_capacity_is_counted_by_line() -> None:
    hall = Hall([Agent("a", "support")])
    await hall.enter(capacity=1)
    other_line = await hall.enter(line="sakura", capacity=1)
    assert [seat.agent for seat in (await offered(other_line)).seats] == ["a"]


@in_virtual_time
async def test_older_caller_without_a_place_holds_up_nobody() -> None:
    hall = Hall([Agent("a", "support")])
    await hall.enter("billing", capacity=1)
    without_place = await hall.enter(capacity=1)
    asking = asyncio.create_task(without_place.next())
    await asyncio.sleep(1)
    other_line = await hall.enter(line="sakura")
    assert [seat.agent for seat in (await offered(other_line)).seats] == ["a"]
    asking.cancel()


# -- cancellation, leaving, the store -----------------------------------------------------


@pytest.mark.parametrize("moment", [n / 2000 for n in range(16)])
@in_virtual_time
async def test_cancelled_wait_loses_no_reservation(moment: float) -> None:
    """The reservation takes 4 ms; the cancellation falls before, into and behind it."""
    agent = Agent("a", "support")
    hall = Hall([agent])
    place = await hall.enter()
    asking = asyncio.create_task(place.next())
    await asyncio.sleep(moment)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    if asking.cancelled():
        offer = await offered(place)
        assert [seat.agent for seat in offer.seats] == ["a"]
    assert hall.roster.reserved == [("c1", "a")]
    await place.leave()


@pytest.mark.parametrize("moment", [n / 2000 for n in range(16)])
@in_virtual_time
async def test_who_leaves_after_a_cancelled_wait_holds_no_agent(moment: float) -> None:
    agent = Agent("a", "support")
    place = await Hall([agent]).enter()
    asking = asyncio.create_task(place.next())
    await asyncio.sleep(moment)
    asking.cancel()
    done = (await asyncio.gather(asking, return_exceptions=True))[0]
    if isinstance(done, BaseException):
        await place.leave()
    else:
        await done.close([], [])
    assert (agent.state, agent.offer) == ("available", None)


def test_the_moments_above_fall_on_both_sides_of_the_reservation() -> None:
    sides = set()

    @in_virtual_time
    async def cancel(moment: float) -> None:
        hall = Hall([Agent("a", "support")])
        place = await hall.enter()
        asking = asyncio.create_task(place.next())
        await asyncio.sleep(moment)
        sides.add((bool(hall.roster.reserved), asking.done()))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await place.leave()

    for n in range(16):
        cancel(n / 2000)
    assert sides == {(False, False), (True, False), (True, True)}


@in_virtual_time
async def test_leaving_twice_does_no_harm() -> None:
    agent = Agent("a", "support")
    hall = Hall([agent])
    place = await hall.enter()
    offer = await offered(place)
    assert await offer.answered("a")
    await offer.close([], [])
    await place.leave()
    agent.state, agent.back_at = "available", None
    other = await hall.enter()
    assert await (await offered(other)).answered("a")
    await place.leave()
    assert (agent.state, agent.offer) == ("talking", "c2")


@in_virtual_time
async def test_talk_that_was_taken_back_ends_in_wrap_up() -> None:
    agent = Agent("a", "support", "talking", offer="c1")
    place = await Hall([agent]).enter()
    await place.leave()
    assert agent.state == "wrap_up"


@in_virtual_time
async def test_store_that_fails_for_a_while_only_delays() -> None:
    hall = Hall([Agent("a", "support")])
    place = await hall.enter()
    hall.roster.fail(5)
    assert [seat.agent for seat in (await offered(place)).seats] == ["a"]
    assert now() == about(5)


@in_virtual_time
async def test_store_that_never_comes_back_is_busy_not_endless() -> None:
    hall = Hall([Agent("a", "support")])
    hall.roster.fail(10_000)
    place = await hall.enter()
    assert await place.next() == Verdict("busy")
    assert now() == about(30)
    await place.leave()


@in_virtual_time
async def test_answer_that_the_store_did_not_take_leaves_the_caller_waiting() -> None:
    agent = Agent("a", "support")
    hall = Hall([agent])
    place = await hall.enter()
    offer = await offered(place)
    hall.roster.fail(1)
    assert not await offer.answered("a")
    await offer.close([], [])
    assert await (await offered(place)).answered("a")


@in_virtual_time
async def test_store_that_fails_at_the_end_is_no_error_of_the_call() -> None:
    hall = Hall([Agent("a", "support")])
    place = await hall.enter()
    offer = await offered(place)
    assert await offer.answered("a")
    hall.roster.fail(10)
    await offer.close([], [])
    await place.leave()


@in_virtual_time
async def test_who_looks_on_sees_how_many_wait_and_since_when() -> None:
    hall = Hall([Agent("a", "support")])
    assert hall.queues.crowd() == {}
    first = await hall.enter(waited=40)
    offer = await offered(first)
    assert await offer.answered("a")
    await hall.enter(waited=25)  # in the first moment nobody has been asked for yet
    longest, other = await hall.enter(waited=20), await hall.enter(line="eccall")
    waiting = [asyncio.create_task(offered(place)) for place in (longest, other)]
    await asyncio.sleep(1)
    since = datetime.fromisoformat(hall.queues.crowd()["ecforce"].pop("since"))
    assert (hall.clock.now() - since).total_seconds() == pytest.approx(21, abs=SOON)
    crowd = hall.queues.crowd()
    assert crowd["ecforce"] | {"since": None} == {"waiting": 1, "talking": 2, "since": None}
    assert (crowd["eccall"]["waiting"], crowd["eccall"]["talking"]) == (1, 0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await longest.leave()
    assert hall.queues.crowd()["ecforce"] == {"waiting": 0, "talking": 2, "since": None}


@in_virtual_time
async def test_a_group_of_the_same_name_in_another_company_is_another_queue() -> None:
    hall = Hall([Agent("a", "support", tenant="shop"), Agent("b", "support", "talking", tenant="sakura")])
    hall.queues = Queues(hall.roster, hall.clock, {"shop": "shop", "sakura": "sakura"}.get)
    waits = await hall.enter(line="sakura", busy_wait=600, max_wait=600)
    waiting = asyncio.create_task(waits.next())
    await asyncio.sleep(1)
    offer = await offered(await hall.enter(line="shop"))
    assert [seat.agent for seat in offer.seats] == ["a"], "nobody older waits there"
    await offer.close([], [])
    await asyncio.sleep(5)
    assert not waiting.done(), "an agent of another company is free, and not rung"
    waiting.cancel()
    await waits.leave()
