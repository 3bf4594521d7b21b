"""Digits that callers enter: the secret ones reach no byte of the store, and none reaches a log or a path."""

import asyncio
import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.call import CallState
from ivr.dialplan.desk import Desk
from ivr.dialplan.load import load_text
from ivr.dialplan.run import run
from ivr.journal import StoreJournal
from ivr.queues.queues import Queues
from ivr.steps import STEPS
from ivr.store import calls
from ivr.store.database import Store
from tests.fakes.fake_call import FakeCall
from tests.fakes.fake_closings import ClosingBook, FakeClosings
from tests.fakes.fake_mailbox import FakeMailbox, Mailroom
from tests.fakes.fake_retrieval import FakeRetrieval, Shelf
from tests.fakes.fake_roster import FakeRoster
from tests.fakes.virtual_time import FakeClock, Life
from tests.fakes.world import Do, Telephone, World
from tests.messages_helpers import ManualClock
from tests.store.rows import NOON, after

MEMBER, PIN = "730519286", "864209753"
DIALPLAN = """\
line: {tenant: shop, name: 店, numbers: [050-3185-9080]}
start: member
steps:
  member: {type: collect, name: member_id, say: 会員, next: pin, otherwise: bye}
  pin: {type: collect, name: pin, say: 暗証, secret: true, next: known, otherwise: bye}
  known: {type: branch, when: [{digits: pin, equals: ["PIN"], next: survey}], otherwise: bye}
  survey: {type: survey, questions: {manner: 応対}, next: thanks}
  thanks: {type: play, say: どうも, next: bye}
  bye: {type: hangup}
""".replace("PIN", PIN)


def bytes_of(database: Path) -> bytes:
    return b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))


async def test_secret_digits_are_nowhere_and_others_end_with_the_call(
    tmp_path: Path, sqlite_template: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ivr")
    database = tmp_path / "ivr.db"
    shutil.copy(sqlite_template, database)
    store = await Store.open(f"sqlite:///{database}")
    journal = StoreJournal(store, "1", {"shop": "shop"}, ManualClock(NOON))
    call = caller()
    writing = asyncio.create_task(journal.run())
    journal.started(call, NOON)
    await run(call, load_text("shop.yaml", DIALPLAN, STEPS), desk(journal))
    journal.entered(call)  # as it stands at its end: with all that it holds
    await journal.flush()
    assert call.state.secrets == {"pin": PIN} and call.state.path[-2:] == ["thanks", "bye"]
    stored = bytes_of(database)
    assert MEMBER.encode() in stored, "the search finds what is there"
    assert PIN.encode() not in stored
    journal.ended(call, after(60))
    await journal.flush()
    writing.cancel()
    async with store.read() as session:
        row = await calls.get(session, call.id)
    assert row is not None and (row.state, row.answers) == (None, {"manner": 4})
    await store.close()
    assert PIN.encode() not in bytes_of(database)
    said = "".join(str(record.__dict__) for record in caplog.records) + repr(call.state) + str(row.path)
    assert MEMBER not in said and PIN not in said


def caller() -> FakeCall:
    script = [
        Do("会員", press=f"{MEMBER}#", gap=0),
        Do("暗証", press=f"{PIN}#", gap=0),
        Do("応対", press="4"),
    ]
    return FakeCall(World(), Telephone(script), CallState("c1", "shop", "abc"))


def desk(journal: StoreJournal) -> Desk:
    clock = FakeClock(datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
    life = Life()
    mailbox = FakeMailbox(Mailroom(World().spoken), life)
    line = load_text("shop.yaml", DIALPLAN, STEPS).line
    closings = FakeClosings(ClosingBook(), clock, life)
    return Desk(
        "shop",
        line,
        {},
        clock,
        mailbox,
        Queues(FakeRoster([], life), clock),
        journal,
        closings,
        FakeRetrieval(Shelf(), clock),
    )
