"""Whatever dies and wherever: one message, one callback."""

import asyncio
import fcntl
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr.call import CallbackPromise
from ivr.messages.reconciler import Reconciler
from ivr.messages.sidecar import Facts, Sidecar, new_id
from ivr.store.database import Store
from ivr.store.migrate import migrate
from ivr.store.tables import CallbackRow, Event, MessageRow
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
)

ROOT = Path(__file__).parents[2]
PROMISE = CallbackPromise("medium", "1 business day", "office")
MONDAY_NOON = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)  # 12:00 in Tokyo: open


@dataclass
class Room:
    url: str
    store: Store
    recordings: Path
    folder: Path
    clock: ManualClock

    def reconciler(self, store: Store | None = None) -> Reconciler:
        return Reconciler(store or self.store, self.recordings, calendars, self.clock, e164)

    async def reconcile(self) -> None:
        reconciler = self.reconciler()
        await reconciler.run()
        self.clock.advance(20)
        await reconciler.run()

    async def messages(self) -> list[MessageRow]:
        async with self.store.read() as session:
            return list(await session.scalars(select(MessageRow).order_by(MessageRow.id)))

    async def callbacks(self) -> list[CallbackRow]:
        async with self.store.read() as session:
            return list(await session.scalars(select(CallbackRow).order_by(CallbackRow.ticket)))

    async def events(self, kind: str) -> list[str]:
        """The messages that they are about."""
        async with self.store.read() as session:
            return list(await session.scalars(select(Event.subject).where(Event.kind == kind)))

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "ivr.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
async def room(template: Path, tmp_path: Path) -> AsyncIterator[Room]:
    file = tmp_path / "ivr.db"
    shutil.copy(template, file)
    store = await Store.open(f"sqlite:///{file}")
    await publish(store)
    recordings = tmp_path / "recordings"
    (recordings / "messages").mkdir(parents=True)
    yield Room(f"sqlite:///{file}", store, recordings, recordings / "messages", ManualClock())
    await store.close()


