"""A telephone outside on a small Asterisk in memory: each way that dialling it ends, and what stays of it."""

import asyncio
from pathlib import Path

import pytest

from ivr.asterisk.caller import AriCall
from ivr.asterisk.ways import Ways
from ivr.call import Caller, CallState, Dialled
from ivr.outside import Outside, Way
from tests.fakes.fake_ari import SOUNDS, FakeAri
from tests.fakes.virtual_time import in_virtual_time

SOON = 0.05  # seconds: some requests and their answers
HEAD_OFFICE = "+81312345678"
ENDPOINT = "PJSIP/0312345678@trunk"
OPERATOR = Outside(("03-1234-5678",), "PJSIP/{number}@trunk")


def a_call(ari: FakeAri, ways: Ways | None = None, id: str = "c1") -> AriCall:
    ari.channels.add(id)
    ways = ways or Ways(ari, OPERATOR)  # type: ignore[arg-type]
    state, who = CallState(id, "ecforce", ""), Caller("+819012345678")
    return AriCall(ari, id, who, "05031859080", state, SOUNDS, Path("/recordings"), ways)  # type: ignore[arg-type]


def dialling(call: AriCall, number: str = HEAD_OFFICE) -> "asyncio.Task[Dialled]":
    return asyncio.create_task(call.dial(number, "please wait", ring=30))


@in_virtual_time
async def test_who_answers_talks_and_the_music_stops() -> None:
    ari = FakeAri()
    call = a_call(ari)
    dial = dialling(call)
    await asyncio.sleep(3)
    assert (ari.dialled, ari.music) == ([ENDPOINT], {"c1"})
    assert ari.played == ["['sound:please wait']"]
    ari.comes(ari.rung[0])
    assert await dial == Dialled("answered")
    await asyncio.sleep(SOON)
    assert (list(ari.bridges.values()), ari.music) == ([["c1", ari.rung[0]]], set())


@pytest.mark.parametrize("who", ["outside", "caller"])
@in_virtual_time
async def test_a_talk_ends_for_both(who: str) -> None:
    ari = FakeAri()
    call = a_call(ari)
    dial = dialling(call)
    await asyncio.sleep(3)
    ari.comes(ari.rung[0])
    await dial
    talking = asyncio.create_task(call.talk())
    await asyncio.sleep(5)
    ari.leaves(ari.rung[0] if who == "outside" else "c1")
    await asyncio.gather(talking, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert (ari.rung[0] in ari.channels, ari.bridges) == (False, {})


@in_virtual_time
async def test_a_stop_leaves_the_talk_alone() -> None:
    ari = FakeAri()
    call = a_call(ari)
    dial = dialling(call)
    await asyncio.sleep(3)
    ari.comes(ari.rung[0])
    await dial
    talking = asyncio.create_task(call.talk())
    await asyncio.sleep(60)
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert list(ari.bridges.values()) == [["c1", ari.rung[0]]]


# Q.850: user busy, call rejected, no user responding, no answer, not registered, no such number, no circuit
@pytest.mark.parametrize(
    ("cause", "ended_by"),
    [
        (17, "busy"),
        (21, "busy"),
        (18, "no_answer"),
        (19, "no_answer"),
        (20, "failed"),
        (1, "failed"),
        (34, "failed"),
    ],
)
@in_virtual_time
async def test_who_is_not_reached_leaves_nothing(cause: int, ended_by: str) -> None:
    ari = FakeAri()
    call = a_call(ari)
    dial = dialling(call)
    await asyncio.sleep(3)
    ari.is_not_answered(ari.rung[0], cause)
    assert (await dial).ended_by == ended_by
    await asyncio.sleep(SOON)
    assert (ari.channels, ari.music, ari.bridges) == ({"c1"}, set(), {})


@in_virtual_time
async def test_a_trunk_that_is_not_there_fails_at_once() -> None:
    ari = FakeAri()
    ari.unknown.add(ENDPOINT)
    began = asyncio.get_running_loop().time()
    assert await dialling(a_call(ari)) == Dialled("failed")
    assert asyncio.get_running_loop().time() - began < 1
    await asyncio.sleep(SOON)
    assert (ari.channels, ari.music) == ({"c1"}, set())


@in_virtual_time
async def test_a_telephone_that_rings_for_ever_is_given_up() -> None:
    ari = FakeAri()
    began = asyncio.get_running_loop().time()
    assert await dialling(a_call(ari)) == Dialled("no_answer")
    assert 30 <= asyncio.get_running_loop().time() - began < 35
    await asyncio.sleep(SOON)
    assert ari.channels == {"c1"}


@pytest.mark.parametrize("how", ["the caller hangs up", "the engine stops"])
@in_virtual_time
async def test_nothing_rings_on_for_a_caller_who_is_gone(how: str) -> None:
    ari = FakeAri()
    dial = dialling(a_call(ari))
    await asyncio.sleep(3)
    if how == "the engine stops":
        dial.cancel()
    else:
        ari.leaves("c1")
    await asyncio.gather(dial, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert dial.cancelled() or type(dial.exception()).__name__ == "CallerHungUp"
    assert ari.channels - {"c1"} == set()


@pytest.mark.parametrize("who", ["outside", "caller"])
@in_virtual_time
async def test_who_leaves_before_the_bridge_leaves_no_half_talk(who: str) -> None:
    ari = FakeAri()
    dial = dialling(a_call(ari))
    await asyncio.sleep(3)
    ari.comes(ari.rung[0])
    ari.leaves(ari.rung[0] if who == "outside" else "c1")
    await asyncio.gather(dial, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert (ari.bridges, ari.channels) == ({}, {"c1"} if who == "outside" else set())
    assert (dial.exception() is None) == (who == "outside")


@pytest.mark.parametrize("number", ["+81312345679", "+81110", "+81990123456", "+12125551234"])
@in_virtual_time
async def test_what_may_not_be_dialled_is_not_dialled(number: str) -> None:
    ari = FakeAri()
    assert await dialling(a_call(ari), number) == Dialled("failed")
    assert ari.dialled == []


@in_virtual_time
async def test_a_transfer_takes_a_place_of_the_trunk_as_any_other_call_does() -> None:
    """Of three channels, two have callers."""
    hikari = Way("PJSIP/0312345678@trunk.hikari", "0311112222", "trunk.hikari", 3)
    ari = FakeAri()
    ways = Ways(ari, Outside(("03-1234-5678",), way=lambda number, ours: hikari))  # type: ignore[arg-type]
    first, second = a_call(ari, ways), a_call(ari, ways, "c2")
    ari.endpoints |= {"c1": "PJSIP/trunk.hikari", "c2": "PJSIP/trunk.hikari"}
    dial = dialling(first)
    await asyncio.sleep(3)
    assert ari.callers_seen == ["0311112222"], "a number of the trunk is shown"
    assert await dialling(second) == Dialled("failed"), "while it rings"
    ari.endpoints[ari.rung[0]] = "PJSIP/trunk.hikari"
    ari.comes(ari.rung[0])
    assert await dial == Dialled("answered")
    assert await dialling(second) == Dialled("failed"), "while they talk"
    assert len(ari.rung) == 1
    ari.leaves(ari.rung[0])
    await asyncio.sleep(SOON)
    again = dialling(second)
    await asyncio.sleep(3)
    assert len(ari.rung) == 2
    again.cancel()
