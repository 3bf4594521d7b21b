"""The promise kept: nothing but work that begins in time makes a promise kept, whatever else is done to a callback."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.call import CallbackPromise
from ivr.callbacks import asking, dialing, edits, merging, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.policy import Policy
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules
from ivr.errors import Conflict
from ivr.reports.facts import of_contact
from ivr.reports.tally import Asked, rows_of, tally
from ivr.store import callbacks, contacts
from ivr.store.database import Store
from ivr.store.reports import Span
from tests.store.postgres import Postgres
from tests.store.rows import NOON, TOKYO

BOSS = Who("boss", "shop", supervisor=True)
POLICY = Policy(
    CallbackRules.model_validate({"dial_hours": {"other": "always", "critical": "always"}}), lambda h: None
)
NUMBERS = ("+819011112222", "+819033334444", None)
DELAYS = {"15m": timedelta(minutes=15), "2h": timedelta(hours=2)}
JUDGED = ("kept", "late", "never", "waiting")
# What must change no promise, and what is work.
PAPER = (
    "merge",
    "split",
    "cancel",
    "give_up",
    "edit",
    "number",
    "raise",
    "lower",
    "claim",
    "memo",
    "flag",
    "offer",
)
WORK = ("begin", "dial", "done")


@dataclass
class Told:
    """What one caller was told, and when work on it began: the test's own book, kept without the store."""

    ticket: str
    due: datetime
    begun: datetime | None = None