async def killed_at(room: Room, point: str) -> tuple[str, bool]:
    """Id of the message that a process took until it was killed there; whether it held the store."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.reconciler_child", room.url, str(room.recordings), point),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(90):
            ready, id, held = (await child.stdout.readline()).decode().split()
        assert ready == "READY"
        assert (room.folder / f"{id}.json").exists(), "the kill would come too late"
        if point != "committed, sidecar left":  # there the writer has let go
            await room.reconcile()
            assert (room.folder / f"{id}.json").exists(), "taken from a living writer"
    finally:
        child.send_signal(signal.SIGKILL)
        await child.wait()
    assert child.returncode == -signal.SIGKILL
    return id, held == "True"


@pytest.mark.parametrize(
    ("point", "held", "rows_before", "state"),
    [
        ("intent without row", True, [], "lost"),
        ("intent", False, ["recording"], "lost"),
        ("header written", False, ["recording"], "lost"),
        ("in mid-sentence", False, ["recording"], "stored"),
        ("in the second take", False, ["recording"], "stored"),
        ("in a further take", False, ["recording"], "stored"),
        ("recorded, not finished", False, ["recording"], "stored"),
        ("finished, not committed", True, ["recording"], "stored"),
        ("committed, sidecar left", False, ["stored"], "stored"),
    ],
)
async def test_killed_anywhere_it_is_one_message_and_one_callback(
    room: Room, point: str, held: bool, rows_before: list[str], state: str
) -> None:
    id, really_held = await killed_at(room, point)
    assert really_held is held
    assert [message.state for message in await room.messages()] == rows_before, "killed outside the window"
    await room.reconcile()
    (message,), (callback,) = await room.messages(), await room.callbacks()
    assert (message.id, message.state, message.origin) == (id, state, "engine")
    assert (callback.message_id, callback.cause, callback.number) == (id, "closed", NUMBER)
    assert callback.due_at == DUE
    if state == "stored":
        assert message.duration and message.duration > 3
        assert room.left() == [f"{id}.wav"]
    await room.reconcile()
    assert (len(await room.messages()), len(await room.callbacks())) == (1, 1)
    assert await room.events("message" if state == "stored" else "alarm") == [id], "filed once"


# -- what the fallback leaves ---------------------------------------------------------------


def fallback_sidecar(room: Room, *, call_id: str = "ivr-2.1", **later: object) -> str:
    """As the fallback script writes it: by the documented format alone."""
    id = new_id(EVENING)
    intent = {
        "id": id,
        "line": "ecforce",
        "call_id": call_id,
        "cause": "no_agent",
        "number": NUMBER,
        "origin": "fallback",
        "created_at": "2026-11-24T20:00:00+09:00",
        "promise": {"priority": "high", "due": "4 business hours", "hours": "office"},
    }
    lines = [json.dumps(intent)] + ([json.dumps(later)] if later else [])
    (room.folder / f"{id}.json").write_text("\n".join(lines) + "\n")
    return id


async def test_an_intent_torn_before_the_beep_is_cleaned_up(room: Room) -> None:
    torn = room.folder / f".{new_id(EVENING)}.tmp"
    torn.write_bytes(b'{"id": "01')
    reconciler = room.reconciler()
    assert await reconciler.run() == 0 and torn.exists(), "its writer may be at it"
    room.clock.advance(20)
    assert await reconciler.run() == 1
    assert list(room.folder.iterdir()) == [] and await room.messages() == []


async def test_a_message_of_the_fallback_is_adopted_at_once(room: Room) -> None:
    id = fallback_sidecar(
        room, state="recorded", ended_by="hangup", ended_at="2026-11-24T20:00:30+09:00", speech=None
    )
    said(room.folder / f"{id}.wav")
    await room.reconciler().run()
    (message,), (callback,) = await room.messages(), await room.callbacks()
    assert (message.id, message.origin, message.state, message.cause) == (
        id,
        "fallback",
        "stored",
        "no_agent",
    )
    assert message.ended_at == datetime(2026, 11, 24, 11, 0, 30, tzinfo=UTC)
    # Tuesday 20:00 + 4 business hours of 10:00-17:00 = Wednesday 14:00 in Tokyo
    assert (callback.priority, callback.due_at) == ("high", datetime(2026, 11, 25, 5, 0, tzinfo=UTC))
    assert room.left() == [f"{id}.wav"]


@pytest.mark.parametrize(("speech", "state", "callbacks"), [(True, "stored", 1), (None, "silent", 0)])
async def test_a_callback_that_the_caller_was_told_of_is_kept(
    room: Room, speech: bool | None, state: str, callbacks: int
) -> None:
    id = fallback_sidecar(room, state="recorded", ended_by="silence", speech=speech)
    unsaid(room.folder / f"{id}.wav")
    await room.reconcile()
    assert [message.state for message in await room.messages()] == [state]
    assert len(await room.callbacks()) == callbacks


async def test_a_recording_that_still_grows_is_left_alone(room: Room) -> None:
    id = fallback_sidecar(room)
    wav = cut_off(said(room.folder / f"{id}.wav"))
    reconciler = room.reconciler()
    for _ in range(5):
        await reconciler.run()
        room.clock.advance(10)
        with wav.open("ab") as file:
            file.write(bytes(32768))
    assert await room.messages() == []
    for _ in range(3):
        await reconciler.run()
        room.clock.advance(10)
    assert [message.state for message in await room.messages()] == ["stored"]


@pytest.mark.parametrize(
    ("at", "cause", "due"),
    [
        (EVENING, "closed", DUE),
        # Monday 12:00 -> the close of Tuesday, 17:00 in Tokyo
        (MONDAY_NOON, "no_agent", datetime(2026, 12, 1, 8, 0, tzinfo=UTC)),
    ],
)
async def test_a_recording_without_a_sidecar_tells_by_its_name(
    room: Room, at: datetime, cause: str, due: datetime
) -> None:
    await publish(room.store, "other", "+815000000000")
    said(room.folder / f"{at.timestamp():.0f}_05031859080_09012345678_ivr-3.7.wav")
    await room.reconcile()
    (message,), (callback,) = await room.messages(), await room.callbacks()
    assert (message.line, message.tenant, message.number) == ("ecforce", "ecforce", NUMBER)
    assert (message.origin, message.cause, message.created_at) == ("fallback", cause, at)
    assert (message.call_id, message.state) == ("ivr-3.7", "stored")
    assert (callback.cause, callback.due_at, callback.priority) == (cause, due, "medium")
    assert room.left() == [Path(message.audio).name]
    await room.reconcile()
    assert (len(await room.messages()), len(await room.callbacks())) == (1, 1)


async def test_a_withheld_number_stays_withheld(room: Room) -> None:
    said(room.folder / f"{EVENING.timestamp():.0f}_05031859080__ivr-3.8.wav")
    await room.reconcile()
    (message,), (callback,) = await room.messages(), await room.callbacks()
    assert (message.number, message.withheld) == (None, "anonymous")
    assert (callback.number, callback.withheld) == (None, "anonymous")


async def test_silence_without_a_sidecar_is_counted_only(room: Room) -> None:
    unsaid(room.folder / f"{EVENING.timestamp():.0f}_05031859080__ivr-3.9.wav")
    await room.reconcile()
    assert [message.state for message in await room.messages()] == ["silent"]
    assert await room.callbacks() == []


async def test_a_crash_between_the_row_and_the_name_adopts_once(room: Room) -> None:
    name = f"{EVENING.timestamp():.0f}_05031859080_09012345678_ivr-3.7.wav"
    content = said(room.folder / name).read_bytes()
    await room.reconcile()
    (room.folder / name).write_bytes(content)  # as if it had not been removed
    await room.reconcile()
    assert (len(await room.messages()), len(await room.callbacks())) == (1, 1)
    assert len(room.left()) == 1


# -- one call, two recordings -----------------------------------------------------------------


@pytest.mark.parametrize("lost_first", [True, False])
async def test_a_caller_led_to_the_fallback_has_one_callback(room: Room, lost_first: bool) -> None:
    """The engine died between intent and sound; the same call then left its message with the fallback."""
    lost = Facts(
        new_id(EVENING), "ecforce", "closed", NUMBER, "engine", EVENING, call_id="ivr-2.1", promise=PROMISE
    )
    if lost_first:
        Sidecar.create(room.folder, lost).close()
        await room.reconcile()
    id = fallback_sidecar(room, state="recorded", ended_by="key")
    said(room.folder / f"{id}.wav")
    await room.reconcile()
    if not lost_first:
        Sidecar.create(room.folder, lost).close()
        await room.reconcile()
    assert {message.id: message.state for message in await room.messages()} == {lost.id: "lost", id: "stored"}
    (callback,) = await room.callbacks()
    assert callback.message_id == id


async def test_two_calls_of_one_number_are_one_callback_that_was_asked_for_twice(room: Room) -> None:
    for call_id in ("ivr-2.1", "ivr-2.2"):
        said(room.folder / f"{fallback_sidecar(room, call_id=call_id, state='recorded')}.wav")
    await room.reconcile()
    assert [callback.contacts for callback in await room.callbacks()] == [2]


# -- two at once, locks, damage ---------------------------------------------------------------


async def test_two_reconcilers_at_once_file_once(room: Room) -> None:
    other = await Store.open(room.url)
    pair = [room.reconciler(), room.reconciler(other)]
    for number in range(8):
        id = fallback_sidecar(room, call_id=f"ivr-4.{number}", state="recorded", ended_by="key")
        said(room.folder / f"{id}.wav")
        said(room.folder / f"{EVENING.timestamp():.0f}_05031859080_09012345678_ivr-5.{number}.wav")
    for _ in range(3):
        await asyncio.gather(*(reconciler.run() for reconciler in pair))
        room.clock.advance(20)
    await other.close()
    messages = await room.messages()
    assert [message.state for message in messages] == ["stored"] * 16
    # all of them of one number
    assert [callback.contacts for callback in await room.callbacks()] == [16]
    assert room.left() == [f"{message.id}.wav" for message in messages]


async def test_a_locked_sidecar_is_untouched(room: Room) -> None:
    id = fallback_sidecar(room, state="recorded", ended_by="key")
    said(room.folder / f"{id}.wav")
    path = room.folder / f"{id}.json"
    before = path.read_bytes()
    with path.open() as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        await room.reconcile()
        assert await room.messages() == []
        assert path.read_bytes() == before
    await room.reconciler().run()
    assert len(await room.callbacks()) == 1


@pytest.mark.parametrize("with_row", [True, False])
async def test_a_broken_sidecar_is_put_aside_and_its_recording_adopted(room: Room, with_row: bool) -> None:
    id = new_id(EVENING)
    if with_row:
        facts = Facts(id, "ecforce", "busy", NUMBER, "engine", EVENING, promise=PROMISE)
        async with room.store.write() as session:
            values = {"tenant": "ecforce", "state": "recording", "audio": f"messages/{id}.wav"}
            session.add(
                MessageRow(
                    id=id,
                    line=facts.line,
                    cause="busy",
                    number=NUMBER,
                    origin="engine",
                    created_at=EVENING,
                    **values,
                )
            )
    said(room.folder / f"{id}.wav")
    (room.folder / f"{id}.json").write_text('{"id": "' + id)
    await room.reconcile()
    (message,), (callback,) = await room.messages(), await room.callbacks()
    assert (message.id, message.state, message.line) == (id, "stored", "ecforce")
    assert message.created_at == EVENING
    assert (callback.message_id, callback.due_at) == (id, DUE)
    assert (message.cause, callback.number) == (("busy", NUMBER) if with_row else ("no_agent", None))
    assert await room.events("alarm") == [id]
    assert room.left() == [f"{id}.json.broken", f"{id}.wav"]
    await room.reconcile()
    assert (len(await room.messages()), await room.events("alarm")) == (1, [id])


async def test_one_that_cannot_be_filed_does_not_stop_the_others(room: Room) -> None:
    bad = fallback_sidecar(room, call_id="ivr-6.1", state="recorded")
    (room.folder / f"{bad}.wav").mkdir()
    good = fallback_sidecar(room, call_id="ivr-6.2", state="recorded")
    said(room.folder / f"{good}.wav")
    await room.reconcile()
    assert [message.id for message in await room.messages()] == [good]
    assert f"{bad}.json" in room.left()


async def test_a_lost_message_raises_an_alarm(room: Room) -> None:
    id = fallback_sidecar(room)
    await room.reconcile()
    assert [message.state for message in await room.messages()] == ["lost"]
    assert await room.events("alarm") == [id]
