"""The stages of a message, whatever fails, hangs or is killed between them: at the end done, or failed with a reason."""

import asyncio
import hashlib
import random
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.lines import Lines
from ivr.messages import stage as stage_module
from ivr.messages.pipeline import Normalising, Reading
from ivr.messages.stage import StageWork
from ivr.messages.transcription import Transcription, seconds_left
from ivr.store import messages, stages
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.messages_helpers import EVENING, ManualClock, said
from tests.store import rows

ID = "01KAM3XJ5M8QW5R0T1V2W3X4Y5"
TEXT = "田中 です 折り返し お電話 ください"


@dataclass
class Desk:
    store: Store
    recordings: Path
    clock: ManualClock
    transcriber: FakeTranscriber
    works: dict[str, StageWork]

    @property
    def original(self) -> Path:
        return self.recordings / "messages" / f"{ID}.wav"

    async def row(self) -> MessageRow:
        async with self.store.read() as session:
            return await messages.get(session, ID)

    async def round(self) -> bool:
        """Each stage that is due is done once; False if none was."""
        due = [(work, one.message_id) for work in self.works.values() for one in await work.due()]
        for work, message_id in due:
            if await work.claim(message_id, await work.lease()):
                await work.work(message_id)
        return bool(due)

    async def all_rounds(self) -> MessageRow:
        for _ in range(30):
            if not await self.round():
                self.clock.advance(61)
                if not await self.round():
                    break
        return await self.row()

    async def change(self, **values: Any) -> None:
        async with self.store.write() as session:
            row = await messages.get(session, ID)
            for name, value in values.items():
                setattr(row, name, value)


@pytest.fixture
async def desk(store: Store, tmp_path: Path) -> Desk:
    recordings, clock = tmp_path / "recordings", ManualClock()
    (recordings / "messages").mkdir(parents=True)
    said(recordings / "messages" / f"{ID}.wav")
    async with store.write() as session:
        row = {"id": ID, "call_id": None, "line": "ecforce", "tenant": "ecforce", "cause": "busy"}
        row |= {"number": None, "withheld": "anonymous", "origin": "engine", "audio": f"messages/{ID}.wav"}
        await messages.intend(session, {**row, "created_at": EVENING - timedelta(seconds=20)})
        await messages.stored(session, ID, state="stored", ended_at=EVENING, ended_by="key", duration=4.0)
    transcriber = FakeTranscriber(recordings, {f"{ID}.wav": TEXT})
    made: tuple[StageWork, ...] = (
        Transcription(store, recordings, transcriber, clock),
        Normalising(store, recordings, clock),
        Reading(store, clock, Lines()),
    )
    return Desk(store, recordings, clock, transcriber, {work.stage: work for work in made})


def states(row: MessageRow) -> tuple[str, str, str]:
    return row.audio_state, row.transcript_state, row.reading_state


async def test_a_stored_message_goes_through_all_stages(desk: Desk) -> None:
    digest = hashlib.sha256(desk.original.read_bytes()).hexdigest()
    row = await desk.all_rounds()
    assert states(row) == ("done", "done", "done")
    assert row.sha256 == digest == hashlib.sha256(desk.original.read_bytes()).hexdigest()
    assert row.playback == f"playback/{ID}.mp3" and (desk.recordings / row.playback).stat().st_size > 2000
    assert row.peaks is not None and 100 < len(row.peaks) <= 400 and row.playback_start is not None
    assert row.reading is not None and "折り返し" in row.reading["text"]
    assert row.audio_at == row.transcript_at == EVENING and row.reading_at is not None


async def test_neither_audio_nor_text_waits_for_the_other(desk: Desk) -> None:
    desk.original.write_bytes(b"")
    row = await desk.all_rounds()
    assert states(row) == ("failed", "failed", "none")
    assert row.audio_reason == row.transcript_reason == "録音ファイルに音声が入っていません。"


async def test_an_original_that_was_changed_is_not_passed_off_as_the_message(desk: Desk) -> None:
    before = (await desk.all_rounds()).sha256
    said(desk.original, "別の音声です。")
    async with desk.store.write() as session:
        assert await stages.again(session, "audio", ID, desk.clock.now())
    row = await desk.all_rounds()
    assert (row.audio_state, row.sha256) == ("failed", before)
    assert row.audio_reason == "録音ファイルが、保存された時から変わっています。"


async def test_a_full_disk_holds_up_the_audio_and_nothing_else(desk: Desk) -> None:
    draft = desk.recordings / "playback" / f"{ID}.part"
    draft.parent.mkdir()
    draft.symlink_to("/dev/full")
    await desk.round()
    row = await desk.row()
    assert (row.audio_state, row.audio_reason) == (
        "waiting",
        "ディスクの空き容量が足りません。自動で再試行します。",
    )
    assert row.transcript_state == "done"
    assert states(await desk.all_rounds()) == ("done", "done", "done")


