"""What every Transcriber does, the real one in its process and the fake; and what only a process can do: be gone."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from ivr.messages.transcriber import HttpTranscriber, Transcriber, Transcribers, TranscriptionFailed
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.speech import telephone_wav, wav
from tests.transcriber_process import TINY, TranscriberProcess, until

SENTENCE = "ログインできません。田中です。折り返しお電話ください"
WORDS = "ログイン できません 田中 です 折り返し お電話 ください"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("recordings")
    telephone_wav(directory / "message.wav", SENTENCE)
    (directory / "empty.wav").write_bytes(b"")
    (directory / "note.wav").write_bytes(b"this is no sound")
    (directory / "silence.wav").write_bytes(wav(bytes(16000), 8000))
    (directory.parent / "outside.wav").write_bytes(wav(bytes(16000), 8000))
    return directory


@pytest.fixture(scope="module", params=["real", "several", "fake"])
def transcriber(request: pytest.FixtureRequest, recordings: Path) -> Iterator[Transcriber]:
    if request.param == "fake":
        fake = FakeTranscriber(recordings, {"message.wav": WORDS})
        fake.models = {"vosk-tiny-ja"}
        yield fake
        return
    with TranscriberProcess(recordings.parent / "transcriber.log", TINY, recordings) as process:
        one = HttpTranscriber(process.url)
        yield one if request.param == "real" else Transcribers([one, HttpTranscriber(process.url)])


async def test_a_message_becomes_text_and_words_in_order(transcriber: Transcriber, recordings: Path) -> None:
    transcript = await transcriber.transcribe(recordings / "message.wav")
    assert transcript.text == "ログインできません田中です折り返しお電話ください"
    assert [w.word for w in transcript.words] == WORDS.split()
    assert (transcript.trial, transcript.sample_rate) == (True, 8000)
    assert 4 < transcript.duration < 6
    ends = [0.0]
    for word in transcript.words:
        assert ends[-1] - 0.001 <= word.start < word.end <= transcript.duration + 0.001
        assert 0 <= word.conf <= 1
        ends.append(word.end)


async def test_silence_is_an_empty_text(transcriber: Transcriber, recordings: Path) -> None:
    transcript = await transcriber.transcribe(recordings / "silence.wav")
    assert (transcript.text, transcript.words, transcript.duration) == ("", (), 1.0)


async def test_a_model_by_its_name(transcriber: Transcriber, recordings: Path) -> None:
    transcript = await transcriber.transcribe(recordings / "message.wav", "vosk-tiny-ja")
    assert (transcript.model, [w.word for w in transcript.words]) == ("vosk-tiny-ja", WORDS.split())
    with pytest.raises(TranscriptionFailed) as caught:
        await transcriber.transcribe(recordings / "message.wav", "nothing")
    assert (caught.value.code, caught.value.retryable) == ("no_model", True)
    assert (await transcriber.transcribe(recordings / "silence.wav")).text == "", "the others work on"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("empty.wav", "empty_audio"),
        ("note.wav", "not_audio"),
        ("gone.wav", "not_found"),
        ("../outside.wav", "forbidden_path"),
    ],
)
async def test_what_cannot_become_text_is_not_to_be_retried(
    transcriber: Transcriber, recordings: Path, name: str, code: str
) -> None:
    path = recordings.parent / name[3:] if name.startswith("../") else recordings / name
    with pytest.raises(TranscriptionFailed) as caught:
        await transcriber.transcribe(path)
    assert (caught.value.code, caught.value.retryable) == (code, False)


async def test_the_fake_fails_as_it_is_told(recordings: Path) -> None:
    fake = FakeTranscriber(recordings, {"message.wav": WORDS})
    fake.fail_next("broken_model", retryable=True)
    with pytest.raises(TranscriptionFailed) as caught:
        await fake.transcribe(recordings / "message.wav")
    assert (caught.value.code, caught.value.retryable) == ("broken_model", True)
    assert (await fake.transcribe(recordings / "message.wav")).words


async def test_nobody_listening_is_retryable(recordings: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TranscriptionFailed) as caught:
        await HttpTranscriber(f"http://127.0.0.1:{port}").transcribe(recordings / "message.wav")
    assert (caught.value.code, caught.value.retryable) == ("unreachable", True)


async def test_a_transcriber_killed_at_its_work_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav(bytes(16000 * 3600), 8000))
    with TranscriberProcess(tmp_path / "log", TINY, tmp_path) as process:
        asking = asyncio.create_task(HttpTranscriber(process.url).transcribe(path))
        await asyncio.to_thread(until, lambda: process.has_open(path), what="it reads the recording")
        assert not asking.done()
        process.process.kill()
        with pytest.raises(TranscriptionFailed) as caught:
            await asking
    assert (caught.value.code, caught.value.retryable) == ("died", True)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(200, "{}", "bad_answer"), (200, "<p>", "bad_answer"), (502, "[]", "bad_answer")],
)
async def test_an_answer_from_somebody_else(tmp_path: Path, status: int, body: str, code: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_post("/v1/transcribe", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        with pytest.raises(TranscriptionFailed) as caught:
            await HttpTranscriber(f"http://127.0.0.1:{runner.addresses[0][1]}").transcribe(tmp_path / "a.wav")
    finally:
        await runner.cleanup()
    assert (caught.value.code, caught.value.retryable) == (code, True)


async def test_a_recogniser_that_hangs_is_given_up_and_works_on_when_it_can(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    path.write_bytes(wav(bytes(16000), 8000))
    with TranscriberProcess(tmp_path / "log", TINY, tmp_path) as process:
        await asyncio.to_thread(process.settled)
        process.process.send_signal(signal.SIGSTOP)
        with pytest.raises(TranscriptionFailed) as caught:
            await HttpTranscriber(process.url, timeout=0.3).transcribe(path)
        assert (caught.value.code, caught.value.retryable) == ("timeout", True)
        process.process.send_signal(signal.SIGCONT)
        assert (await HttpTranscriber(process.url).transcribe(path)).text == ""


HANGS = """
import threading
from transcribe import recognizer, server
server.STUCK = 0.3
recognizer.Recognizer.words = lambda self, pieces, stopped: [threading.Event().wait() for _ in pieces]
"""


async def test_a_process_whose_recogniser_hangs_ends_so_that_it_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    path.write_bytes(wav(bytes(16000), 8000))
    with TranscriberProcess(tmp_path / "log", TINY, tmp_path, before=HANGS) as process:
        with pytest.raises(TranscriptionFailed) as caught:
            await HttpTranscriber(process.url).transcribe(path)
        assert (caught.value.code, caught.value.retryable) == ("died", True)
        assert await asyncio.to_thread(process.process.wait, 60) == 70
        assert "the recogniser hangs" in process.log


async def test_a_transcriber_that_is_frozen_does_not_hold_the_job_for_ever(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        port = never_answers.getsockname()[1]
        with pytest.raises(TranscriptionFailed) as caught:
            await HttpTranscriber(f"http://127.0.0.1:{port}", timeout=0.2).transcribe(tmp_path / "a.wav")
    assert (caught.value.code, caught.value.retryable) == ("timeout", True)
