"""A line's rule, or the caller's key, makes a callback more urgent: never less, never later, and not twice."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from ivr.call import CallbackPromise
from ivr.callbacks import service
from ivr.callbacks.asking import MessageFacts, create_for_message
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules, TargetModel
from ivr.dialplan.reading import PriorityRule, ReadingRules
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.messages.filing import Ended, file
from ivr.messages.pipeline import Reading
from ivr.messages.sidecar import Facts
from ivr.store import callbacks, messages, stages
from ivr.store.database import Store
from ivr.store.tables import CallbackEvent, CallbackRow
from tests.messages_helpers import OFFICE, ManualClock, publish
from tests.store.rows import TOKYO, message, transcript

ASKED = datetime(2026, 11, 24, 11, 0, tzinfo=TOKYO)  # a Tuesday, open
READ = datetime(2026, 11, 24, 11, 5, tzinfo=TOKYO)
TOLD = datetime(2026, 11, 25, 17, 0, tzinfo=TOKYO)  # one business day later
IN_TWO_HOURS = datetime(2026, 11, 24, 13, 0, tzinfo=TOKYO)  # counted from the arrival, not from the reading
URGENT = "システムが止まっています。至急お願いします"
AGENT = Who("suzuki", "ecforce")


@dataclass
class OneLine:
    """What a line says, as `ivr.lines.Lines` tells it."""

    promises: CallbackRules = field(
        default_factory=lambda: CallbackRules(
            high=TargetModel(response="2h"), critical=TargetModel(response="15m")
        )
    )
    rules: ReadingRules = field(
        default_factory=lambda: ReadingRules(priority=(PriorityRule(urgent="true", priority="high"),))
    )

    def reading(self, line: str) -> ReadingRules:
        return self.rules

    def callbacks(self, line: str) -> CallbackRules:
        return self.promises

    def calendar(self, line: str, hours: str | None) -> Calendar | None:
        return Calendar(HoursModel.model_validate(OFFICE))


async def ask(store: Store, due: str = "1 business day", priority: str = "medium") -> str:
    async with store.write() as session:
        await messages.intend(session, message("m1", created_at=ASKED))
        await messages.stored(session, "m1", state="stored", ended_at=ASKED, ended_by="key", duration=4.0)
        facts = MessageFacts("m1", "ecforce", "ecforce", "busy", "+819012345678", ASKED)
        promise = CallbackPromise(priority, due, None)
        return await create_for_message(session, facts, promise, OneLine().calendar("", None), ASKED)


async def read(store: Store, text: str = URGENT, line: OneLine | None = None) -> CallbackRow:
    """What the stage makes of a transcript; once more if it was read before."""
    words = [
        {"word": word, "start": 1.0, "end": 2.0, "conf": 1.0} for word in text.replace("。", " ").split()
    ]
    async with store.write() as session:
        values = transcript(text, READ, transcript_words=words)
        if not await stages.done(session, "transcript", "m1", values, READ):
            await stages.again(session, "reading", "m1", READ)
    work = Reading(store, ManualClock(READ), line or OneLine())
    assert await work.claim("m1", await work.lease())
    await work.work("m1")
    async with store.read() as session:
        assert (await messages.get(session, "m1")).reading_state == "done"
        found = await callbacks.by_message(session, "m1")
        assert found is not None
        return found


async def raised(store: Store, ticket: str) -> list[CallbackEvent]:
    async with store.read() as session:
        return [event for event in await callbacks.events(session, ticket) if event.what == "priority"]


async def test_a_rule_raises_the_priority_and_the_due_time_is_counted_from_the_arrival(store: Store) -> None:
    ticket = await ask(store)
    row = await read(store)
    assert (row.priority, row.due_at, row.state) == ("high", IN_TWO_HOURS, "open")
    [event] = await raised(store, ticket)
    assert (event.who, event.why, event.at) == ("rule", "high: 「至急」と話しています", READ)


async def test_a_text_that_is_read_again_raises_nothing_twice(store: Store) -> None:
    ticket = await ask(store)
    first = await read(store)
    again = await read(store)
    assert (again.priority, again.due_at, again.version) == (first.priority, first.due_at, first.version)
    assert len(await raised(store, ticket)) == 1


@pytest.mark.parametrize("due", ["15m", "1 business hour"])
async def test_what_was_promised_earlier_stays_promised(store: Store, due: str) -> None:
    told = {"15m": (11, 15), "1 business hour": (12, 0)}[due]
    await ask(store, due)
    row = await read(store)
    assert (row.priority, row.due_at) == ("high", ASKED.replace(hour=told[0], minute=told[1]))


async def test_no_rule_lowers_anything(store: Store) -> None:
    ticket = await ask(store, "15m", "critical")
    row = await read(store)
    assert (row.priority, row.due_at) == ("critical", ASKED.replace(minute=15))
    assert await raised(store, ticket) == []


async def test_without_a_rule_that_holds_nothing_changes(store: Store) -> None:
    ticket = await ask(store)
    row = await read(store, "請求書の再発行をお願いします")
    assert (row.priority, row.due_at) == ("medium", TOLD)
    row = await read(store, line=OneLine(rules=ReadingRules()))
    assert (row.priority, row.due_at, await raised(store, ticket)) == ("medium", TOLD, [])


async def test_a_person_knows_better(store: Store) -> None:
    ticket = await ask(store, priority="high")
    async with store.write() as session:
        await service.lower_priority(session, ticket, "low", who=AGENT, why="急ぎではないとのこと", now=READ)
    row = await read(store)
    assert (row.priority, row.due_at) == ("low", TOLD)


async def test_what_is_done_stays_as_it_was(store: Store) -> None:
    ticket = await ask(store)
    async with store.write() as session:
        await service.close(session, ticket, who=AGENT, now=READ, note="済")
    row = await read(store)
    assert (row.state, row.priority, await raised(store, ticket)) == ("done", "medium", [])


@pytest.mark.parametrize(
    ("promise", "expected"),
    [
        (CallbackPromise("medium", "1 business day", None, "2h"), ("high", IN_TWO_HOURS)),
        (CallbackPromise("critical", "15m", None, "2h"), ("critical", ASKED.replace(minute=15))),
        (CallbackPromise("low", "30m", None, "2h"), ("high", ASKED.replace(minute=30))),
        (CallbackPromise("low", "1 business day", None), ("high", TOLD)),  # a sidecar of an older version
    ],
)
async def test_the_callers_key_raises_it_before_any_text_is_there(
    store: Store, promise: CallbackPromise, expected: tuple[str, Any]
) -> None:
    await publish(store)
    facts = Facts("m1", "ecforce", "busy", "+819012345678", "engine", ASKED, promise=promise, urgent=True)
    ended = Ended("stored", 4.0, "key", ())
    for _ in range(2):
        ticket = await file(store, OneLine().calendar, facts, ended, READ)
        assert ticket is not None
    async with store.read() as session:
        row = await callbacks.get(session, ticket)
        assert (await messages.get(session, "m1")).urgent
    assert (row.priority, row.due_at) == expected
    events = await raised(store, ticket)
    assert len(events) == (promise.priority != "critical")
    assert all(event.who == "rule" and "お急ぎの番号" in (event.why or "") for event in events)
