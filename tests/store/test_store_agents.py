"""States, reservations and answers, by the rules of "Queues and capacity"."""

import asyncio
from datetime import datetime

import pytest

from ivr.errors import Conflict, NotFound
from ivr.store import agents, orders, seats
from ivr.store.agents import Seat, Staffing
from ivr.store.database import Store
from ivr.store.tables import AgentRow
from tests.store.rows import NOON, after

RING = after(20)


async def add(store: Store, *names: str, groups: tuple[str, ...] = ("support",)) -> None:
    async with store.write() as session:
        for name in names:
            await agents.add(
                session,
                name,
                groups=groups,
                endpoint=f"PJSIP/{name}",
                secret="s",
                at=NOON,
                wrap_up_seconds=30,
            )


async def reserve(store: Store, call: str, now: datetime = NOON, group: str = "support") -> list[str]:
    async with store.write() as session:
        seats = await agents.reserve(session, group, call, until=RING, now=now)
    return [seat.agent for seat in seats]


async def answer(store: Store, agent: str, call: str, now: datetime = NOON) -> bool:
    async with store.write() as session:
        return await agents.answer(session, agent, call, now)


async def release(
    store: Store, call: str, *, unanswered: tuple[str, ...] = (), failed: tuple[str, ...] = ()
) -> None:
    async with store.write() as session:
        await agents.release(session, call, unanswered=unanswered, failed=failed, now=NOON)


async def finish(store: Store, call: str, now: datetime) -> None:
    async with store.write() as session:
        await agents.finish_talk(session, call, now)


async def set_state(store: Store, name: str, state: agents.State, reason: str | None = None) -> None:
    async with store.write() as session:
        await agents.set_state(session, name, state, reason, NOON)


async def get(store: Store, name: str) -> AgentRow:
    async with store.read() as session:
        return await agents.get(session, name)


async def staffing(store: Store, now: datetime = NOON) -> Staffing:
    async with store.read() as session:
        return await agents.staffing(session, "support", now)


# -- people ----------------------------------------------------------------------------------------------


async def test_a_new_agent_is_available(store: Store) -> None:
    await add(store, "tanaka", "sato")
    async with store.read() as session:
        listed = await agents.listing(session)
    assert [(row.name, row.state, row.endpoint) for row in listed] == [
        ("sato", "available", "PJSIP/sato"),
        ("tanaka", "available", "PJSIP/tanaka"),
    ]


async def test_a_name_is_given_once(store: Store) -> None:
    await add(store, "tanaka")
    with pytest.raises(Conflict, match="tanaka"):
        await add(store, "tanaka")


async def test_who_is_not_there_is_not_found(store: Store) -> None:
    async with store.write() as session:
        for attempt in (
            agents.get(session, "nobody"),
            agents.remove(session, "nobody"),
            agents.set_state(session, "nobody", "away", None, NOON),
        ):
            with pytest.raises(NotFound, match=r"nobody.*ivr agent list"):
                await attempt


async def test_a_removed_agent_is_not_rung(store: Store) -> None:
    await add(store, "tanaka")
    async with store.write() as session:
        await agents.remove(session, "tanaka")
    assert await reserve(store, "c1") == []


# -- one offer at a time ---------------------------------------------------------------------------------


async def test_all_free_agents_of_the_group_are_offered_together(store: Store) -> None:
    await add(store, "tanaka", "sato", "suzuki")
    await add(store, "billing-only", groups=("billing",))
    await set_state(store, "suzuki", "away", "会議")
    async with store.write() as session:
        seats = await agents.reserve(session, "support", "c1", until=RING, now=NOON)
    assert seats == [Seat("sato", "PJSIP/sato"), Seat("tanaka", "PJSIP/tanaka")]


async def test_a_reserved_agent_is_offered_no_second_caller(store: Store) -> None:
    await add(store, "tanaka")
    assert await reserve(store, "c1") == ["tanaka"]
    assert await reserve(store, "c2") == []
    await release(store, "c1")
    assert await reserve(store, "c2") == ["tanaka"]


async def test_an_agent_of_two_groups_holds_one_offer(store: Store) -> None:
    await add(store, "tanaka", groups=("support", "billing"))
    assert await reserve(store, "c1", group="billing") == ["tanaka"]
    assert await reserve(store, "c2", group="support") == []


async def test_a_lease_that_ran_out_frees_the_agent(store: Store) -> None:
    await add(store, "tanaka")
    assert await reserve(store, "dead") == ["tanaka"]
    assert await reserve(store, "c2", now=after(19.9)) == []
    assert await reserve(store, "c2", now=after(20)) == ["tanaka"]
    assert not await answer(store, "tanaka", "dead", after(20))


async def test_of_twenty_callers_who_want_one_agent_one_wins(store: Store, other_process: Store) -> None:
    await add(store, "tanaka")
    won = await asyncio.gather(*(reserve((store, other_process)[n % 2], f"c{n}") for n in range(20)))
    assert sorted(won, reverse=True) == [["tanaka"], *([[]] * 19)]


