"""The engine's side of listening: a small Asterisk in memory, and a transcriber that answers as it is told to."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.asterisk.caller import AriCall, Sound, Sounds
from ivr.asterisk.ears import NOBODY, Ears
from ivr.call import Caller, CallState, Recorded
from ivr.settings import Address
from ivr.transcript import Transcript, Word
from tests.fakes.fake_ari import FakeAri
from tests.fakes.fake_listener import WHERE, FakeListener
from tests.speech import wav

SILENCE = Sound(Path("silence"), 0.05)
SOUNDS = Sounds(of=lambda text: SILENCE, neutral=lambda: SILENCE, beep=SILENCE, taken=lambda: SILENCE)
TEXT = Transcript("解約", "m", True, 8000, 3.0, (Word("解約", 0.2, 0.8, 1.0),))


async def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ivr.asterisk.ears.PATIENCE", 60.0
    )  # a loaded machine is no transcriber that is silent


class Visit:
    """One caller, who records for three seconds of audio as soon as there is a recording."""

    def __init__(self, recordings: Path, ears: Ears, ends: str = "silence") -> None:
        self.ari = FakeAri()
        self.ari.playback = 0.05
        self.ari.channels.add("c1")
        state = CallState("c1", "shop", "")
        self.call = AriCall(
            self.ari, "c1", Caller(None), "050", state, SOUNDS, recordings, ears=ears  # type: ignore[arg-type]
        )  # fmt: skip
        self._file = recordings / "messages" / "m1.wav"
        self._file.parent.mkdir(parents=True)
        self._ends = ends

    async def record(self, *, listened: bool = True, lasted: float | None = None) -> Recorded:
        recording = asyncio.create_task(self.call.record(self._file, longest=180, silence=10, hear=True))
        try:
            await until(lambda: self.ari.recordings)
            if listened:
                await until(lambda: WHERE in self.ari.listening.values())
            self._file.write_bytes(wav(bytes(3 * 16000), 8000))
            if self._ends == "hangup":
                self.ari.leaves("c1")
                await until(lambda: self.call.leaving)
            if self._ends == "key":
                self.call.keys.push("#")
            self.ari.ends("messages/m1", lasted)
            return await recording
        finally:
            recording.cancel()

    async def over(self) -> None:
        await self.call.aclose()
        await until(lambda: not self.ari.listening)


@pytest.mark.parametrize(
    ("ends", "heard"), [("silence", 13.2), ("silence", 2.8), ("hangup", 3.1), ("key", 4.4)]
)
async def test_a_message_has_its_text_when_it_ends(
    tmp_path: Path, patient: None, ends: str, heard: float
) -> None:
    async with FakeListener(answer="解約", seconds=heard).serving() as listener:
        visit = Visit(tmp_path, Ears([listener.address]), ends)
        assert await visit.record() == Recorded(ends, 3.0, TEXT)  # type: ignore[arg-type]
        await visit.over()
    assert listener.orders == ["begin", "end"]
    assert listener.asked == [{"model": None, "grammar": None}]


@pytest.mark.parametrize(
    ("ends", "lasted", "heard", "all_of_it"),
    [
        ("silence", 12.8, 12.6, True),
        ("silence", 12.8, 11.0, False),
        ("key", 8.0, 7.8, True),  # 5 s of silence before it
        ("key", 8.0, 6.5, False),
        ("hangup", 3.0, 2.8, True),
    ],
)
async def test_what_a_busy_machine_kept_from_who_listens_comes_later(
    tmp_path: Path, patient: None, ends: str, lasted: float, heard: float, all_of_it: bool
) -> None:
    """It may be missing in the middle, and the silence at the end, which is cut off the recording, must not hide that."""
    async with FakeListener(answer="解約", seconds=heard).serving() as listener:
        visit = Visit(tmp_path, Ears([listener.address]), ends)
        text = TEXT if all_of_it else None
        assert await visit.record(lasted=lasted) == Recorded(ends, 3.0, text)  # type: ignore[arg-type]
        await visit.over()


async def test_a_message_that_a_full_disk_ends_is_no_silence_and_keeps_what_was_heard(
    tmp_path: Path, patient: None
) -> None:
    """Asterisk says "finished" of it; it had not written the last 2 s yet."""
    async with FakeListener(answer="解約", seconds=5.1).serving() as listener:
        visit = Visit(tmp_path, Ears([listener.address]))
        assert await visit.record(lasted=5.1) == Recorded("failed", 3.0, TEXT)
        await visit.over()


async def test_a_telephone_that_stops_sending_ends_a_message_as_silence_does(tmp_path: Path) -> None:
    """Asterisk waits for packets for 4 s."""
    visit = Visit(tmp_path, NOBODY)
    assert await visit.record(listened=False, lasted=7.0) == Recorded("silence", 3.0)
    await visit.over()


@pytest.mark.parametrize(
    "listener",
    [
        FakeListener(fault="busy"),
        FakeListener(fault="no model"),
        FakeListener(fault="says nothing"),
        FakeListener(fault="dies at begin"),
        FakeListener(fault="dies at end"),
        FakeListener(answer=None),
        FakeListener(answer="解約", seconds=2.4),  # it came too late to hear the beginning
        FakeListener(answer="解約", seconds=13.8),  # more than the silence that Asterisk cuts off
    ],
    ids=["busy", "no model", "silent", "dies", "dies late", "frozen late", "too little", "too much"],
)
async def test_a_recording_is_the_same_whoever_fails_to_listen(
    tmp_path: Path, listener: FakeListener
) -> None:
    async with listener.serving():
        visit = Visit(tmp_path, Ears([listener.address]))
        assert await visit.record(listened=False) == Recorded("silence", 3.0, None)
        await visit.over()


@pytest.mark.parametrize("ears", [NOBODY, Ears([Address("127.0.0.1", 1)])], ids=["none", "not there"])
async def test_without_a_transcriber_a_recording_is_the_same(tmp_path: Path, ears: Ears) -> None:
    visit = Visit(tmp_path, ears)
    assert await visit.record(listened=False) == Recorded("silence", 3.0, None)
    await visit.over()


async def test_asterisk_that_cannot_listen_records_all_the_same(tmp_path: Path) -> None:
    async with FakeListener(answer="", seconds=3.0).serving() as listener:
        visit = Visit(tmp_path, Ears([listener.address]))
        visit.ari.deaf = True
        assert await visit.record(listened=False) == Recorded("silence", 3.0, None)
        await visit.over()


async def test_another_transcriber_is_asked_with_the_model_and_the_key(tmp_path: Path, patient: None) -> None:
    async def model_of(line: str) -> str | None:
        return {"shop": "vosk-model-small-ja-0.22"}[line]

    async with (
        FakeListener(fault="busy").serving() as busy,
        FakeListener(answer="解約", seconds=3.0).serving() as free,
    ):
        ears = Ears([busy.address, free.address], "a secret of many characters", model_of)
        visit = Visit(tmp_path, ears)
        assert (await visit.record()).transcript == replace(TEXT, duration=3.0)
        await visit.over()
    assert free.asked == [{"model": "vosk-model-small-ja-0.22", "grammar": None}]
    assert free.keys == ["Bearer a secret of many characters"]


@pytest.mark.parametrize("moment", ["asks", "brings", "listens"])
async def test_nothing_stays_in_asterisk_when_the_engine_stops(tmp_path: Path, moment: str) -> None:
    fault = "says nothing" if moment == "asks" else ""
    async with FakeListener(answer="解約", seconds=3.0, fault=fault).serving() as listener:
        visit = Visit(tmp_path, Ears([listener.address]))
        recording = asyncio.create_task(visit.record())
        here = {"asks": listener.asked, "brings": visit.ari.listening, "listens": listener.orders}[moment]
        await until(lambda: here)
        recording.cancel()
        await asyncio.gather(recording, return_exceptions=True)
        await visit.over()


ANSWERS = {"はい": "1", "お願いします": "1", "いいえ": "2", "零": "0", "九": "9"}


async def test_an_answer_counts_as_its_keys_and_nothing_else_does(tmp_path: Path) -> None:
    async with FakeListener().serving() as listener:
        visit = Visit(tmp_path, Ears([listener.address]))
        call = visit.call
        async with call.hearing(ANSWERS):
            await until(lambda: listener.orders == ["begin"])
            for phrase in (
                [("はい", 0.89)],  # not sure
                [("はい", 1.0), ("[unk]", 1.0)],  # something else with it
                [("いいえ", 1.0), ("九", 0.5)],
                [("零", 1.0), ("九", 0.95), ("零", 0.9)],
                [("お願い", 1.0), ("します", 1.0)],
            ):
                await listener.understand(*phrase)
            await until(lambda: len(call.keys) == 4)
            assert str(call.keys) == "0901"
            call.keys.empty()
            playing = asyncio.create_task(call.play("いいえ、と言う声"))
            await until(lambda: listener.orders == ["begin", "drop"])
            await listener.understand(("いいえ", 1.0))  # our own prompt, given back by the telephone
            await playing
            await until(lambda: listener.orders == ["begin", "drop", "begin"])
            await listener.understand(("はい", 1.0))
            await until(lambda: call.keys)
            assert str(call.keys) == "1"
        await visit.over()
    assert listener.asked == [{"model": None, "grammar": list(ANSWERS)}]


@pytest.mark.parametrize(("lacks", "told"), [(["はい"], 0), (["はい", "お願いします"], 1)])
async def test_an_answer_that_a_model_has_no_words_for_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lacks: list[str], told: int
) -> None:
    async with FakeListener(lacks=lacks).serving() as listener:
        visit = Visit(tmp_path, Ears([listener.address]))
        async with visit.call.hearing(ANSWERS):
            await until(lambda: listener.orders)
        await visit.over()
    assert [record.message for record in caplog.records] == told * [
        "the model has no words for a spoken answer: keys alone count for it"
    ]


async def test_where_nobody_listens_keys_alone_count(tmp_path: Path) -> None:
    visit = Visit(tmp_path, NOBODY)
    async with visit.call.hearing(ANSWERS):
        await visit.call.play("はい、または、いいえ")
        visit.call.keys.push("2")
    assert str(visit.call.keys) == "2"
    await visit.over()
