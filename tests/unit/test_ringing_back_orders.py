"""The dials of an engine: orders that come twice, and what an engine that died has left in Asterisk."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.engine import Engine
from ivr.lines import Lines, LiveLine
from ivr.outside import Outside
from ivr.queues.queues import Queues
from ivr.ringing_back import texts
from ivr.ringing_back.desk import RingingBack
from ivr.ringing_back.job import Job
from tests.fakes.fake_ari import SOUNDS, FakeAri
from tests.fakes.fake_book import FakeBook
from tests.fakes.fake_closings import ClosingBook, FakeClosings
from tests.fakes.fake_journal import FakeJournal, Ledger
from tests.fakes.fake_mailbox import FakeMailbox, Mailroom
from tests.fakes.fake_retrieval import FakeRetrieval, Shelf
from tests.fakes.fake_roster import FakeRoster
from tests.fakes.virtual_time import FakeClock, in_virtual_time

SOON = 0.05  # seconds: some requests and their answers
JOB = Job("k1", "back-7", "desk", "aiko", "PJSIP/aiko", None, "+819012345678")
OTHER = Job("k1", "back-8", "desk", "ben", "PJSIP/ben", None, "+819012345678")
AGENT, CUSTOMER = "back-7-a-aiko", "back-7-a-aiko-a-outside-1"
DESK = """\
line: {tenant: desk, name: 総合受付, numbers: ["03-1234-5678"]}
start: thanks
steps:
  thanks: {type: play, say: お電話ありがとうございました。, next: bye}
  bye: {type: hangup}
