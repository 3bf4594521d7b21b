"""What the queues ask of a roster, held by the one on the store and by the fake alike."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.queues.roster import Roster, StoreRoster
from ivr.store import agents
from ivr.store.agents import Staffing
from ivr.store.database import Store
from ivr.store.migrate import migrate
from tests.fakes.fake_roster import Agent, FakeRoster

NOON = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
WRAP_UP = 30
# name -> groups; all are available
TEAM = {"sato": "support", "suzuki": "support", "tanaka": "billing"}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "ivr.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["store", "fake"])
async def roster(
    request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path
) -> AsyncIterator[Roster]:
    if request.param == "fake":
        team = [Agent(name, group, wrap_up_seconds=WRAP_UP) for name, group in TEAM.items()]
        yield FakeRoster([*team, Agent("ueda", "shared", tenant="sakura"), Agent("wada", "shared")])
        return
    file = tmp_path / "ivr.db"
    shutil.copy(empty_database, file)
    store = await Store.open(f"sqlite:///{file}")
    async with store.write() as session:
        for name, group in TEAM.items():
            await agents.add(
                session,
                name,
                groups=[group],
                endpoint=f"PJSIP/{name}",
                secret="",
                at=NOON,
                wrap_up_seconds=WRAP_UP,
            )
        for name, tenant in (("ueda", "sakura"), ("wada", None)):
            about = {"endpoint": f"PJSIP/{name}", "secret": "", "at": NOON}
            await agents.add(session, name, groups=["shared"], tenant=tenant, **about)  # type: ignore[arg-type]
    yield StoreRoster(store)
    await store.close()


async def reserve(roster: Roster, call_id: str, seconds: float, group: str = "support") -> list[str]:
    seats = await roster.reserve(group, None, call_id, at(seconds + 30), at(seconds))
    assert [seat.endpoint for seat in seats] == [f"PJSIP/{seat.agent}" for seat in seats]
    return [seat.agent for seat in seats]


async def test_all_free_agents_of_the_group_are_reserved_for_one_call(roster: Roster) -> None:
    assert await reserve(roster, "c1", 0) == ["sato", "suzuki"]
    assert await reserve(roster, "c2", 1) == []
    assert await reserve(roster, "c2", 1, "billing") == ["tanaka"]
    assert await reserve(roster, "c3", 1, "nobody") == []


async def test_one_agent_alone_is_reserved_if_free(roster: Roster) -> None:
    seat = await roster.reserve_agent("sato", "c1", at(30), at(0))
    assert seat is not None and (seat.agent, seat.endpoint) == ("sato", "PJSIP/sato")
    assert await roster.reserve_agent("sato", "c2", at(31), at(1)) is None
    assert await roster.reserve_agent("nobody", "c2", at(31), at(1)) is None
    assert await reserve(roster, "c2", 2) == ["suzuki"]
    assert await roster.answer("sato", "c1", at(3))


async def test_reservation_ends_with_its_time(roster: Roster) -> None:
    await reserve(roster, "c1", 0)
    assert await reserve(roster, "c2", 29) == []
    assert await reserve(roster, "c2", 30) == ["sato", "suzuki"]
    assert not await roster.answer("sato", "c1", at(31))


async def test_first_answer_wins_and_only_of_those_reserved(roster: Roster) -> None:
    await reserve(roster, "c1", 0)
    assert not await roster.answer("tanaka", "c1", at(1))
    assert not await roster.answer("sato", "c2", at(1))
    assert await roster.answer("suzuki", "c1", at(2))
    assert not await roster.answer("sato", "c1", at(2))
    await roster.release("c1", [], [], at(2))
    assert await reserve(roster, "c2", 3) == ["sato"]


async def test_talk_is_followed_by_wrap_up_which_ends_by_time(roster: Roster) -> None:
    await reserve(roster, "c1", 0, "billing")
    assert await roster.answer("tanaka", "c1", at(1))
    await roster.release("c1", [], [], at(1))
    assert await reserve(roster, "c2", 1000, "billing") == []
    await roster.finish_talk("c1", at(1000))
    await roster.finish_talk("c1", at(1010))
    assert await reserve(roster, "c2", 1000 + WRAP_UP - 1, "billing") == []
    assert await reserve(roster, "c2", 1000 + WRAP_UP, "billing") == ["tanaka"]


async def test_three_unanswered_rings_in_a_row_set_the_agent_away(roster: Roster) -> None:
    for ring in range(3):
        assert await reserve(roster, f"c{ring}", ring, "billing") == ["tanaka"]
        await roster.release(f"c{ring}", ["tanaka"], [], at(ring))
    assert await reserve(roster, "c9", 100_000, "billing") == []
    assert await roster.staffing("billing", None, at(100_000)) == Staffing(away=1)


async def test_an_answer_in_between_forgives_the_unanswered_ones(roster: Roster) -> None:
    for ring in range(4):
        seconds = ring * 100
        assert await reserve(roster, f"c{ring}", seconds, "billing") == ["tanaka"]
        if ring == 1:
            assert await roster.answer("tanaka", "c1", at(seconds))
            await roster.finish_talk("c1", at(seconds))
        else:
            await roster.release(f"c{ring}", ["tanaka"], [], at(seconds))
    assert await reserve(roster, "c9", 400, "billing") == ["tanaka"]


async def test_ring_that_was_stopped_is_not_unanswered(roster: Roster) -> None:
    for ring in range(5):
        assert await reserve(roster, f"c{ring}", ring, "billing") == ["tanaka"]
        await roster.release(f"c{ring}", [], [], at(ring))
    assert await reserve(roster, "c9", 9, "billing") == ["tanaka"]


async def test_telephone_that_could_not_ring_counts_as_away_for_a_moment(roster: Roster) -> None:
    await reserve(roster, "c1", 0, "billing")
    await roster.release("c1", [], ["tanaka"], at(0))
    staffing = await roster.staffing("billing", None, at(1))
    assert (staffing.available, staffing.away) == (0, 1)
    assert await reserve(roster, "c2", 2, "billing") == []
    assert await reserve(roster, "c2", 3, "billing") == ["tanaka"]


async def test_agent_who_declines_rests_a_moment_each_time_and_is_never_set_away(roster: Roster) -> None:
    for ring in range(0, 20, 4):
        assert await reserve(roster, f"c{ring}", ring, "billing") == ["tanaka"]
        await roster.release(f"c{ring}", ["tanaka"], ["tanaka"], at(ring))
        assert await reserve(roster, f"c{ring + 1}", ring + 2, "billing") == []


async def test_staffing_counts_each_agent_once(roster: Roster) -> None:
    assert await roster.staffing("support", None, at(0)) == Staffing(available=2)
    await reserve(roster, "c1", 0)
    assert await roster.staffing("support", None, at(1)) == Staffing(reserved=2)
    assert await roster.answer("sato", "c1", at(2))
    await roster.release("c1", [], [], at(2))
    assert await roster.staffing("support", None, at(3)) == Staffing(available=1, talking=1)
    await roster.finish_talk("c1", at(4))
    wrapping = Staffing(available=1, wrap_up=1)
    assert await roster.staffing("support", None, at(5)) == wrapping
    assert await roster.staffing("support", None, at(4 + WRAP_UP)) == Staffing(available=2)
    assert await roster.staffing("nobody", None, at(5)) == Staffing()


async def test_a_group_of_the_same_name_in_another_company_is_another_group(roster: Roster) -> None:
    seats = await roster.reserve("shared", "ecforce", "c1", at(30), at(0))
    assert [seat.agent for seat in seats] == ["wada"]
    assert await roster.staffing("shared", "ecforce", at(1)) == Staffing(reserved=1)
    assert await roster.staffing("shared", "sakura", at(1)) == Staffing(available=1, reserved=1)
    seats = await roster.reserve("shared", "sakura", "c2", at(30), at(1))
    assert [seat.agent for seat in seats] == ["ueda"]
