"""The figures of a report over 100,000 callbacks, beside a plain SQL count of the same rows: `python -m bench.reports`.

The plain count is what a database answers at best: how many calls, contacts and dials there are, by hour, in one
statement each. Medians of CPU time, for the machine is shared. Fails when the report takes more than 6 s of it.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from sqlalchemy import insert, text

from ivr.clock import JAPAN
from ivr.reports.tally import Asked, tally
from ivr.store.database import Store
from ivr.store.migrate import migrate
from ivr.store.reports import Span
from ivr.store.tables import Base, CallbackRow, CallRow, ContactRow, DialRow

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 30
AIM = 6.0  # seconds
COUNTS = ("calls WHERE started_at", "callback_contacts WHERE created_at", "callback_dials WHERE began_at")


async def fill(store: Store, callbacks: int) -> None:
    """For each callback a call, a contact and a dial, and a call more that was answered."""
    dice = random.Random(5)
    for start in range(0, callbacks, 5000):
        rows: dict[type[Base], list[dict[str, Any]]] = {}
        for number in range(start, min(start + 5000, callbacks)):
            for table, row in _rows(dice, number):
                rows.setdefault(table, []).append(row)
        async with store.write() as session:
            for table in (CallRow, CallbackRow, ContactRow, DialRow):
                await session.execute(insert(table), rows[table])


def _rows(dice: random.Random, number: int) -> list[tuple[type[Base], dict[str, Any]]]:
    at = BEGIN + timedelta(days=DAYS) * dice.random()
    begun = at + timedelta(hours=3) * dice.random()
    line, ticket = f"line{number % 5}", f"{number:07}"
    of = {"tenant": "shop", "line": line, "number": f"+8190{number:08}"}
    call = {"dialplan": "0" * 64, "dialled": "05031859080", "engine": "1", "path": ["menu", "#1", "support"]}
    about = {
        "cause": dice.choice(["busy", "closed", "no_answer"]),
        "priority": dice.choice(["high", "medium"]),
    }
    ask = {**of, **about, "path": [], "ticket": ticket, "created_at": at, "due_at": at + timedelta(hours=2)}
    lost, answered = (
        {**of, **call, "id": f"{kind}{number}", "started_at": at, "ended_at": begun, "outcome": outcome}
        for kind, outcome in (("a", dice.choice(["message", "abandoned"])), ("b", "answered"))
    )
    work = {"begun_at": begun, "done_at": begun + timedelta(minutes=5), "state": "done", "agent": "tanaka"}
    dial = {**of, "ticket": ticket, "agent": "tanaka", "by_hand": False, "key": ticket, "began_at": begun}
    return [
        (CallRow, lost),
        (CallRow, answered),
        (CallbackRow, {**ask, **work}),
        (ContactRow, {**ask, "begun_at": begun, "told_ticket": ticket, "source": "message"}),
        (DialRow, {**dial, "outcome": "reached"}),
    ]


async def report(store: Store) -> None:
    span = Span(BEGIN, BEGIN + timedelta(days=DAYS), JAPAN)
    async with store.read() as session:
        await tally(session, Asked([span], "shop", span.end, lambda line, path: path[-1] == "support"))


async def plain(store: Store) -> None:
    async with store.read() as session:
        for what in COUNTS:
            table, _, column = what.partition(" WHERE ")
            hour = f"SELECT substr({column}, 1, 13), count(*) FROM {table} WHERE {column} >= :begin"
            await session.execute(text(f"{hour} GROUP BY 1"), {"begin": f"{BEGIN:%Y-%m-%d}"})


async def held_up() -> float:
    """The longest time for which the loop did not turn, until cancelled."""
    longest = 0.0
    with suppress(asyncio.CancelledError):
        while True:
            begun = perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, perf_counter() - begun)
    return longest


async def run(callbacks: int, rounds: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'ivr.db'}"
        migrate(url)
        store = await Store.open(url)
        await fill(store, callbacks)
        found: dict[str, list[float]] = {"report": [], "plain": []}
        watch = asyncio.create_task(held_up())
        for _ in range(rounds):
            for what, work in (("report", report), ("plain", plain)):
                begun = process_time()
                await work(store)
                found[what].append(process_time() - begun)
        watch.cancel()
        longest = await watch
        await store.close()
    ours, counts = (statistics.median(found[what]) for what in ("report", "plain"))
    print(f"{callbacks:,} callbacks, {2 * callbacks:,} calls, {callbacks:,} dials; medians of {rounds}")
    print(f"all figures {ours:6.2f} s, plain counts by the hour {counts:6.2f} s, ratio {ours / counts:.1f}")
    print(f"others were held up for at most {longest * 1000:.0f} ms (wall time)")
    return int(ours > AIM)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--callbacks", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    return asyncio.run(run(given.callbacks, given.rounds))


if __name__ == "__main__":
    sys.exit(main())