async def test_callers_who_want_overlapping_groups_never_share_an_agent(
    store: Store, other_process: Store
) -> None:
    await add(store, *(f"both{n}" for n in range(5)), groups=("support", "billing"))
    await add(store, *(f"a{n}" for n in range(3)), groups=("support",))
    won = await asyncio.gather(
        *(
            reserve((store, other_process)[n % 2], f"c{n}", group=("support", "billing")[n % 2])
            for n in range(20)
        )
    )
    given = [agent for seats in won for agent in seats]
    assert len(given) == len(set(given)) == 8


# -- answering -------------------------------------------------------------------------------------------


async def test_of_two_answers_one_is_bridged(store: Store, other_process: Store) -> None:
    await add(store, "tanaka", "sato")
    await reserve(store, "c1")
    results = await asyncio.gather(
        *(answer(through, agent, "c1") for agent, through in [("tanaka", store), ("sato", other_process)] * 5)
    )
    assert sorted(results) == [False] * 9 + [True]
    counted = await staffing(store)
    assert (counted.talking, counted.reserved) == (1, 1)


async def test_an_answer_to_no_offer_is_refused(store: Store) -> None:
    await add(store, "tanaka")
    assert not await answer(store, "tanaka", "c1")
    await reserve(store, "c1")
    assert not await answer(store, "tanaka", "c2")
    await release(store, "c1")
    assert not await answer(store, "tanaka", "c1")
    assert (await get(store, "tanaka")).state == "available"


async def test_who_did_not_answer_first_is_free_again(store: Store) -> None:
    await add(store, "tanaka", "sato")
    await reserve(store, "c1")
    assert await answer(store, "sato", "c1")
    await release(store, "c1")
    assert await reserve(store, "c2") == ["tanaka"]
    talking = await get(store, "sato")
    assert (talking.state, talking.offer_call) == ("talking", "c1")


# -- unanswered and failed rings -------------------------------------------------------------------------


async def ring_out(store: Store, times: int) -> None:
    for number in range(times):
        assert await reserve(store, f"r{number}") == ["tanaka"]
        await release(store, f"r{number}", unanswered=("tanaka",))


async def test_three_unanswered_rings_set_the_agent_away_with_a_reason(store: Store) -> None:
    await add(store, "tanaka")
    await ring_out(store, 2)
    assert (await get(store, "tanaka")).state == "available"
    await ring_out(store, 1)
    row = await get(store, "tanaka")
    assert (row.state, row.reason) == ("away", "3回続けて応答がありませんでした")
    assert await reserve(store, "c2", now=after(86400)) == []
    async with store.read() as session:
        asked = [order.kind for order in await orders.pending(session, "jobs")]
    assert asked == ["agents"], "a bundle without them, for the fallback"


async def test_an_answer_resets_the_count(store: Store) -> None:
    await add(store, "tanaka")
    await ring_out(store, 2)
    await reserve(store, "c1")
    assert await answer(store, "tanaka", "c1")
    await finish(store, "c1", NOON)
    await set_state(store, "tanaka", "available")
    await ring_out(store, 2)
    assert (await get(store, "tanaka")).state == "available"


async def test_being_set_available_resets_the_count(store: Store) -> None:
    await add(store, "tanaka")
    await ring_out(store, 3)
    await set_state(store, "tanaka", "available")
    await ring_out(store, 2)
    assert (await get(store, "tanaka")).state == "available"


async def test_a_ring_stopped_for_another_reason_is_not_an_unanswered_one(store: Store) -> None:
    await add(store, "tanaka")
    for number in range(5):
        await reserve(store, f"c{number}")
        await release(store, f"c{number}")
    assert (await get(store, "tanaka")).state == "available"


async def test_a_telephone_that_cannot_ring_counts_as_away_and_is_tried_again(store: Store) -> None:
    await add(store, "tanaka")
    await reserve(store, "c1")
    await release(store, "c1", failed=("tanaka",))
    row = await get(store, "tanaka")
    assert (row.state, row.reason) == ("away", "電話機につながりません")
    assert await staffing(store) == Staffing(away=1)
    assert await reserve(store, "c2", now=after(2.9)) == []
    assert await staffing(store, after(3)) == Staffing(available=1)
    assert await reserve(store, "c2", now=after(3)) == ["tanaka"]
    row = await get(store, "tanaka")
    assert (row.state, row.reason) == ("available", None)


async def test_away_by_hand_while_ringing_stays_away(store: Store) -> None:
    await add(store, "tanaka")
    await reserve(store, "c1")
    await set_state(store, "tanaka", "away", "会議")
    await release(store, "c1", failed=("tanaka",))
    row = await get(store, "tanaka")
    assert (row.state, row.reason, row.offer_call) == ("away", "会議", None)
    assert await reserve(store, "c2", now=after(86400)) == []


# -- talk and wrap-up ------------------------------------------------------------------------------------


async def talk(store: Store, call: str = "c1") -> None:
    assert await reserve(store, call) == ["tanaka"]
    assert await answer(store, "tanaka", call)


