"""One dial on a small Asterisk in memory: each stage, and who hangs up in it. What is written down, and what rings on."""

import asyncio

import pytest

from ivr.asterisk.caller import AriCall
from ivr.outside import Outside, Way
from ivr.ringing_back import texts
from ivr.ringing_back.dial import Dial
from ivr.ringing_back.job import Job, To
from tests.fakes.fake_ari import FakeAri, outgoing
from tests.fakes.fake_book import FakeBook
from tests.fakes.virtual_time import in_virtual_time

SOON = 0.05  # seconds: some requests and their answers
JOB = Job("k1", "back-7", "ecforce", "aiko", "PJSIP/aiko", "+819087654321", "+819012345678")
AGENT = "back-7-a-aiko"
CUSTOMER = "back-7-a-aiko-a-outside-1"
OURS = ("+81312345678", "+815031859080")


class Office:
    """The agent is rung, as the page has ordered."""

    def __init__(self, to: To = "telephone", channels: int = 4, *, kept: bool = True, job: Job = JOB) -> None:
        self.ari = FakeAri()
        self.book = FakeBook(job)
        self.calls: list[AriCall] = []
        outside = Outside(
            way=lambda number, ours: Way(f"PJSIP/0{number[3:]}@trunk.ip", "05031859080", "trunk.ip", channels)
        )
        calls = outgoing(self.ari, outside, self.calls)
        self.dial = Dial(job, OURS, calls, self.book, first=() if kept else [texts.AT_ONCE], kept=kept)
        self.going_on = asyncio.create_task(self.dial.lead(to))

    async def agent_answers(self) -> None:
        await asyncio.sleep(3)
        self.ari.comes(AGENT)
        await asyncio.sleep(3)

    async def customer_answers(self) -> None:
        await self.agent_answers()
        self.ari.comes(self.ari.rung[1])
        await asyncio.sleep(3)

    async def ends(self, *written: str) -> bool:
        answered = await self.going_on
        await asyncio.sleep(SOON)
        assert self.book.written == list(written)
        assert (self.ari.channels, self.ari.bridges, self.calls) == (set(), {}, [])
        return answered


@in_virtual_time
async def test_first_the_agent_then_the_customer_and_they_talk() -> None:
    office = Office()
    await asyncio.sleep(1)
    assert office.ari.dialled == ["PJSIP/aiko"], "nobody else rings before the agent is there"
    await office.agent_answers()
    assert office.ari.dialled == ["PJSIP/aiko", "PJSIP/09012345678@trunk.ip"]
    assert office.ari.callers_seen == ["05031859080", "05031859080"], (
        "the line's own number on both telephones"
    )
    assert texts.CALLING in str(office.ari.played)
    assert (office.ari.tones, office.ari.music) == ({AGENT}, set()), "the agent hears it ring"
    office.ari.comes(CUSTOMER)
    await asyncio.sleep(1)
    assert office.ari.tones == set()
    assert list(office.ari.bridges.items()) == [("back-7-b", [AGENT, CUSTOMER])]
    assert office.book.written == ["joined", "answered"]
    await asyncio.sleep(130)
    assert office.book.written == ["joined", "answered", "answered", "answered"], "kept once a minute"
    office.ari.leaves(CUSTOMER)
    assert await office.ends("joined", "answered", "answered", "answered", "over")


# -- who hangs up, and when -------------------------------------------------------------------------


@in_virtual_time
async def test_the_agent_hangs_up_while_they_talk() -> None:
    office = Office()
    await office.customer_answers()
    office.ari.leaves(AGENT)
    await office.ends("joined", "answered", "over")


@in_virtual_time
async def test_the_agent_hangs_up_while_the_customer_is_rung() -> None:
    office = Office()
    await office.agent_answers()
    office.ari.leaves(AGENT)
    await office.ends("joined", f"missed: no_answer {texts.LEFT_RINGING}")


@in_virtual_time
async def test_the_agent_hangs_up_at_once() -> None:
    office = Office()
    await asyncio.sleep(3)
    office.ari.comes(AGENT)
    office.ari.leaves(AGENT)
    await office.going_on
    await asyncio.sleep(SOON)
    assert office.ari.channels == set()
    assert office.book.written[-1].startswith(("not rung", "missed")), office.book.written