class Desk:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOON
        self.book: dict[int, Told] = {}

    async def does(self, work: Callable[[AsyncSession], Awaitable[Any]]) -> Any:
        """What it gives; None if it is refused."""
        try:
            async with self.store.write() as session:
                return await work(session)
        except Conflict:
            return None

    async def asks(self, number: str | None, due: str, priority: str) -> None:
        request = f"r{len(self.book)}"
        facts = MessageFacts(
            request, "shop", "shop", "asked", number, self.now, withheld=None if number else "anonymous"
        )
        promise = CallbackPromise(priority, due, None)
        ticket = await self.does(
            lambda s: asking.create_for_request(s, request, facts, promise, None, self.now)
        )
        async with self.store.read() as session:
            made = await contacts.by_request(session, request)
        assert made is not None
        self.book[made.id] = Told(ticket, self.now + DELAYS[due])

    async def works(self, what: str, ticket: str) -> None:
        until = self.now + timedelta(minutes=10)
        took = await self.does(lambda s: service.claim(s, ticket, BOSS, until=until, now=self.now))
        key = f"{ticket} {self.now}"
        deeds: dict[str, Callable[[AsyncSession], Awaitable[Any]]] = {
            "begin": lambda s: service.begin_work(s, ticket, who=BOSS, now=self.now),
            "dial": lambda s: dialing.begin(s, ticket, who=BOSS, key=key, policy=POLICY, now=self.now),
            "done": lambda s: service.close(s, ticket, who=BOSS, now=self.now, note="済"),
        }
        if took is None or not hasattr(got := await self.does(deeds[what]), "ticket"):
            return  # refused, by a conflict or by the guard of the dial
        for told in self.book.values():
            if told.ticket == got.ticket and told.begun is None:
                told.begun = self.now
        if what == "dial":
            await self.does(lambda s: dialing.ended(s, key, "no_answer", policy=POLICY, now=self.now))

    async def files(self, what: str, ticket: str, other: str, pick: int) -> None:
        now, who = self.now, BOSS
        mine = [id for id, told in self.book.items() if told.ticket == ticket]
        until = now + timedelta(hours=50)
        deeds: dict[str, Callable[[AsyncSession], Awaitable[Any]]] = {
            "merge": lambda s: merging.merge(s, ticket, into=other, who=who, now=now),
            "split": lambda s: merging.split(s, ticket, mine[: pick % 3 + 1], who=who, now=now),
            "cancel": lambda s: service.cancel(s, ticket, who=who, why="不要", now=now),
            "give_up": lambda s: service.give_up(s, ticket, who=who, why="不在", now=now),
            "edit": lambda s: edits.edit(s, ticket, {"name": "山﨑"}, who=who, now=now),
            "number": lambda s: edits.edit(s, ticket, {"number": "090-5555-6666"}, who=who, now=now),
            "raise": lambda s: service.raise_priority(
                s, ticket, "critical", who=who, why="x", now=now, due=until
            ),
            "lower": lambda s: service.lower_priority(s, ticket, "low", who=who, why="x", now=now),
            "claim": lambda s: service.claim(s, ticket, who, until=now + timedelta(minutes=5), now=now),
            "memo": lambda s: edits.memo(s, ticket, "x", who=who, now=now),
            "flag": lambda s: edits.flag(s, ticket, who=who, now=now, careful=True),
            "offer": lambda s: service.offer(s, ticket, to="aiko", who=who, memo="x", now=now),
        }
        got = await self.does(deeds[what])
        if what == "merge" and got is not None:
            for told in self.book.values():
                told.ticket = got.ticket if told.ticket in (ticket, other) else told.ticket
        elif what == "split" and got is not None:
            for id in mine[: pick % 3 + 1]:
                self.book[id].ticket = got

    def expected(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {judged: set() for judged in JUDGED}
        for id, told in self.book.items():
            if told.begun is not None:
                found["kept" if told.begun <= told.due else "late"].add(id)
            else:
                found["never" if told.due < self.now else "waiting"].add(id)
        return found

    async def reported(self) -> dict[str, set[int]]:
        asked = asked_at(self.now)
        found: dict[str, set[int]] = {}
        async with self.store.read() as session:
            async for row, _ in rows_of(session, asked, "ask", "ask.promised", ""):
                (judged,) = (one for one in JUDGED if f"ask.{one}" in of_contact(row, self.now))
                found.setdefault(judged, set()).add(row.id)
        return {judged: found.get(judged, set()) for judged in JUDGED}

    async def counted(self) -> dict[str, int]:
        async with self.store.read() as session:
            figures = await tally(session, asked_at(self.now))
        return {judged: figures.n(f"ask.{judged}") for judged in JUDGED}


def asked_at(now: datetime) -> Asked:
    span = Span(NOON - timedelta(days=1), NOON + timedelta(days=30), TOKYO)
    return Asked([span], "shop", now, lambda line, path: False)


TURN = st.tuples(
    st.sampled_from(("ask", "ask", *WORK, *PAPER, "merge", "split")),
    st.integers(0, 50),
    st.integers(0, 50),
    st.sampled_from(sorted(DELAYS)),
    st.sampled_from((0, 1, 10, 100)),
)
Turns = Sequence[tuple[str, int, int, str, int]]


async def live(url: str, turns: Turns) -> None:
    store = await Store.open(url)
    try:
        desk = Desk(store)
        for number in NUMBERS:
            await desk.asks(number, "2h", "medium")
        for what, pick, other, due, minutes in turns:
            tickets = sorted({told.ticket for told in desk.book.values()})
            if what == "ask":
                await desk.asks(NUMBERS[pick % 3], due, "high" if other % 2 else "low")
            elif what in WORK:
                await desk.works(what, tickets[pick % len(tickets)])
            else:
                before = await desk.reported()
                await desk.files(what, tickets[pick % len(tickets)], tickets[other % len(tickets)], pick)
                assert await desk.reported() == before, what
            desk.now += timedelta(minutes=minutes)
        expected = desk.expected()
        assert await desk.reported() == expected
        assert await desk.counted() == {judged: len(ids) for judged, ids in expected.items()}
    finally:
        await store.close()


def try_histories(make: Callable[[], str], examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(st.lists(TURN, min_size=3, max_size=18))
    def every(turns: Turns) -> None:
        asyncio.run(live(make(), turns))

    every()


def test_only_work_in_time_keeps_a_promise(sqlite_template: Path, tmp_path: Path) -> None:
    def fresh() -> str:
        shutil.copy(sqlite_template, tmp_path / "ivr.db")
        for name in ("ivr.db-wal", "ivr.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        return f"sqlite:///{tmp_path / 'ivr.db'}"

    try_histories(fresh, 15)


def test_so_on_postgresql(migrated_postgres: Postgres) -> None:
    def fresh() -> str:
        migrated_postgres.empty("ivr")
        return migrated_postgres.url("ivr")

    try_histories(fresh, 5)


@pytest.mark.parametrize("minutes", [-1, 0, 1])
async def test_the_told_minute_decides(store: Store, minutes: int) -> None:
    desk = Desk(store)
    await desk.asks(NUMBERS[0], "15m", "medium")
    (told,) = desk.book.values()
    desk.now = told.due + timedelta(minutes=minutes)
    await desk.works("begin", told.ticket)
    figures = await desk.reported()
    assert [judged for judged in JUDGED if figures[judged]] == ["late" if minutes > 0 else "kept"]


async def test_who_asks_again_is_a_promise_of_its_own(store: Store) -> None:
    """The first was kept; the second, on the same ticket, is not begun by the work of before."""
    desk = Desk(store)
    await desk.asks(NUMBERS[0], "15m", "medium")
    ticket = next(iter(desk.book.values())).ticket
    await desk.works("dial", ticket)
    desk.now += timedelta(minutes=30)
    await desk.asks(NUMBERS[0], "15m", "medium")
    desk.now += timedelta(minutes=16)
    assert {judged: len(ids) for judged, ids in (await desk.reported()).items()} == {
        "kept": 1, "late": 0, "never": 1, "waiting": 0,
    }  # fmt: skip
    async with store.write() as session:
        await service.cancel(session, ticket, who=BOSS, why="不要", now=desk.now)
        assert (await callbacks.get(session, ticket)).state == "cancelled"
    assert len((await desk.reported())["never"]) == 1, "a cancelled callback was not begun"