async def test_after_a_talk_comes_wrap_up_that_ends_by_time(store: Store) -> None:
    await add(store, "tanaka")
    await talk(store)
    assert await staffing(store) == Staffing(talking=1)
    for now in (after(60), after(70)):  # the second changes nothing
        await finish(store, "c1", now)
    assert await staffing(store, after(60)) == Staffing(wrap_up=1)
    assert await reserve(store, "c2", now=after(89)) == []
    assert await staffing(store, after(90)) == Staffing(available=1)
    assert await reserve(store, "c2", now=after(90)) == ["tanaka"]


async def test_wrap_up_ends_by_hand(store: Store) -> None:
    await add(store, "tanaka")
    await talk(store)
    await finish(store, "c1", NOON)
    await set_state(store, "tanaka", "available")
    assert await reserve(store, "c2") == ["tanaka"]


async def test_an_agent_who_talks_cannot_be_set_available_but_away_for_afterwards(store: Store) -> None:
    await add(store, "tanaka")
    await talk(store)
    with pytest.raises(Conflict, match="talking"):
        await set_state(store, "tanaka", "available")
    await set_state(store, "tanaka", "away", "休憩")
    await finish(store, "c1", NOON)
    row = await get(store, "tanaka")
    assert (row.state, row.reason) == ("away", "休憩")


async def test_talking_set_by_hand_is_ended_by_hand(store: Store) -> None:
    await add(store, "tanaka")
    await set_state(store, "tanaka", "talking")
    assert await staffing(store) == Staffing(talking=1)
    assert await reserve(store, "c1") == []
    await set_state(store, "tanaka", "available")
    assert await reserve(store, "c1") == ["tanaka"]


# -- counting and starting -------------------------------------------------------------------------------


async def test_staffing_counts_each_agent_of_the_group_once(store: Store) -> None:
    await add(store, "tanaka")
    await talk(store, "c1")
    await add(store, "sato")
    assert await reserve(store, "c2") == ["sato"]
    await add(store, "free", "absent", "writing")
    await add(store, "elsewhere", groups=("billing",))
    await set_state(store, "absent", "away")
    await set_state(store, "writing", "wrap_up")
    assert await staffing(store) == Staffing(available=1, reserved=1, talking=1, wrap_up=1, away=1)


async def test_nobody_in_the_group(store: Store) -> None:
    assert await staffing(store) == Staffing()


async def test_an_engine_that_starts_frees_what_no_living_call_holds(store: Store) -> None:
    await add(store, "tanaka")
    await talk(store, "dead-talk")
    for agent, call in (("sato", "dead-offer"), ("suzuki", "live-talk"), ("abe", "live-offer")):
        await add(store, agent)
        assert await reserve(store, call) == [agent]
    assert await answer(store, "suzuki", "live-talk")
    async with store.write() as session:
        await agents.release_all(session, NOON, keep={"live-talk", "live-offer"})
    found = {name: await get(store, name) for name in ("tanaka", "sato", "suzuki", "abe")}
    assert {name: (row.state, row.offer_call) for name, row in found.items()} == {
        "tanaka": ("wrap_up", None),
        "sato": ("available", None),
        "suzuki": ("talking", "live-talk"),
        "abe": ("available", "live-offer"),
    }


# -- telephones ------------------------------------------------------------------------------------------


async def test_whose_telephone_is_not_registered_counts_as_away_until_it_is(store: Store) -> None:
    await add(store, "tanaka", "sato")
    await set_state(store, "sato", "away", "会議")

    async def seen(*registered: str, at: datetime) -> None:
        async with store.write() as session:
            await agents.note_telephones(session, lambda endpoint: endpoint in registered, at)

    await seen(at=after(10))
    await seen(at=after(20))
    tanaka, sato = [agents.standing(await get(store, name), after(30)) for name in ("tanaka", "sato")]
    assert (tanaka.state, tanaka.reason, tanaka.since) == ("away", "電話未登録", after(10))
    assert (sato.state, sato.reason) == ("away", "会議")
    assert await staffing(store, after(30)) == Staffing(away=2)
    async with store.read() as session:
        assert await seats.free_one(session, ["support"], tenant="x", but=(), now=after(30)) is None
    assert await reserve(store, "c1", after(30)) == ["tanaka"], (
        "for a caller who waits it is tried all the same"
    )
    await release(store, "c1")
    await seen("PJSIP/tanaka", at=after(40))
    assert agents.standing(await get(store, "tanaka"), after(50)).state == "available"
    assert await staffing(store, after(50)) == Staffing(available=1, away=1)
    async with store.read() as session:
        assert await seats.free_one(session, ["support"], tenant="x", but=(), now=after(50)) == "tanaka"


async def test_of_what_asterisk_does_not_tell_nothing_is_said(store: Store) -> None:
    await add(store, "tanaka")
    async with store.write() as session:
        await agents.note_telephones(session, lambda endpoint: None, NOON)
    assert await staffing(store) == Staffing(available=1)