@pytest.mark.parametrize(
    ("cause", "status", "why"),
    [
        (17, 486, texts.AGENT["busy"]),
        (21, 603, texts.AGENT["refused"]),
        (19, 0, texts.AGENT["no_answer"]),
        (20, 0, texts.AGENT["no_answer"]),
    ],
)
@in_virtual_time
async def test_an_agent_who_is_not_there_rings_no_customer(cause: int, status: int, why: str) -> None:
    office = Office()
    await asyncio.sleep(3)
    office.ari.is_not_answered(AGENT, cause, status)
    assert not await office.ends(f"not rung: {why}")
    assert len(office.ari.dialled) == 1


@in_virtual_time
async def test_an_agent_who_does_not_answer_rings_no_customer() -> None:
    office = Office()
    assert not await office.ends(f"not rung: {texts.AGENT['no_answer']}")
    assert len(office.ari.dialled) == 1


@in_virtual_time
async def test_a_telephone_that_is_not_registered() -> None:
    office = Office()
    office.ari.unknown.add("PJSIP/aiko")
    assert not await office.ends(f"not rung: {texts.AGENT['failed']}")


@pytest.mark.parametrize(
    ("cause", "status", "written", "heard"),
    [
        (17, 486, "missed: busy お話し中でした。", "お客様は、お話し中です。"),
        (
            19,
            480,
            "missed: no_answer 電源が入っていないか、電波の届かない場所におられます。",
            "応答がございません",
        ),
        (
            21,
            603,
            "missed: refused 着信を拒否されたか、事業者の規制により、つながりませんでした。",
            "おつなぎできません",
        ),
        (1, 404, "missed: wrong_number この電話番号は、現在使われていません。", "現在使われておりません"),
    ],
)
@in_virtual_time
async def test_a_customer_who_is_not_reached(cause: int, status: int, written: str, heard: str) -> None:
    office = Office()
    await office.agent_answers()
    office.ari.is_not_answered(CUSTOMER, cause, status)
    await office.ends("joined", written)
    assert heard in office.ari.played[-1]


@in_virtual_time
async def test_a_customer_who_does_not_answer() -> None:
    office = Office()
    await office.agent_answers()
    began = asyncio.get_running_loop().time()
    await office.ends("joined", "missed: no_answer 応答がありませんでした。")
    assert 40 < asyncio.get_running_loop().time() - began < 50


@in_virtual_time
async def test_a_carrier_that_fails_is_no_attempt() -> None:
    office = Office()
    await office.agent_answers()
    office.ari.is_not_answered(CUSTOMER, 34, 503)
    await office.going_on
    assert office.book.written[1].startswith("not rung: 事業者の設備が混み合っているか")


@in_virtual_time
async def test_a_customer_who_hangs_up_in_the_moment_of_answering() -> None:
    office = Office()
    await office.agent_answers()
    office.ari.comes(CUSTOMER)
    office.ari.leaves(CUSTOMER)
    await office.going_on
    await asyncio.sleep(SOON)
    assert (office.ari.channels, office.ari.bridges) == (set(), {})
    assert office.book.written[-1] in ("over",) or office.book.written[-1].startswith(("missed", "not rung"))


# -- the instant before the customer is rung ---------------------------------------------------------


@in_virtual_time
async def test_what_has_changed_since_stops_it() -> None:
    office = Office()
    office.book.refused = "発信禁止の番号です（ご本人の希望）。"
    await office.agent_answers()
    await office.ends("joined", "not rung: 発信禁止の番号です（ご本人の希望）。")
    assert len(office.ari.dialled) == 1
    assert texts.NOT_NOW in office.ari.played[-1]


@in_virtual_time
async def test_an_agent_whose_reservation_ended_rings_nobody() -> None:
    office = Office()
    office.book.reserved = False
    await office.agent_answers()
    await office.ends("joined", f"not rung: {texts.LOST}")
    assert len(office.ari.dialled) == 1


@in_virtual_time
async def test_a_dial_that_is_somebody_elses_by_now_is_hung_up() -> None:
    office = Office()
    office.book.ours = False
    await office.customer_answers()
    await office.ends("joined", "answered", "over")


