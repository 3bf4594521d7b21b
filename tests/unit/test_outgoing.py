"""Calls that we make, on a small Asterisk in memory: who answers, who does not and why, and what the trunks carry."""

import asyncio

import pytest

from ivr.asterisk.caller import AriCall
from ivr.asterisk.outgoing import NotReached
from ivr.call import CallerHungUp
from ivr.keys import KeyTable
from ivr.outside import NoWay, Outside, Way
from tests.fakes.fake_ari import FakeAri, outgoing
from tests.fakes.virtual_time import in_virtual_time

SOON = 0.05  # seconds: some requests and their answers
OURS = "+815031859080"
MOBILE = "+819012345678"
LEG = "back-7-a-aiko"


def hikari(number: str, ours: str) -> Way | NoWay:
    if number.startswith("+8150"):
        return "barred"
    return Way(f"PJSIP/0{number[3:]}@trunk.hikari", "05031859080", "trunk.hikari", 2)


class Office:
    def __init__(self, outside: Outside = Outside(way=hikari)) -> None:  # noqa: B008
        self.ari = FakeAri()
        self.calls: list[AriCall] = []
        self.outgoing = outgoing(self.ari, outside, self.calls)

    def rings(self, to: str | Way, id: str = LEG) -> "asyncio.Task[AriCall | NotReached]":
        return asyncio.create_task(self.outgoing.ring(to, 30, id=id, line="ecforce", ours=OURS))

    async def nothing_is_left(self) -> None:
        await asyncio.sleep(SOON)
        assert (self.ari.channels, self.calls) == (set(), [])


@in_virtual_time
async def test_who_answers_is_a_caller_like_any_other() -> None:
    office = Office()
    ringing = office.rings("PJSIP/aiko")
    await asyncio.sleep(5)
    assert (office.ari.dialled, office.ari.callers_seen, office.ari.rung) == (
        ["PJSIP/aiko"],
        ["05031859080"],
        [LEG],
    )
    office.ari.comes(LEG)
    call = await ringing
    assert isinstance(call, AriCall) and office.calls == [call]
    assert (await call.play("please press 1")).ended_by == "end"
    office.ari.presses(LEG, "1")
    await asyncio.sleep(0)
    assert (await call.read_keys(KeyTable(["1"]), first=5)).key == "1"
    await office.outgoing.end(call)
    await office.nothing_is_left()


@in_virtual_time
async def test_a_number_outside_is_rung_over_the_trunk_with_our_number() -> None:
    office = Office()
    ringing = office.rings(MOBILE)
    await asyncio.sleep(5)
    assert office.ari.dialled == ["PJSIP/09012345678@trunk.hikari"]
    assert office.ari.callers_seen == ["05031859080"]
    office.ari.comes(LEG)
    call = await ringing
    assert isinstance(call, AriCall)
    assert (call.caller.number, call.dialled) == (MOBILE, "05031859080")
    await office.outgoing.end(call)


# What carriers answer (SIP), with the cause that Asterisk makes of it
@pytest.mark.parametrize(
    ("cause", "status", "reason", "said"),
    [
        (17, 486, "busy", "お話し中"),
        (17, 600, "busy", "お話し中"),
        (19, 480, "no_answer", "電波の届かない"),
        (127, 487, "no_answer", "応答がありません"),
        (21, 603, "refused", "着信を拒否"),
        (21, 403, "refused", "規制"),
        (1, 404, "not_in_use", "現在使われていません"),
        (28, 484, "not_in_use", "現在使われていません"),
        (21, 401, "failed", "認証"),
        (18, 408, "failed", "事業者から応答がありません"),
        (34, 503, "failed", "混み合って"),
        (58, 488, "failed", "音声の形式"),
        # Without a status
        (17, 0, "busy", "お話し中"),
        (18, 0, "no_answer", "応答がありません"),
        (19, 0, "no_answer", "応答がありません"),
        (20, 0, "no_answer", "電波の届かない"),
        (21, 0, "refused", "拒否"),
        (1, 0, "not_in_use", "現在使われていません"),
        (34, 0, "failed", "混み合って"),
        (127, 0, "failed", "電話をかけられませんでした"),
    ],
)
@in_virtual_time
async def test_why_nobody_talks_there(cause: int, status: int, reason: str, said: str) -> None:
    office = Office()
    ringing = office.rings(MOBILE)
    await asyncio.sleep(5)
    office.ari.is_not_answered(LEG, cause, status)
    found = await ringing
    assert isinstance(found, NotReached)
    assert (found.reason, said in found.said) == (reason, True), found
    await office.nothing_is_left()


