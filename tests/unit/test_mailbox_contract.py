"""What the voicemail step asks of a mailbox, held by the one on the store and by the fake alike."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr.call import CallbackPromise, Mailbox, Recorded
from ivr.messages import mailbox as mailbox_module
from ivr.messages.mailbox import StoreMailbox
from ivr.store.database import Store
from ivr.store.migrate import migrate
from ivr.store.tables import CallbackRow
from ivr.transcript import Transcript, Word
from tests.fakes.fake_mailbox import FakeMailbox, Mailroom
from tests.messages_helpers import ManualClock, calendars, publish, said, unsaid, visit

PROMISE = CallbackPromise("medium", "1 business day", "office")


@dataclass
class Box:
    mailbox: Mailbox
    speak: Callable[[Path], object]  # the caller said something into this file
    be_silent: Callable[[Path], object]
    tickets: Callable[[], Awaitable[list[str]]]


@pytest.fixture(params=["store", "fake"])
async def box(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Box]:
    if request.param == "fake":
        spoken: dict[Path, float] = {}
        room = Mailroom(spoken.get)

        async def fake_tickets() -> list[str]:
            return [each.ticket for each in room.callbacks]

        yield Box(
            FakeMailbox(room),
            lambda file: spoken.update({file: 3.0}),
            lambda file: spoken.update({file: 0.0}),
            fake_tickets,
        )
        return
    monkeypatch.setattr(mailbox_module, "PATIENCE", 60.0)  # a loaded machine is no slow store
    template: Path = request.getfixturevalue("empty_database")
    shutil.copy(template, tmp_path / "ivr.db")
    store = await Store.open(f"sqlite:///{tmp_path / 'ivr.db'}")
    await publish(store)
    mailbox = StoreMailbox(store, tmp_path / "recordings", calendars, ManualClock(), lambda: None)

    async def tickets() -> list[str]:
        async with store.read() as session:
            return list(await session.scalars(select(CallbackRow.ticket)))

    yield Box(mailbox, said, unsaid, tickets)
    await mailbox.close()
    await store.close()


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "ivr.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.mark.parametrize("ended_by", ["key", "silence", "limit", "hangup"])
async def test_message_makes_one_callback(box: Box, ended_by: str) -> None:
    draft = await box.mailbox.begin(visit(), PROMISE)
    assert draft.file.name == f"{draft.id}.wav"
    assert await box.tickets() == []
    box.speak(draft.file)
    stored = await box.mailbox.finish(draft, Recorded(ended_by, 3.0))  # type: ignore[arg-type]
    assert stored.speech
    assert await box.tickets() == [stored.ticket]


async def test_begun_again_it_is_the_same_draft(box: Box) -> None:
    call = visit()
    draft = await box.mailbox.begin(call, PROMISE)
    call.state.message_id = draft.id
    assert await box.mailbox.begin(call, PROMISE) == draft


async def test_each_call_has_its_own_message(box: Box) -> None:
    first, second = [await box.mailbox.begin(visit(id), PROMISE) for id in ("ivr-1.1", "ivr-1.2")]
    assert first.id != second.id and first.file != second.file


async def test_nothing_said_has_a_second_take(box: Box) -> None:
    call = visit()
    draft = await box.mailbox.begin(call, PROMISE)
    call.state.message_id = draft.id
    box.be_silent(draft.file)
    assert (await box.mailbox.taken(draft, Recorded("silence", 3.0))).files == ()
    second = await box.mailbox.another(draft, "unheard")
    assert (second.id, second.file.name) == (draft.id, f"{draft.id}-2.wav")
    assert second.takes == ("first", "unheard")
    assert await box.mailbox.begin(call, PROMISE) == second
    box.speak(second.file)
    stored = await box.mailbox.finish(second, Recorded("key", 3.0))
    assert stored.speech
    assert await box.tickets() == [stored.ticket]


async def test_nothing_said_twice_makes_no_callback(box: Box) -> None:
    draft = await box.mailbox.begin(visit(), PROMISE)
    box.be_silent(draft.file)
    assert (await box.mailbox.taken(draft, Recorded("silence", 3.0))).files == ()
    second = await box.mailbox.another(draft, "unheard")
    box.be_silent(second.file)
    stored = await box.mailbox.finish(second, Recorded("silence", 3.0))
    assert (stored.speech, stored.ticket, await box.tickets()) == (False, None, [])


async def test_who_hangs_up_while_asked_again_made_no_callback(box: Box) -> None:
    draft = await box.mailbox.begin(visit(), PROMISE)
    box.be_silent(draft.file)
    await box.mailbox.taken(draft, Recorded("silence", 3.0))
    second = await box.mailbox.another(draft, "unheard")
    stored = await box.mailbox.finish(second, Recorded("hangup"))
    assert (stored.speech, await box.tickets()) == (False, [])


async def test_what_was_said_stays_until_something_else_was_said_for_a_second(box: Box) -> None:
    first = await box.mailbox.begin(visit(), PROMISE)
    box.speak(first.file)
    assert (await box.mailbox.taken(first, Recorded("key", 3.0))).files == (first.file,)
    second = await box.mailbox.another(first, "instead")
    box.be_silent(second.file)
    assert (await box.mailbox.taken(second, Recorded("silence", 3.0))).files == (first.file,)
    third = await box.mailbox.another(second, "more")
    box.speak(third.file)
    assert (await box.mailbox.taken(third, Recorded("key", 3.0))).files == (first.file, third.file)
    fourth = await box.mailbox.another(third, "instead")
    assert fourth.takes == ("first", "instead", "more", "instead")
    box.speak(fourth.file)
    assert (await box.mailbox.taken(fourth, Recorded("key", 3.0))).files == (fourth.file,)
    stored = await box.mailbox.finish(fourth, Recorded("key", 3.0))
    assert await box.tickets() == [stored.ticket]


async def test_the_text_is_there_only_if_every_take_was_heard(box: Box) -> None:
    heard = Transcript("折り返しください", "m", False, 8000, 3.0, (Word("折り返しください", 0.5, 2.0, 0.9),))
    first = await box.mailbox.begin(visit(), PROMISE)
    box.speak(first.file)
    taken = await box.mailbox.taken(first, Recorded("key", 3.0, heard))
    assert taken.transcript is not None and taken.transcript.text == "折り返しください"
    second = await box.mailbox.another(first, "matter")
    box.speak(second.file)
    taken = await box.mailbox.taken(second, Recorded("key", 3.0, heard))
    assert taken.transcript is not None
    assert taken.transcript.text == "折り返しください折り返しください"
    third = await box.mailbox.another(second, "more")
    box.speak(third.file)
    assert (await box.mailbox.taken(third, Recorded("key", 3.0))).transcript is None


async def test_hang_up_during_the_beep_made_no_callback(box: Box) -> None:
    draft = await box.mailbox.begin(visit(), PROMISE)
    stored = await box.mailbox.finish(draft, Recorded("hangup"))
    assert (stored.speech, await box.tickets()) == (False, [])


async def test_recording_that_failed_keeps_its_promise(box: Box) -> None:
    draft = await box.mailbox.begin(visit(), PROMISE)
    stored = await box.mailbox.finish(draft, Recorded("failed"))
    assert stored.speech
    assert await box.tickets() == [stored.ticket]


async def test_line_that_promises_nothing_keeps_the_message(box: Box) -> None:
    draft = await box.mailbox.begin(visit(), None)
    box.speak(draft.file)
    stored = await box.mailbox.finish(draft, Recorded("key", 3.0))
    assert (stored.speech, stored.ticket) == (True, None)
    assert await box.tickets() == []


async def test_asked_for_by_key_it_makes_one_callback_for_each_call_and_step(box: Box) -> None:
    tickets = {await box.mailbox.ring_back(visit(), "+81312345678", PROMISE) for _ in range(2)}
    assert len(tickets) == 1
    assert await box.tickets() == list(tickets)
    assert await box.mailbox.ring_back(visit("ivr-1.2"), "+81312345679", PROMISE) not in tickets
    assert len(await box.tickets()) == 2


async def test_asked_for_in_the_moment_of_a_stop_it_is_made_to_the_end(box: Box) -> None:
    asking = asyncio.create_task(box.mailbox.ring_back(visit(), "+81312345678", PROMISE))
    await asyncio.sleep(0)  # it begins
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.cancelled()
    assert len(await box.tickets()) == 1