# -- the mobile -----------------------------------------------------------------------------------------


@in_virtual_time
async def test_on_the_mobile_a_key_is_asked_for_first() -> None:
    office = Office("mobile")
    await office.agent_answers()
    assert office.ari.dialled == ["PJSIP/09087654321@trunk.ip"]
    assert office.ari.callers_seen == ["05031859080"]
    assert office.book.written == [], "a machine may have answered"
    office.ari.presses(AGENT, "1")
    await asyncio.sleep(2)
    assert office.ari.dialled == ["PJSIP/09087654321@trunk.ip", "PJSIP/09012345678@trunk.ip"]
    office.ari.comes(office.ari.rung[1])
    await asyncio.sleep(2)
    office.ari.leaves(office.ari.rung[1])
    await office.ends("joined", "answered", "over")


@pytest.mark.parametrize("key", [None, "2"])
@in_virtual_time
async def test_a_machine_on_the_mobile_is_never_put_through(key: str | None) -> None:
    office = Office("mobile")
    await office.agent_answers()
    if key:
        office.ari.presses(AGENT, key)
    await office.ends(f"not rung: {texts.NOT_PRESSED}")
    assert len(office.ari.dialled) == 1


@in_virtual_time
async def test_who_has_no_mobile() -> None:
    job = Job("k1", "back-7", "ecforce", "aiko", "PJSIP/aiko", None, "+819012345678")
    await Office("mobile", job=job).ends(f"not rung: {texts.NO_MOBILE}")


# -- trunks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("to", "channels"), [("telephone", 1), ("mobile", 2)])
@in_virtual_time
async def test_a_full_trunk_rings_nobody(to: To, channels: int) -> None:
    office = Office(to, channels)
    office.ari.channels.add("caller")
    office.ari.endpoints["caller"] = "PJSIP/trunk.ip"
    await office.going_on
    assert office.book.written == ["not rung: 外線がすべて使用中です。しばらくしてから発信してください。"]
    assert office.ari.dialled == []


# -- 今すぐ ---------------------------------------------------------------------------------------------


@in_virtual_time
async def test_at_once_the_agent_hears_what_it_is() -> None:
    office = Office(kept=False)
    await office.agent_answers()
    assert texts.AT_ONCE in str(office.ari.played)
    office.ari.leaves(AGENT)
    assert await office.ends("joined", f"missed: no_answer {texts.LEFT_RINGING}")


@in_virtual_time
async def test_at_once_an_agent_who_does_not_answer_does_not_keep_the_ticket() -> None:
    assert not await Office(kept=False).ends(f"not rung: unanswered free {texts.AGENT['no_answer']}")


# -- a stop, and a store that does not answer ------------------------------------------------------------


@in_virtual_time
async def test_a_stop_leaves_a_talk_alone() -> None:
    office = Office()
    await office.customer_answers()
    office.going_on.cancel()
    await asyncio.gather(office.going_on, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert list(office.ari.bridges.values()) == [[AGENT, CUSTOMER]]
    assert office.book.written == ["joined", "answered"], "the next engine leads it to its end"
    assert office.calls == []


@pytest.mark.parametrize("stage", ["agent", "customer"])
@in_virtual_time
async def test_a_stop_before_the_talk_hangs_up(stage: str) -> None:
    office = Office()
    await asyncio.sleep(3)
    if stage == "customer":
        await office.agent_answers()
    office.going_on.cancel()
    await asyncio.gather(office.going_on, return_exceptions=True)
    await asyncio.sleep(SOON)
    assert (office.ari.channels, office.ari.bridges, office.calls) == (set(), {}, [])


@in_virtual_time
async def test_two_talk_though_the_store_does_not_write_it_down() -> None:
    office = Office()
    await office.agent_answers()
    office.book.broken = 1
    office.ari.comes(CUSTOMER)
    await asyncio.sleep(70)
    assert list(office.ari.bridges.values()) == [[AGENT, CUSTOMER]]
    assert office.book.written == ["joined", "answered"]
    office.book.broken = 2
    office.ari.leaves(AGENT)
    await office.ends("joined", "answered", "over")