@in_virtual_time
async def test_what_rings_to_the_end_was_not_answered() -> None:
    office = Office()
    began = asyncio.get_running_loop().time()
    found = await office.rings("PJSIP/aiko")
    assert isinstance(found, NotReached) and found.reason == "no_answer"
    assert 30 <= asyncio.get_running_loop().time() - began < 35
    await office.nothing_is_left()


@in_virtual_time
async def test_a_telephone_that_is_not_there_fails_at_once() -> None:
    office = Office()
    office.ari.unknown.add("PJSIP/aiko")
    found = await office.rings("PJSIP/aiko")
    assert isinstance(found, NotReached) and found.reason == "failed"
    await office.nothing_is_left()


@in_virtual_time
async def test_one_call_never_rings_twice() -> None:
    office = Office()
    first = office.rings("PJSIP/aiko")
    await asyncio.sleep(1)
    again = await office.rings("PJSIP/aiko", LEG)
    assert isinstance(again, NotReached)
    assert office.ari.rung == [LEG]
    first.cancel()


@in_virtual_time
async def test_nothing_rings_on_when_we_stop() -> None:
    office = Office()
    ringing = office.rings("PJSIP/aiko")
    await asyncio.sleep(5)
    ringing.cancel()
    await asyncio.gather(ringing, return_exceptions=True)
    assert ringing.cancelled()
    await office.nothing_is_left()


@in_virtual_time
async def test_who_hangs_up_while_we_speak_has_left() -> None:
    office = Office()
    ringing = office.rings("PJSIP/aiko")
    await asyncio.sleep(1)
    office.ari.comes(LEG)
    call = await ringing
    assert isinstance(call, AriCall)
    playing = asyncio.create_task(call.play("please press 1"))
    await asyncio.sleep(0.5)
    office.ari.leaves(LEG)
    with pytest.raises(CallerHungUp):
        await playing
    await office.outgoing.end(call)
    await office.nothing_is_left()


@pytest.mark.parametrize(
    ("number", "outside", "said"),
    [
        ("+815012345678", Outside(way=hikari), "barred"),
        ("+81570012345", Outside(way=hikari), "発信できません"),
        ("+12125551234", Outside(way=hikari), "発信できません"),
        (MOBILE, Outside(), "外線が設定されていません"),
    ],
)
@in_virtual_time
async def test_what_is_never_rung_is_refused_with_words(number: str, outside: Outside, said: str) -> None:
    office = Office(outside)
    found = await office.rings(number)
    assert isinstance(found, NotReached)
    assert (found.reason, said in found.said) == ("failed", True), found
    assert office.ari.dialled == []


@in_virtual_time
async def test_a_trunk_that_is_full_both_ways_rings_nobody() -> None:
    """Two channels: one is taken by a caller, one by whom we ring."""
    office = Office()
    office.ari.channels |= {"caller", "elsewhere"}
    office.ari.endpoints |= {"caller": "PJSIP/trunk.hikari", "elsewhere": "PJSIP/trunk.other"}
    ringing = office.rings(MOBILE)
    await asyncio.sleep(1)
    found = await office.rings("+81312345678", "back-8-a-ben")
    assert isinstance(found, NotReached)
    assert (found.reason, "すべて使用中" in found.said) == ("failed", True)
    assert office.ari.rung == [LEG]
    office.ari.leaves("caller")
    way = office.outgoing.way("+81312345678", OURS)
    assert isinstance(way, Way)
    async with office.outgoing.holding("back-8", way) as full:
        assert full is None
    ringing.cancel()


@in_virtual_time
async def test_places_are_kept_from_the_beginning_of_a_dial_to_its_end() -> None:
    office = Office()
    way = office.outgoing.way(MOBILE, OURS)
    assert isinstance(way, Way)
    async with office.outgoing.holding("back-7", way, way) as full:
        assert full is None
        async with office.outgoing.holding("back-8", way) as full:
            assert isinstance(full, NotReached)
        ringing = office.rings(way)
        await asyncio.sleep(1)
        assert office.ari.rung == [LEG], "its own place is no obstacle"
        ringing.cancel()
    await office.nothing_is_left()
    async with office.outgoing.holding("back-8", way, way) as full:
        assert full is None
    async with office.outgoing.holding("back-9", way, way, way) as full:
        assert isinstance(full, NotReached)
