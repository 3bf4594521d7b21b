"""The transcript's state in the message's row, whatever the transcriber does."""

from datetime import timedelta
from pathlib import Path

import pytest

from ivr.messages.transcription import Transcription
from ivr.store import messages
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.messages_helpers import EVENING, ManualClock, said

ID = "01KAM3XJ5M8QW5R0T1V2W3X4Y5"


class Desk:
    def __init__(self, store: Store, recordings: Path) -> None:
        self.store = store
        self.clock = ManualClock()
        self.transcriber = FakeTranscriber(recordings, {f"{ID}.wav": "もしもし 田中 です"})
        self.transcription = Transcription(store, recordings, self.transcriber, self.clock)

    async def row(self) -> MessageRow:
        async with self.store.read() as session:
            return await messages.get(session, ID)

    async def attempt(self) -> bool:
        """One round of the jobs process; False if nothing was due."""
        due = await self.transcription.due()
        for one in due:
            if await self.transcription.claim(one.message_id, await self.transcription.lease()):
                await self.transcription.work(one.message_id)
        return bool(due)


@pytest.fixture
async def desk(store: Store, tmp_path: Path) -> Desk:
    recordings = tmp_path / "recordings"
    (recordings / "messages").mkdir(parents=True)
    said(recordings / "messages" / f"{ID}.wav")
    async with store.write() as session:
        row = {"id": ID, "call_id": None, "line": "ecforce", "tenant": "ecforce", "cause": "busy"}
        row |= {"number": None, "withheld": "anonymous", "origin": "engine"}
        await messages.intend(
            session, {**row, "audio": f"messages/{ID}.wav", "created_at": EVENING - timedelta(seconds=20)}
        )
        await messages.stored(session, ID, state="stored", ended_at=EVENING, ended_by="key", duration=4.0)
    return Desk(store, recordings)


async def test_a_message_becomes_text(desk: Desk) -> None:
    assert (await desk.row()).transcript_state == "waiting"
    await desk.attempt()
    row = await desk.row()
    assert (row.transcript_state, row.transcript_text) == ("done", "もしもし田中です")
    assert row.transcript_words is not None
    assert [word["word"] for word in row.transcript_words] == ["もしもし", "田中", "です"]
    assert set(row.transcript_words[0]) == {"word", "start", "end", "conf"}
    assert (row.transcript_model, row.transcript_trial, row.transcript_reason) == ("fake", True, None)
    assert not await desk.attempt()


@pytest.mark.parametrize("code", ["unreachable", "no_model", "broken_model", "busy", "stopping"])
async def test_without_a_transcriber_it_waits_with_the_reason_and_is_tried_again(
    desk: Desk, code: str
) -> None:
    desk.transcriber.fail_next(code, retryable=True, times=12)
    delays = []
    for _ in range(12):
        assert await desk.attempt()
        row = await desk.row()
        assert row.transcript_state == "waiting"
        assert row.transcript_reason and code not in row.transcript_reason, "words for people, not a code"
        assert row.transcript_next_at is not None
        delays.append((row.transcript_next_at - desk.clock.now()).total_seconds())
        assert not await desk.attempt(), "tried again before its time"
        desk.clock.advance(delays[-1])
    assert delays == sorted(delays) and delays[0] >= 5 and delays[-1] == 60, delays
    await desk.attempt()
    row = await desk.row()
    assert (row.transcript_state, row.transcript_reason) == ("done", None)


@pytest.mark.parametrize("code", ["died", "timeout"])
async def test_three_deaths_on_one_message_are_enough(desk: Desk, code: str) -> None:
    desk.transcriber.fail_next("unreachable", retryable=True, times=2)
    desk.transcriber.fail_next(code, retryable=True, times=3)
    states = []
    for _ in range(5):
        assert await desk.attempt()
        states.append((await desk.row()).transcript_state)
        desk.clock.advance(61)
    assert states == ["waiting"] * 4 + ["failed"]
    assert not await desk.attempt()
    assert len(desk.transcriber.asked) == 5
    assert (await desk.row()).transcript_reason


async def test_two_deaths_are_not(desk: Desk) -> None:
    desk.transcriber.fail_next("died", retryable=True, times=2)
    for _ in range(3):
        await desk.attempt()
        desk.clock.advance(61)
    assert (await desk.row()).transcript_state == "done"


async def test_a_recording_that_cannot_become_text_has_failed(desk: Desk) -> None:
    desk.transcriber.fail_next("not_audio", retryable=False)
    await desk.attempt()
    row = await desk.row()
    assert row.transcript_state == "failed" and row.transcript_reason
    desk.clock.advance(3600)
    assert not await desk.attempt()


async def test_one_worker_at_a_time(desk: Desk, other_process: Store, tmp_path: Path) -> None:
    rival = Transcription(other_process, tmp_path, desk.transcriber, desk.clock)
    assert await desk.transcription.claim(ID, await desk.transcription.lease())
    assert (await desk.row()).transcript_state == "working"
    assert not await rival.claim(ID, await rival.lease())
    assert not await rival.due()


async def test_a_job_that_was_killed_right_after_its_claim_goes_on_at_once(desk: Desk) -> None:
    """The claim is in the store, and the job engine has not noted it: it is done again, with the same lease."""
    lease = await desk.transcription.lease()
    assert await desk.transcription.claim(ID, lease)
    assert await desk.transcription.claim(ID, lease)
    assert (await desk.row()).transcript_attempts == 1
    await desk.transcription.work(ID)
    assert (await desk.row()).transcript_state == "done"
    assert not await desk.transcription.claim(ID, lease)


async def test_a_worker_that_is_gone_is_replaced(desk: Desk) -> None:
    assert await desk.transcription.claim(ID, await desk.transcription.lease())
    desk.clock.advance(12 * 60)
    assert await desk.attempt()
    assert (await desk.row()).transcript_state == "done"


async def test_silent_messages_are_not_transcribed(desk: Desk) -> None:
    other = ID.replace("5", "6")
    async with desk.store.write() as session:
        row = {"id": other, "call_id": None, "line": "ecforce", "tenant": "ecforce", "cause": "busy"}
        row |= {"number": None, "withheld": None, "origin": "engine", "audio": "messages/x.wav"}
        await messages.intend(session, {**row, "created_at": EVENING})
        await messages.stored(
            session, other, state="silent", ended_at=EVENING, ended_by="hangup", duration=3.0
        )
        assert (await messages.get(session, other)).transcript_state == "none"
    assert [one.message_id for one in await desk.transcription.due()] == [ID]
