"""What was understood while a caller spoke is filed with the message; several takes are one recording with one text."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import select

from ivr.call import Draft, Recorded, Stored
from ivr.messages import filing, wav
from ivr.messages.sidecar import Facts
from ivr.store.tables import Event, MessageRow
from ivr.transcript import Transcript, Word
from tests.messages_helpers import EVENING, calendars, said, visit
from tests.store import test_mailbox
from tests.store.test_mailbox import PROMISE, Room, store_held

room = test_mailbox.room  # the fixture


def heard(text: str, *, trial: bool = False) -> Transcript:
    """Its words begin at 0.5 s and take half a second each; it claims to be 99 s long."""
    words = tuple(Word(word, 0.5 + at / 2, 1 + at / 2, 0.9 - at / 10) for at, word in enumerate(text.split()))
    return Transcript("".join(text.split()), "vosk-model-ja-0.22", trial, 8000, 99.0, words)


async def begun(room: Room) -> Draft:
    draft = await room.mailbox.begin(visit(), PROMISE)
    said(draft.file)
    return draft


async def the_message(room: Room) -> MessageRow:
    (message,) = await room.messages()
    return message


async def test_the_text_is_there_with_the_message(room: Room) -> None:
    draft = await begun(room)
    room.clock.advance(12)
    await room.mailbox.finish(draft, Recorded("key", 4.0, heard("商品 が 届き ませ ん")))
    message = await the_message(room)
    assert (message.state, message.transcript_state, message.transcript_text) == (
        "stored",
        "done",
        "商品が届きません",
    )
    assert (message.transcript_model, message.transcript_trial) == ("vosk-model-ja-0.22", False)
    assert (message.transcript_attempts, message.transcript_next_at) == (0, None)
    assert message.transcript_at == EVENING + timedelta(seconds=12)
    assert message.transcript_words and message.transcript_words[1] == {
        "word": "が",
        "start": 1.0,
        "end": 1.5,
        "conf": 0.8,
    }
    assert (message.reading_state, message.reading_next_at) == ("waiting", message.transcript_at)
    assert message.audio_state == "waiting"
    async with room.store.read() as session:
        kinds = (await session.scalars(select(Event.kind).where(Event.subject == draft.id))).all()
    assert sorted(kinds) == ["message", "transcript"]


async def test_a_model_that_is_no_model_for_callers_is_named_as_such(room: Room) -> None:
    await room.mailbox.finish(await begun(room), Recorded("key", 4.0, heard("はい", trial=True)))
    assert (await the_message(room)).transcript_trial is True


async def test_takes_that_were_heard_are_one_text_with_the_times_of_the_recording(room: Room) -> None:
    first = await begun(room)
    await room.mailbox.taken(first, Recorded("key", 4.0, heard("折り返し ください")))
    second = await room.mailbox.another(first, "matter")
    said(second.file, "商品が届きません。")
    length = wav.extent(first.file)
    samples = wav.samples(first.file) + wav.samples(second.file)
    assert length is not None
    await room.mailbox.finish(second, Recorded("key", 4.0, heard("商品 です")))
    message = await the_message(room)
    assert message.transcript_text == "折り返しください商品です"
    assert message.transcript_words is not None
    starts = [word["start"] for word in message.transcript_words]
    assert starts == [0.5, 1.0, length.size / 16000 + 0.5, length.size / 16000 + 1.0]
    assert wav.samples(room.folder / f"{first.id}.wav") == samples
    assert message.duration == pytest.approx(len(samples) / 16000)
    assert room.left() == [f"{first.id}.wav"]


@pytest.mark.parametrize(("why", "text"), [("more", None), ("instead", "二回目")])
async def test_a_take_that_nobody_heard_leaves_the_text_to_the_batch(
    room: Room, why: Literal["more", "instead"], text: str | None
) -> None:
    """Unless it is not part of the message any more."""
    first = await begun(room)
    await room.mailbox.taken(first, Recorded("key", 4.0))
    second = await room.mailbox.another(first, why)
    said(second.file)
    await room.mailbox.finish(second, Recorded("key", 4.0, heard("二回目")))
    message = await the_message(room)
    assert message.transcript_text == text
    assert message.transcript_state == ("done" if text else "waiting")


async def test_urgent_by_key_stands_in_the_message(room: Room) -> None:
    await room.mailbox.finish(await begun(room), Recorded("key", 4.0), urgent=True)
    assert (await the_message(room)).urgent is True


async def test_urgent_by_key_outlives_a_store_that_is_gone(room: Room) -> None:
    """The reconciler has it from the sidecar."""
    draft = await begun(room)
    facts = Facts(
        draft.id, "ecforce", "closed", None, "engine", EVENING, takes=(draft.file.name,), urgent=True
    )
    ended = filing.judge_takes(room.folder, facts, "key")
    await filing.file(room.store, calendars, facts, ended, EVENING)
    assert (await the_message(room)).urgent is True


async def test_nothing_was_said_and_so_nothing_is_written(room: Room) -> None:
    draft = await room.mailbox.begin(visit(), PROMISE)
    test_mailbox.unsaid(draft.file)
    stored = await room.mailbox.finish(draft, Recorded("silence", 3.0, heard("の")))
    assert stored == Stored(False, None)
    assert (await the_message(room)).transcript_state == "none"


# -- who is late, and who was there before --------------------------------------------------


def facts_of(draft: Draft) -> Facts:
    return Facts(
        draft.id, "ecforce", "closed", None, "engine", EVENING, promise=PROMISE, takes=(draft.file.name,)
    )


async def file(room: Room, draft: Draft, text: Transcript | None) -> None:
    ended = filing.judge_takes(room.folder, facts_of(draft), "key")
    await filing.file(room.store, calendars, facts_of(draft), ended, EVENING, text)


async def test_the_text_comes_after_the_reconciler(room: Room) -> None:
    """It was quicker, and knows no text; the mailbox, late, brings it."""
    draft = await begun(room)
    await file(room, draft, None)
    assert (await the_message(room)).transcript_state == "waiting"
    await file(room, draft, heard("商品"))
    message = await the_message(room)
    assert (message.transcript_state, message.transcript_text) == ("done", "商品")
    assert len(await room.callbacks()) == 1


async def test_the_reconciler_comes_after_the_text(room: Room) -> None:
    draft = await begun(room)
    await file(room, draft, heard("商品"))
    await file(room, draft, None)
    message = await the_message(room)
    assert (message.transcript_state, message.transcript_text) == ("done", "商品")


async def test_a_text_that_is_there_stays(room: Room) -> None:
    draft = await begun(room)
    await file(room, draft, heard("商品"))
    await file(room, draft, heard("別の"))
    assert (await the_message(room)).transcript_text == "商品"


async def test_a_held_store_gets_the_text_when_it_is_free(
    room: Room, other_process: test_mailbox.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await begun(room)
    monkeypatch.setattr(test_mailbox.mailbox_module, "PATIENCE", 0.05)
    async with store_held(other_process):
        stored = await room.mailbox.finish(draft, Recorded("key", 4.0, heard("商品")), urgent=True)
    assert stored == Stored(True, None), "the store was not held"
    await room.mailbox.close()
    message = await the_message(room)
    assert (message.state, message.transcript_text, message.urgent) == ("stored", "商品", True)


# -- what goes wrong between two takes ------------------------------------------------------


async def test_a_successor_goes_on_with_the_takes_of_an_engine_that_died(room: Room) -> None:
    call = visit()
    first = await room.mailbox.begin(call, PROMISE)
    said(first.file)
    await room.mailbox.taken(first, Recorded("key", 4.0, heard("商品")))
    second = await room.mailbox.another(first, "more")
    room.mailbox.release(call.id)
    call.state.message_id = first.id
    again = await room.mailbox.begin(call, PROMISE)
    assert again == second
    said(again.file)
    spoken = wav.samples(first.file) + wav.samples(again.file)
    await room.mailbox.finish(again, Recorded("key", 4.0, heard("です")))
    message = await the_message(room)
    assert (message.state, message.transcript_state) == ("stored", "waiting")
    assert wav.samples(room.folder / Path(message.audio).name) == spoken


async def test_takes_without_their_engine_are_joined_by_the_reconciler(room: Room) -> None:
    call = visit()
    first = await room.mailbox.begin(call, PROMISE)
    said(first.file)
    second = await room.mailbox.another(first, "more")
    said(second.file)
    spoken = wav.samples(first.file) + wav.samples(second.file)
    room.mailbox.release(call.id)
    await room.reconcile()
    message = await the_message(room)
    assert (message.state, message.transcript_state) == ("stored", "waiting")
    assert wav.samples(room.folder / Path(message.audio).name) == spoken
    assert room.left() == [f"{first.id}.wav"]
    assert len(await room.callbacks()) == 1
