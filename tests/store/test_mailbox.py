"""The mailbox on SQLite and PostgreSQL: one message, one callback, and never a caller who waits for the store."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import select, text, update

from ivr.call import JOINS, Call, CallbackPromise, Draft, Recorded, Stored, Taken
from ivr.errors import StoreError
from ivr.messages import mailbox as mailbox_module
from ivr.messages.mailbox import StoreMailbox
from ivr.messages.reconciler import Reconciler
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, MessageRow
from tests.messages_helpers import (
    DUE,
    EVENING,
    NUMBER,
    ManualClock,
    calendars,
    cut_off,
    e164,
    publish,
    said,
    unsaid,
    visit,
)

PROMISE = CallbackPromise("medium", "1 business day", "office")


@dataclass
class Room:
    """A mailbox, the reconciler of the jobs process, and what they share."""

    mailbox: StoreMailbox
    reconciler: Reconciler
    store: Store
    folder: Path
    clock: ManualClock
    wakes: list[str]

    async def messages(self) -> list[MessageRow]:
        async with self.store.read() as session:
            return list(await session.scalars(select(MessageRow).order_by(MessageRow.id)))

    async def callbacks(self) -> list[CallbackRow]:
        async with self.store.read() as session:
            return list(await session.scalars(select(CallbackRow).order_by(CallbackRow.created_at)))

    async def reconcile(self) -> None:
        """As the jobs process does, until what must be watched for a while has been watched."""
        await self.reconciler.run()
        self.clock.advance(20)
        await self.reconciler.run()

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


AS_SHIPPED = mailbox_module.PATIENCE


@pytest.fixture
async def room(
    store: Store, other_process: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Room]:
    # On a loaded machine a healthy store may take longer than a caller would wait.
    monkeypatch.setattr(mailbox_module, "PATIENCE", 60.0)
    await publish(store)
    clock, wakes, recordings = ManualClock(), list[str](), tmp_path / "recordings"
    mailbox = StoreMailbox(store, recordings, calendars, clock, lambda: wakes.append("jobs"))
    reconciler = Reconciler(other_process, recordings, calendars, clock, e164)
    yield Room(mailbox, reconciler, store, recordings / "messages", clock, wakes)
    await mailbox.close()


@asynccontextmanager
async def store_held(holder: Store) -> AsyncIterator[None]:
    """Somebody else keeps every writer out."""
    async with holder.read() as session:
        await session.rollback()
        if session.get_bind().dialect.name == "sqlite":
            await session.execute(text("BEGIN IMMEDIATE"))
        else:
            await session.execute(text("LOCK TABLE messages, callbacks IN ACCESS EXCLUSIVE MODE"))
        yield
        await session.rollback()


async def leave(room: Room, call: Call, promise: CallbackPromise | None = PROMISE) -> Draft:
    """Begins a message and speaks it."""
    draft = await room.mailbox.begin(call, promise)
    said(draft.file)
    return draft


# -- the way it should go ------------------------------------------------------------------


async def test_a_message_and_its_callback(room: Room) -> None:
    draft = await leave(room, visit())
    (begun,) = await room.messages()
    assert (begun.state, begun.transcript_state) == ("recording", "none")
    room.clock.advance(12)
    stored = await room.mailbox.finish(draft, Recorded("key", 4.0))
    (message,), (callback,) = await room.messages(), await room.callbacks()
    assert stored == Stored(True, callback.ticket)
    assert (message.id, message.call_id) == (draft.id, "ivr-1.1")
    assert (message.line, message.tenant) == ("ecforce", "ecforce")
    assert (message.cause, message.number, message.withheld) == ("closed", NUMBER, None)
    assert (message.state, message.origin, message.ended_by) == ("stored", "engine", "key")
    assert (message.created_at, message.ended_at) == (EVENING, EVENING + timedelta(seconds=12))
    assert message.audio == f"messages/{draft.id}.wav"
    assert (message.transcript_state, message.transcript_next_at) == ("waiting", message.ended_at)
    assert (callback.state, callback.cause, callback.number) == ("open", "closed", NUMBER)
    assert (callback.message_id, callback.call_id) == (draft.id, "ivr-1.1")
    assert (callback.priority, callback.due_at) == ("medium", DUE)
    assert (callback.branch, callback.path[-1]) == ("support", "busy_message")
    assert room.left() == [f"{draft.id}.wav"]
    assert room.wakes == ["jobs"]


async def test_the_intent_is_on_the_disk_and_locked_before_the_beep(room: Room) -> None:
    draft = await room.mailbox.begin(visit(number=None), PROMISE)
    (line,) = (room.folder / f"{draft.id}.json").read_text("utf-8").splitlines()
    intent = json.loads(line)
    assert (intent["line"], intent["cause"], intent["state"]) == ("ecforce", "closed", "recording")
    assert (intent["number"], intent["withheld"]) == (None, "anonymous")
    await room.reconcile()
    assert [message.state for message in await room.messages()] == ["recording"]
    assert f"{draft.id}.json" in room.left(), "the reconciler took a sidecar whose writer lives"


async def test_the_duration_is_that_of_the_file(room: Room) -> None:
    draft = await room.mailbox.begin(visit(), PROMISE)
    unsaid(draft.file, 7.5)
    await room.mailbox.finish(draft, Recorded("silence", 99.0))
    (message,) = await room.messages()
    assert message.duration == 7.5


async def test_no_promise_no_callback(room: Room) -> None:
    stored = await room.mailbox.finish(await leave(room, visit(), None), Recorded("key", 3.0))
    assert stored == Stored(True, None)
    assert [message.state for message in await room.messages()] == ["stored"]
    assert await room.callbacks() == []


async def test_a_message_asked_for_has_its_own_cause(room: Room) -> None:
    draft = await leave(room, visit(cause=None))
    await room.mailbox.finish(draft, Recorded("key", 3.0))
    assert [callback.cause for callback in await room.callbacks()] == ["asked"]


async def test_many_at_once(room: Room) -> None:
    async def one(number: int) -> Stored:
        draft = await leave(room, visit(f"ivr-1.{number}", number=None))
        return await room.mailbox.finish(draft, Recorded("key", 3.0))

    await asyncio.gather(*(one(number) for number in range(20)))
    await room.mailbox.close()
    await room.reconcile()
    assert len(await room.messages()) == len({c.message_id for c in await room.callbacks()}) == 20


# -- what counts as a message --------------------------------------------------------------


@pytest.mark.parametrize(
    ("audio", "ended_by", "state", "callbacks"),
    [
        ("speech", "hangup", "stored", 1),
        ("speech", "failed", "stored", 1),
        ("cut off", "failed", "stored", 1),
        ("silence", "silence", "silent", 0),
        ("silence", "hangup", "silent", 0),
        ("silence", "failed", "stored", 1),  # what was said later may be missing
        ("header", "hangup", "silent", 0),  # hung up during the beep
        ("none", "hangup", "silent", 0),
        ("none", "key", "silent", 0),
        ("none", "failed", "lost", 1),  # our fault, and a callback was promised
        ("header", "failed", "lost", 1),
    ],
)
async def test_only_proven_non_speech_makes_no_callback(
    room: Room,
    audio: str,
    ended_by: Literal["hangup", "failed", "silence", "key"],
    state: str,
    callbacks: int,
) -> None:
    draft = await room.mailbox.begin(visit(), PROMISE)
    match audio:
        case "speech":
            said(draft.file)
        case "cut off":
            cut_off(said(draft.file))
        case "silence":
            unsaid(draft.file)
        case "header":
            unsaid(draft.file, 0)
    stored = await room.mailbox.finish(draft, Recorded(ended_by, 1.0))
    assert stored.speech is (state != "silent")
    assert (stored.ticket is not None) is bool(callbacks)
    (message,) = await room.messages()
    assert (message.state, len(await room.callbacks())) == (state, callbacks)
    assert message.transcript_state == {"stored": "waiting", "silent": "none", "lost": "failed"}[state]
    assert (message.transcript_reason == "録音ファイルに音声が入っていません。") is (state == "lost")


async def test_a_silent_caller_is_asked_once_more_and_speaks(room: Room) -> None:
    call = visit()
    first = await room.mailbox.begin(call, PROMISE)
    unsaid(first.file)
    assert await room.mailbox.taken(first, Recorded("silence", 3.0)) == Taken(())
    assert [message.state for message in await room.messages()] == ["recording"], (
        "filed before the second try"
    )
    call.state.message_id = first.id
    second = await room.mailbox.another(first, "unheard")
    assert second.id == first.id
    assert second.file != first.file, "Asterisk refuses a name that exists"
    spoken = said(second.file).read_bytes()
    stored = await room.mailbox.finish(second, Recorded("key", 3.0))
    assert stored.speech and stored.ticket
    (message,) = await room.messages()
    assert message.state == "stored"
    assert (room.folder.parent / message.audio).read_bytes() == spoken
    assert room.left() == [f"{first.id}.wav"]


async def test_a_caller_who_stays_silent_is_counted_without_a_callback(room: Room) -> None:
    draft = await room.mailbox.begin(visit(), PROMISE)
    unsaid(draft.file)
    assert await room.mailbox.taken(draft, Recorded("silence", 3.0)) == Taken(())
    draft = await room.mailbox.another(draft, "unheard")
    unsaid(draft.file)
    assert await room.mailbox.finish(draft, Recorded("silence", 3.0)) == Stored(False, None)
    assert [message.state for message in await room.messages()] == ["silent"]
    assert await room.callbacks() == []
    assert room.left() == [f"{draft.id}.wav"]


async def test_a_caller_who_leaves_instead_of_trying_again_is_filed(room: Room) -> None:
    draft = await room.mailbox.begin(visit(), PROMISE)
    unsaid(draft.file)
    assert await room.mailbox.taken(draft, Recorded("silence", 3.0)) == Taken(())
    second = await room.mailbox.another(draft, "unheard")
    assert await room.mailbox.finish(second, Recorded("hangup")) == Stored(False, None)
    assert [message.state for message in await room.messages()] == ["silent"]
    assert room.left() == [f"{draft.id}.wav"]


# -- what goes wrong -----------------------------------------------------------------------


async def test_a_held_store_keeps_nobody_waiting(
    room: Room, other_process: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AS_SHIPPED == 0.3
    monkeypatch.setattr(mailbox_module, "PATIENCE", AS_SHIPPED)
    # Far less than the store's own patience, so whoever returns in time did not wait for it.
    async with store_held(other_process), asyncio.timeout(7):
        draft = await room.mailbox.begin(visit(), PROMISE)
        said(draft.file)
        stored = await room.mailbox.finish(draft, Recorded("key", 3.0))
    assert stored == Stored(True, None), "the store was not held"
    assert room.wakes == ["jobs"]
    await room.mailbox.close()
    await room.reconcile()
    (message,), (callback,) = await room.messages(), await room.callbacks()
    assert (message.state, callback.message_id) == ("stored", draft.id)
    assert room.left() == [f"{draft.id}.wav"]


async def test_a_store_that_is_gone_leaves_it_to_the_reconciler(
    room: Room, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with room.store.write() as session:
        await session.execute(text("ALTER TABLE messages RENAME TO elsewhere"))
    draft = await leave(room, visit())
    assert await room.mailbox.finish(draft, Recorded("key", 3.0)) == Stored(True, None)
    await room.reconcile()
    assert f"{draft.id}.json" in room.left()
    async with room.store.write() as session:
        await session.execute(text("ALTER TABLE elsewhere RENAME TO messages"))
    await room.reconcile()
    assert [message.state for message in await room.messages()] == ["stored"]
    assert len(await room.callbacks()) == 1
    assert NUMBER[1:] not in caplog.text


async def test_finish_survives_cancellation(room: Room) -> None:
    draft = await leave(room, visit())
    finishing = asyncio.create_task(room.mailbox.finish(draft, Recorded("key", 3.0)))
    await asyncio.sleep(0)  # it has begun
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    await room.mailbox.close()
    assert [message.state for message in await room.messages()] == ["stored"]
    assert len(await room.callbacks()) == 1


async def test_finishing_twice_makes_one(room: Room) -> None:
    draft = await leave(room, visit())
    await room.mailbox.finish(draft, Recorded("key", 3.0))
    await room.mailbox.finish(draft, Recorded("key", 3.0))
    assert (len(await room.messages()), len(await room.callbacks())) == (1, 1)


async def test_a_disk_that_refuses_the_intent_forbids_the_beep(room: Room) -> None:
    room.folder.rmdir()
    with pytest.raises(StoreError):
        await room.mailbox.begin(visit(), PROMISE)
    assert await room.messages() == []


async def test_a_call_that_broke_off_is_left_to_the_reconciler(room: Room) -> None:
    draft = await leave(room, visit())
    room.mailbox.release("ivr-9.9")
    await room.reconcile()
    assert [message.state for message in await room.messages()] == ["recording"]
    room.mailbox.release("ivr-1.1")
    await room.reconcile()
    (message,) = await room.messages()
    assert (message.id, message.state) == (draft.id, "stored")
    assert len(await room.callbacks()) == 1


async def test_a_call_taken_back_joins_its_message(room: Room, store: Store) -> None:
    call = visit()
    draft = await leave(room, call)
    room.mailbox.release(call.id)  # the engine died
    call.state.message_id = draft.id
    successor = StoreMailbox(store, room.folder.parent, calendars, room.clock, lambda: None)
    joined = await successor.begin(call, PROMISE)
    assert joined == draft
    await room.reconcile()
    assert [message.state for message in await room.messages()] == ["recording"]
    await successor.finish(joined, Recorded("key", 3.0))
    await successor.close()
    assert (len(await room.messages()), len(await room.callbacks())) == (1, 1)


async def test_a_message_filed_meanwhile_is_not_recorded_over(room: Room) -> None:
    call = visit()
    draft = await leave(room, call)
    room.mailbox.release(call.id)
    await room.reconcile()
    call.state.message_id = draft.id
    fresh = await room.mailbox.begin(call, PROMISE)
    assert fresh.id != draft.id and fresh.file != draft.file


# -- asked for by key ----------------------------------------------------------------------

URGENT = CallbackPromise("high", "1 business day", "office")
OTHER = "+81312345678"


async def test_a_callback_asked_for_by_key_is_there_when_its_ticket_is(room: Room) -> None:
    ticket = await room.mailbox.ring_back(visit(number=None), OTHER, URGENT)
    (callback,) = await room.callbacks()
    assert (callback.ticket, callback.state, callback.cause) == (ticket, "open", "asked")
    assert (callback.number, callback.withheld) == (OTHER, None)
    assert (callback.line, callback.tenant, callback.branch) == ("ecforce", "ecforce", "support")
    assert (callback.priority, callback.due_at) == ("high", DUE)
    assert (callback.call_id, callback.message_id) == ("ivr-1.1", None)
    assert (await room.messages(), room.left()) == ([], [])


async def test_asked_for_again_in_the_same_step_it_is_the_same_callback(room: Room) -> None:
    tickets = {await room.mailbox.ring_back(visit(), NUMBER, URGENT) for _ in range(3)}
    assert tickets == {callback.ticket for callback in await room.callbacks()}
    assert len(tickets) == 1
    tickets.add(await room.mailbox.ring_back(visit("ivr-1.2"), NUMBER, URGENT))
    (callback,) = await room.callbacks()
    assert (tickets, callback.contacts) == ({callback.ticket}, 2)


async def test_a_callback_beside_the_message_of_the_same_call(room: Room) -> None:
    await room.mailbox.finish(await leave(room, visit()), Recorded("key", 3.0))
    await room.mailbox.ring_back(visit(), NUMBER, URGENT)
    (callback,) = await room.callbacks()
    assert (callback.message_id is not None, callback.contacts, callback.priority) == (True, 2, "high")


async def test_a_slow_store_costs_the_ticket_and_not_the_callback(
    room: Room, other_process: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_module, "PATIENCE", AS_SHIPPED)
    async with store_held(other_process):
        began = asyncio.get_running_loop().time()
        assert await room.mailbox.ring_back(visit(), OTHER, URGENT) is None
        assert asyncio.get_running_loop().time() - began < 1
        (sidecar,) = room.left()
        assert json.loads((room.folder / sidecar).read_text("utf-8"))["number"] == OTHER
    await room.mailbox.close()
    await room.reconcile()
    assert [callback.number for callback in await room.callbacks()] == [OTHER]
    assert room.left() == []


async def test_an_engine_that_died_with_the_intent_on_the_disk_leaves_one_callback(room: Room) -> None:
    """It comes back, the step asks again, and the reconciler finds what the dead engine left."""
    ticket = await room.mailbox.ring_back(visit(), OTHER, URGENT)
    now = EVENING.isoformat()
    left = {
        "id": "01KAM3XJ5M8QW5R0T1V2W3X4Y5", "line": "ecforce", "call_id": "ivr-1.1", "cause": "asked",
        "number": OTHER, "path": ["menu", "busy_message"], "origin": "engine", "created_at": now,
        "promise": {"priority": "high", "due": "1 business day", "hours": "office"},
        "request": "ivr-1.1/ecforce/busy_message",
    }  # fmt: skip
    (room.folder / f"{left['id']}.json").write_text(json.dumps(left) + "\n", "utf-8")
    assert await room.reconciler.run() == 1
    assert [callback.ticket for callback in await room.callbacks()] == [ticket]
    assert (await room.messages(), room.left()) == ([], [])


async def test_a_full_disk_promises_nothing(room: Room) -> None:
    room.folder.rmdir()
    with pytest.raises(StoreError):
        await room.mailbox.ring_back(visit(), NUMBER, URGENT)
    assert await room.callbacks() == []
    room.folder.mkdir()


# -- for a ticket, and urgent ------------------------------------------------------------------


async def test_a_message_for_a_ticket_joins_it_whatever_number_and_branch(room: Room) -> None:
    await room.mailbox.finish(await leave(room, visit()), Recorded("key", 4.0))
    (callback,) = await room.callbacks()
    again = visit("ivr-1.2", number=None)
    again.state.variables[JOINS], again.state.path[:] = callback.ticket, ["mine", "#9", "other_message"]
    stored = await room.mailbox.finish(await leave(room, again), Recorded("key", 4.0))
    (callback,) = await room.callbacks()
    assert (stored.ticket, callback.contacts, callback.number) == (callback.ticket, 2, NUMBER)


async def test_a_message_for_a_ticket_of_another_company_or_a_closed_one_stands_alone(room: Room) -> None:
    await room.mailbox.finish(await leave(room, visit()), Recorded("key", 4.0))
    (callback,) = await room.callbacks()
    for number, changes in enumerate(({"tenant": "kelp"}, {"tenant": "ecforce", "state": "done"}), 2):
        async with room.store.write() as session:
            await session.execute(
                update(CallbackRow).where(CallbackRow.ticket == callback.ticket).values(**changes)
            )
        again = visit(f"ivr-1.{number}", number=None)
        again.state.variables[JOINS] = callback.ticket
        await room.mailbox.finish(await leave(room, again), Recorded("key", 4.0))
        assert len(await room.callbacks()) == number


async def test_a_key_that_declares_an_emergency_makes_it_critical(room: Room) -> None:
    promise = CallbackPromise("medium", "1 business day", "office", "15m", "critical")
    draft = await leave(room, visit(), promise)
    await room.mailbox.finish(draft, Recorded("key", 4.0), urgent=True)
    (callback,) = await room.callbacks()
    assert (callback.priority, callback.due_at) == ("critical", EVENING + timedelta(minutes=15))


async def test_the_same_from_the_sidecar_alone_after_a_crash(room: Room) -> None:
    promise = CallbackPromise("medium", "1 business day", "office", "15m", "critical")
    call = visit()
    call.state.variables[JOINS] = "1000002"
    draft = await leave(room, call, promise)
    sidecar = json.loads((room.folder / f"{draft.id}.json").read_text().splitlines()[0])
    assert sidecar["joins"] == "1000002"
    assert (sidecar["promise"]["if_urgent"], sidecar["promise"]["urgent_priority"]) == ("15m", "critical")
    room.mailbox.release("ivr-1.1")
    await room.reconcile()
    (callback,) = await room.callbacks()
    assert callback.priority == "medium"
