"""The batching writer of calls."""

import asyncio

from ivr.call import CallState
from ivr.journal import StoreJournal
from ivr.store import calls
from ivr.store.database import Store
from tests.fakes.fake_call import FakeCall
from tests.fakes.world import Telephone, World
from tests.store.rows import NOON, after

TURNS = 40  # of the loop: further than a write gets before it waits for the database


async def test_a_write_cut_short_by_a_stop_loses_no_ending(store: Store) -> None:
    journal = StoreJournal(store, "1", {"ecforce": "ecforce"})
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