async def test_a_new_text_is_read_anew_and_an_old_reading_does_not_overwrite_it(desk: Desk) -> None:
    await desk.all_rounds()
    reading = desk.works["reading"]
    async with desk.store.write() as session:
        assert await stages.again(session, "reading", ID, desk.clock.now())
    assert await reading.claim(ID, await reading.lease())
    row = await desk.row()
    values = await reading._make(row)
    desk.clock.advance(5)
    async with desk.store.write() as session:  # meanwhile another text
        now = desk.clock.now()
        assert await stages.again(session, "transcript", ID, now)
        assert await stages.done(session, "transcript", ID, rows.transcript("別", now), now)
    async with desk.store.write() as session:
        await reading._done(session, row, values)
    assert (await desk.row()).reading_state == "waiting"
    row = await desk.all_rounds()
    assert row.reading is not None and row.reading["text"] == ""


async def test_a_stage_that_breaks_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.messages.pipeline.read_message", lambda *a, **k: 1 / 0)
    row = await desk.all_rounds()
    assert (row.reading_state, row.reading_reason) == ("failed", "文字の読み取りに失敗しました。")
    assert row.transcript_state == "done" and row.reading_attempts == 3


async def test_a_store_that_is_locked_for_long_loses_no_text(
    desk: Desk, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock outlasts the patience of the store itself many times; the transcriber is asked once."""
    if not url.startswith("sqlite"):
        return  # PostgreSQL locks rows, not the database
    monkeypatch.setattr("ivr.store.database.BUSY_TURNS", 2)
    monkeypatch.setattr("ivr.store.database.BUSY_SECONDS", 0.02)
    monkeypatch.setattr(stage_module, "STORE_PAUSE", 0.05)
    text = desk.works["transcript"]
    assert await text.claim(ID, await text.lease())
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    transcribe = desk.transcriber.transcribe

    async def and_then_locked(path: Path, model: str | None = None) -> Any:
        holder.execute("BEGIN IMMEDIATE")
        return await transcribe(path, model)

    monkeypatch.setattr(desk.transcriber, "transcribe", and_then_locked)
    task = asyncio.create_task(text.work(ID))
    done, _ = await asyncio.wait({task}, timeout=2.0)
    assert not done, "it gave up, or did not need the lock"
    holder.execute("ROLLBACK")
    holder.close()
    await asyncio.wait_for(task, 60)
    row = await desk.row()
    assert (row.transcript_state, row.transcript_text) == ("done", "田中です折り返しお電話ください")
    assert len(desk.transcriber.asked) == 1


async def test_the_expected_finish_is_told(desk: Desk) -> None:
    async with desk.store.read() as session:
        row = await messages.get(session, ID)
        assert await seconds_left(session, row) == pytest.approx(1.2), "4 s at the usual pace"
    row = await desk.all_rounds()
    async with desk.store.read() as session:
        assert await seconds_left(session, row) is None


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_of_failures_and_kills_ends_honestly(desk: Desk, seed: int) -> None:
    """Whoever works is killed after a random number of turns of the loop; then his lease runs out, or he goes on."""
    dice = random.Random(seed)
    for _ in range(dice.randrange(6)):
        code = dice.choice(["unreachable", "died", "timeout", "busy", "internal", "not_audio"])
        desk.transcriber.fail_next(code, retryable=code != "not_audio")
    if dice.random() < 0.2:
        desk.original.write_bytes(dice.choice([b"", b"noise" * 500]))
    for _ in range(40):
        due = [(work, one.message_id) for work in desk.works.values() for one in await work.due()]
        dice.shuffle(due)
        for work, message_id in due:
            if not await work.claim(message_id, await work.lease()):
                continue
            while not await _killed(work, message_id, dice) and dice.random() < 0.5:
                pass  # restarted at once: the claim is remembered and the work done again
        desk.clock.advance(dice.choice([5, 61, 700]))
    row = await desk.all_rounds()
    desk.clock.advance(700)
    row = await desk.all_rounds()
    audio, text, reading = states(row)
    assert audio in ("done", "failed") and text in ("done", "failed")
    assert reading == ("done" if text == "done" else "none")
    assert bool(row.audio_reason) is (audio == "failed") and bool(row.transcript_reason) is (text == "failed")
    assert (row.playback is not None) is (audio == "done")


async def _killed(work: StageWork, message_id: str, dice: random.Random) -> bool:
    """False if it was; True if it came to its end before."""
    task = asyncio.create_task(work.work(message_id))
    if dice.random() < 0.5:
        await task
        return True
    await asyncio.wait({task}, timeout=dice.random() * 0.1)
    if task.done():
        return True
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return False