"""


class OneLine(Lines):
    def get(self, key: str) -> LiveLine | None:
        return LiveLine.read("desk", DESK) if key == "desk" else None


class Run:
    def __init__(self, *jobs: Job) -> None:
        self.ari, self.book = FakeAri(), FakeBook(*jobs)
        clock = FakeClock(datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
        parts: Any = (
            self.ari,
            OneLine(),
            Queues(FakeRoster([]), clock),
            FakeMailbox(Mailroom(lambda _: None)),
        )
        self.engine = Engine(
            *parts,
            FakeJournal(Ledger()),
            SOUNDS,
            clock,
            Path("/recordings"),
            FakeClosings(ClosingBook(), clock),
            FakeRetrieval(Shelf(), clock),
            Outside((), "PJSIP/{number}@trunk"),
        )
        self.back = RingingBack(self.engine, self.book)

    async def started(self) -> "Run":
        self.tasks = [
            asyncio.create_task(self.engine.serve()),
            asyncio.create_task(self.back.look_after()),
        ]
        await asyncio.sleep(SOON)
        assert self.ari.on_link is not None
        await self.ari.on_link()
        await asyncio.sleep(1)
        return self


@in_virtual_time
async def test_an_order_that_is_given_twice_rings_once() -> None:
    run = await Run(JOB).started()
    run.back.dial("k1", "telephone")
    run.back.dial("k1", "telephone")
    await asyncio.sleep(3)
    run.back.dial("k1", "telephone")
    await asyncio.sleep(3)
    assert run.ari.dialled == ["PJSIP/aiko"]
    run.ari.comes(AGENT)
    await asyncio.sleep(3)
    assert run.ari.dialled == ["PJSIP/aiko", "PJSIP/09012345678@trunk"]
    assert run.ari.callers_seen == ["0312345678", "0312345678"], "the line's own number"


@in_virtual_time
async def test_an_order_waits_for_the_link() -> None:
    run = Run(JOB)
    run.back.dial("k1", "telephone")
    await asyncio.sleep(5)
    assert run.ari.dialled == []
    await run.started()
    assert run.ari.dialled == ["PJSIP/aiko"]


@in_virtual_time
async def test_an_order_waits_for_the_store() -> None:
    run = await Run(JOB).started()
    run.book.broken = 2
    run.back.dial("k1", "telephone")
    await asyncio.sleep(5)
    assert run.ari.dialled == ["PJSIP/aiko"]


@in_virtual_time
async def test_a_mistake_of_ours_holds_nobody() -> None:
    run = await Run(JOB).started()
    run.back.dial("k1", "telephone")
    await asyncio.sleep(3)
    run.ari.comes(AGENT)
    del run.book.refused  # type: ignore[attr-defined]
    await asyncio.sleep(3)
    assert run.book.written == ["joined", f"not rung: {texts.FAILED}"]
    assert (run.ari.channels, run.ari.dialled) == (set(), ["PJSIP/aiko"])


@in_virtual_time
async def test_at_once_rings_one_free_agent_after_the_other() -> None:
    run = await Run(JOB, OTHER).started()
    run.back.now("T1", "17", datetime(2026, 11, 24, 3, tzinfo=UTC))
    await asyncio.sleep(3)
    assert run.ari.dialled == ["PJSIP/aiko"]
    run.ari.is_not_answered(AGENT, 21, 603)
    await asyncio.sleep(3)
    assert run.ari.dialled == ["PJSIP/aiko", "PJSIP/ben"]
    run.ari.is_not_answered("back-8-a-ben", 21, 603)
    await asyncio.sleep(3)
    assert run.book.written == [
        f"not rung: free {texts.AGENT['refused']}",
        f"not rung: free {texts.AGENT['refused']}",
        "nobody",
    ]


@in_virtual_time
async def test_at_once_who_answers_is_the_last_to_be_asked() -> None:
    run = await Run(JOB, OTHER).started()
    run.back.now("T1", "17", datetime(2026, 11, 24, 3, tzinfo=UTC))
    await asyncio.sleep(3)
    run.ari.comes(AGENT)
    await asyncio.sleep(3)
    run.ari.comes(CUSTOMER)
    await asyncio.sleep(3)
    run.ari.leaves(CUSTOMER)
    await asyncio.sleep(3)
    assert run.book.written == ["joined", "answered", "over"]
    assert "PJSIP/ben" not in run.ari.dialled


@in_virtual_time
async def test_a_stop_waits_for_talks_and_then_leaves_them_alone() -> None:
    run = await Run(JOB).started()
    run.back.dial("k1", "telephone")
    await asyncio.sleep(3)
    run.ari.comes(AGENT)
    await asyncio.sleep(3)
    run.ari.comes(CUSTOMER)
    await asyncio.sleep(3)
    began = asyncio.get_running_loop().time()
    await run.engine.drain(8)
    assert asyncio.get_running_loop().time() - began >= 8
    assert list(run.ari.bridges.values()) == [[AGENT, CUSTOMER]]
    assert run.book.written == ["joined", "answered"]


@in_virtual_time
async def test_what_comes_at_a_stop_rings_nobody() -> None:
    run = await Run(JOB).started()
    run.engine.draining = True
    run.back.dial("k1", "telephone")
    run.back.now("T1", "17", datetime(2026, 11, 24, 3, tzinfo=UTC))
    await asyncio.sleep(3)
    assert (run.ari.dialled, run.book.written) == ([], [f"refused: {texts.STOPPED}"])


# -- what a dead engine has left -------------------------------------------------------------------------


@in_virtual_time
async def test_killed_before_anything_rang_nothing_rings_any_more() -> None:
    run = Run()
    run.book.left = [(JOB, False)]
    await run.started()
    assert run.book.written == [f"not rung: {texts.STOPPED}"]
    run.back.dial("k1", "telephone")
    await asyncio.sleep(60)
    assert run.ari.dialled == []


@pytest.mark.parametrize("legs", [[AGENT], [AGENT, CUSTOMER]])
@in_virtual_time
async def test_killed_before_the_talk_all_telephones_stop(legs: list[str]) -> None:
    run = Run()
    run.book.left = [(JOB, False)]
    run.ari.channels |= {*legs, "caller", "back-77-a-ben"}
    await run.started()
    assert run.ari.channels == {"caller", "back-77-a-ben"}
    assert run.book.written == [f"not rung: {texts.STOPPED}"]
    assert run.ari.dialled == []


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("first", [AGENT, CUSTOMER])
@in_virtual_time
async def test_killed_in_the_talk_it_goes_on_and_is_led_to_its_end(first: str, answered: bool) -> None:
    run = Run()
    run.book.left = [(JOB, answered)]
    run.ari.channels |= {AGENT, CUSTOMER}
    run.ari.bridges["back-7-b"] = [AGENT, CUSTOMER]
    await run.started()
    await asyncio.sleep(90)
    assert run.ari.channels == {AGENT, CUSTOMER}
    assert run.book.written == ["answered", "answered"], "kept once a minute"
    run.ari.leaves(first)
    await asyncio.sleep(SOON)
    assert (run.ari.channels, run.ari.bridges) == (set(), {})
    assert run.book.written == ["answered", "answered", "over"]
    assert run.ari.dialled == []


@pytest.mark.parametrize("left", [[AGENT], [CUSTOMER], []])
@in_virtual_time
async def test_who_hung_up_while_no_engine_was_there_ends_the_talk(left: list[str]) -> None:
    run = Run()
    run.book.left = [(JOB, True)]
    run.ari.channels |= set(left)
    run.ari.bridges["back-7-b"] = left
    await run.started()
    assert (run.ari.channels, run.ari.bridges) == (set(), {})
    assert run.book.written == ["over"]


@in_virtual_time
async def test_who_hangs_up_while_the_link_is_broken_is_missed_at_the_next_look() -> None:
    run = Run()
    run.book.left = [(JOB, True)]
    run.ari.channels |= {AGENT, CUSTOMER}
    run.ari.bridges["back-7-b"] = [AGENT, CUSTOMER]
    await run.started()
    run.ari.channels.discard(CUSTOMER)
    run.ari.bridges["back-7-b"].remove(CUSTOMER)
    await asyncio.sleep(61)
    assert run.ari.channels == set()
    assert run.book.written[-1] == "over"


@in_virtual_time
async def test_the_store_is_asked_again() -> None:
    run = Run()
    run.book.left = [(JOB, False)]
    run.book.broken = 2
    await run.started()
    await asyncio.sleep(3)
    assert run.book.written == [f"not rung: {texts.STOPPED}"]
