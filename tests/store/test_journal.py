"""The batching writer of calls."""

import asyncio

from ivr.call import BY_DEFAULT, CallState
from ivr.journal import StoreJournal
from ivr.store import alarms, calls
from ivr.store.database import Store
from tests.fakes.fake_call import FakeCall
from tests.fakes.world import Telephone, World
from tests.messages_helpers import ManualClock
from tests.store.rows import NOON, after

TURNS = 40  # of the loop: further than a write gets before it waits for the database


async def test_a_write_cut_short_by_a_stop_loses_no_ending(store: Store) -> None:
    journal = StoreJournal(store, "1", {"ecforce": "ecforce"}, ManualClock(NOON))
    cut = 0
    for turns in range(TURNS):
        call = FakeCall(World(), Telephone([]), CallState(f"c{turns}", "ecforce", "abc"))
        journal.started(call, NOON)
        call.state.outcome = "answered"
        journal.ended(call, after(60))
        writing = asyncio.create_task(journal.flush())
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        cut += writing.cancelled()
        await journal.flush()
    assert cut > 5
    async with store.read() as session:
        rows = await calls.listing(session, limit=1000)
    assert {row.id: (row.outcome, row.ended_at) for row in rows} == {
        f"c{turns}": ("answered", after(60)) for turns in range(TURNS)
    }


async def test_the_path_bears_the_seconds_at_which_each_part_was_reached(store: Store) -> None:
    clock = ManualClock(NOON)
    journal = StoreJournal(store, "1", {"ecforce": "ecforce"}, clock)
    call = FakeCall(World(), Telephone([]), CallState("c1", "ecforce", "abc"))
    journal.started(call, NOON)
    for seconds, path in ((1, ["welcome"]), (5, ["welcome", "menu"]), (9, ["welcome", "menu", "#1", "bye"])):
        clock.advance(seconds)
        call.state.path = path
        journal.entered(call)
    journal.ended(call, after(20))
    await journal.flush()
    async with store.read() as session:
        row = await calls.get(session, "c1")
    assert row is not None and row.path_times == [1.0, 6.0, 15.0, 15.0]


async def test_a_call_taken_by_the_default_line_is_an_alarm(store: Store) -> None:
    journal = StoreJournal(store, "1", {"ecforce": "ecforce"}, ManualClock(NOON))
    state = CallState("c1", "ecforce", "abc", variables={BY_DEFAULT: "yes"})
    journal.started(FakeCall(World(), Telephone([]), state), NOON)
    await journal.flush()
    async with store.read() as session:
        (alarm,) = await alarms.standing(session)
    assert alarm.key == "number" and "窓口「ecforce」でお受けしました" in alarm.text
    assert "「05031859080」" in alarm.text
