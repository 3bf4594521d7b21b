"""Models by name in one transcriber: changed, replaced and let go of while it works."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.speech import telephone_wav, wav
from tests.transcriber_process import TINY, TranscriberProcess, until
from transcribe.model import ModelSlot

SENTENCE = "請求書の再発行をお願いします"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    directory = tmp_path / "recordings"
    directory.mkdir()
    telephone_wav(directory / "message.wav", SENTENCE)
    return directory


@pytest.fixture
def models(tmp_path: Path) -> Path:
    directory = tmp_path / "models"
    for name in ("one", "two", "three"):
        shutil.copytree(TINY, directory / name)
    return directory


@pytest.fixture
def process(tmp_path: Path, recordings: Path, models: Path) -> Iterator[TranscriberProcess]:
    with TranscriberProcess(tmp_path / "log", TINY, recordings, models=models) as process:
        process.settled()
        yield process


def break_kaldi(model: Path) -> None:
    """It aborts the process that loads it."""
    conf = model / "conf" / "model.conf"
    conf.write_text(
        "\n".join(line for line in conf.read_text().splitlines() if "endpoint.silence-phones" not in line)
    )


def test_each_request_names_its_model_and_none_is_the_default(
    process: TranscriberProcess, recordings: Path
) -> None:
    for name, used in (
        ("two", "two"),
        (None, "vosk-tiny-ja"),
        ("vosk-tiny-ja", "vosk-tiny-ja"),
        ("one", "one"),
    ):
        status, answer = process.transcribe(recordings / "message.wav", name)
        assert (status, answer["text"], answer["model"]) == (200, SENTENCE, used)


def test_a_model_that_is_not_there_or_aborts_is_refused_and_the_others_work_on(
    process: TranscriberProcess, recordings: Path, models: Path
) -> None:
    break_kaldi(models / "two")
    for name, error in (
        ("four", "no_model"),
        ("two", "broken_model"),
        ("../one", "bad_request"),
        ("", "bad_request"),
    ):
        status, answer = process.transcribe(recordings / "message.wav", name)
        assert (answer["error"], answer["retryable"]) == (error, status == 503)
    assert process.transcribe(recordings / "message.wav", "one")[0] == 200
    assert process.transcribe(recordings / "message.wav")[0] == 200
    shutil.copytree(TINY, models / "four")
    assert process.transcribe(recordings / "message.wav", "four")[1]["model"] == "four"


def test_one_put_in_the_place_of_another_is_taken_without_a_restart_and_a_broken_one_is_not(
    process: TranscriberProcess, recordings: Path, models: Path
) -> None:
    path = recordings / "message.wav"
    assert process.transcribe(path, "one")[1]["trial"] is True
    broken, real = models / "broken", models / "real"
    shutil.copytree(TINY, broken)
    break_kaldi(broken)
    (models / "one").rename(models / "old")
    broken.rename(models / "one")
    process.transcribe(path, "one")
    until(lambda: "the old one stays" in process.log, what="the broken one is refused")
    status, answer = process.transcribe(path, "one")
    assert (status, answer["text"], answer["trial"]) == (200, SENTENCE, True)
    shutil.copytree(TINY, real)
    (real / "TRIAL").unlink()
    (models / "one").rename(models / "refused")
    real.rename(models / "one")
    until(lambda: process.transcribe(path, "one")[1]["trial"] is False, what="the new one is taken")


def test_a_model_that_is_deleted_in_use_works_on_from_memory(
    process: TranscriberProcess, recordings: Path, models: Path
) -> None:
    path = recordings / "message.wav"
    assert process.transcribe(path, "one")[0] == 200
    shutil.rmtree(models / "one")
    assert process.transcribe(path, "one")[1]["text"] == SENTENCE


def test_at_most_two_are_in_memory_and_what_is_under_way_ends_on_its_own(
    process: TranscriberProcess, recordings: Path
) -> None:
    long = recordings / "long.wav"
    long.write_bytes(wav((recordings / "message.wav").read_bytes()[44:] * 200, 8000))
    answers: list[dict[str, object]] = []
    asking = threading.Thread(target=lambda: answers.append(process.transcribe(long, "one")[1]))
    asking.start()
    until(lambda: process.has_open(long), what="it reads the recording")
    for name in ("two", "three"):
        assert process.transcribe(recordings / "message.wav", name)[1]["model"] == name
    assert not answers, "it ended too early to show anything"
    assert process.log.count("a model was let go of") == 2, "the default one and the first"
    asking.join()
    assert answers[0]["model"] == "one"
    assert str(answers[0]["text"]).startswith(SENTENCE)


async def test_who_is_about_to_get_a_model_gets_it_though_it_is_let_go_of_at_that_moment() -> None:
    with ThreadPoolExecutor(1) as workers:
        slot = ModelSlot(TINY, workers)
        await slot.recognizer()
        asking = asyncio.create_task(slot.recognizer())
        await asyncio.sleep(0)  # it looks whether the directory is still the same one
        slot.let_go()
        assert (await asking).name == "vosk-tiny-ja"
        assert not slot.loaded
