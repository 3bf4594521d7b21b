"""`ivr model list, try, use`: a model is taken into use only after it was tried, here and at the transcribers."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.commands import models as commands
from ivr.errors import ModelFailed, NotFound
from ivr.messages.models import ByLine
from ivr.messages.transcriber import HttpTranscriber
from ivr.models import admin
from ivr.models.shelf import Shelf
from ivr.settings import Settings, load
from ivr.store import model_uses
from ivr.store.database import opened
from ivr.store.migrate import migrate
from tests.messages_helpers import ManualClock, publish
from tests.speech import telephone_wav
from tests.transcriber_process import TINY, TranscriberProcess

SENTENCE = "請求書の再発行をお願いします"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    (tmp_path / "recordings").mkdir()
    telephone_wav(tmp_path / "recordings" / "message.wav", SENTENCE)
    return tmp_path / "recordings"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    directory = tmp_path / "var" / "models"
    for name in ("one", "two"):
        shutil.copytree(TINY, directory / name)
    return directory


@pytest.fixture
def process(tmp_path: Path, recordings: Path, models: Path) -> Iterator[TranscriberProcess]:
    with TranscriberProcess(tmp_path / "log", TINY, recordings, models=models) as process:
        yield process


@pytest.fixture
def settings(tmp_path: Path, models: Path, process: TranscriberProcess) -> Settings:
    settings = load({"IVR_DATA": str(tmp_path / "var"), "IVR_TRANSCRIBER": f"127.0.0.1:{process.port}"})
    migrate(settings.database_url)

    async def a_line() -> None:
        async with opened(settings.database_url) as store:
            await publish(store)

    asyncio.run(a_line())
    return settings


async def uses(settings: Settings) -> dict[str, str]:
    async with opened(settings.database_url) as store, store.read() as session:
        return await model_uses.of_lines(session)


async def test_the_next_recording_is_read_with_the_model_just_chosen(
    settings: Settings, process: TranscriberProcess, recordings: Path
) -> None:
    async with opened(settings.database_url) as store:
        ours = ByLine(store, HttpTranscriber(process.url), clock := ManualClock())
        read = [(await ours.transcribe("ecforce", recordings / "message.wav")).model]
        assert await admin.use(settings, "one", None, "tanaka") == []
        assert await admin.use(settings, "two", "ecforce", "tanaka") == []
        clock.advance(3)
        for line in ("ecforce", "another"):
            read.append((await ours.transcribe(line, recordings / "message.wav")).model)
    assert read == ["vosk-tiny-ja", "two", "one"]
    listed = {row["model"]: row for row in await admin.listing(settings)}
    assert listed["one"]["used_by"] == ["all others"]
    assert listed["two"]["used_by"] == ["ecforce"]
    assert listed["vosk-tiny-ja"]["used_by"] == []
    assert (listed["one"]["result"], listed["one"]["rate"], listed["one"]["trial_model"]) == (
        "good",
        8000,
        True,
    )
    assert 0.9 < listed["one"]["megabytes"] < 3
    await admin.use(settings, "vosk-tiny-ja", None, "tanaka")
    assert await uses(settings) == {"": "vosk-tiny-ja"}, "back to the built-in one, for every line"


async def test_a_model_that_aborts_in_its_trial_is_refused_with_the_reason(
    settings: Settings, models: Path
) -> None:
    conf = models / "two" / "conf" / "model.conf"
    conf.write_text(re.sub(r"--endpoint.silence-phones.*\n", "", conf.read_text()))
    await admin.use(settings, "one", None, "tanaka")
    with pytest.raises(ModelFailed, match=r"two is not taken.*silence-phones"):
        await admin.use(settings, "two", None, "tanaka")
    assert await uses(settings) == {"": "one"}
    listed = {row["model"]: row for row in await admin.listing(settings)}
    assert "silence-phones" in listed["two"]["result"]
    assert (await admin.attempt(settings, "two", None)).trouble is not None


async def test_a_model_that_was_deleted_by_hand_is_listed_as_missing(
    settings: Settings, models: Path
) -> None:
    await admin.use(settings, "one", None, "tanaka")
    await admin.use(settings, "two", "ecforce", "tanaka")
    shutil.rmtree(models / "one")
    for path in (models / "two").rglob("*"):
        if path.is_file():
            path.unlink()
    listed = {row["model"]: row for row in await admin.listing(settings)}
    assert listed["one"] == {"model": "one", "used_by": ["all others"], "missing": True}
    assert listed["two"] == {"model": "two", "used_by": ["ecforce"], "missing": True}


async def test_a_transcriber_that_lacks_the_model_is_named(settings: Settings, models: Path) -> None:
    await admin.use(settings, "two", None, "tanaka")
    with TranscriberProcess(models.parent / "log2", TINY, models) as other:
        both = f"{settings.transcriber[0]},127.0.0.1:{other.port}"
        settings = load({"IVR_DATA": str(settings.data), "IVR_TRANSCRIBER": both})
        with pytest.raises(ModelFailed, match=f"transcriber at 127.0.0.1:{other.port} cannot use it"):
            await admin.use(settings, "one", None, "tanaka")
    assert await uses(settings) == {"": "two"}
    assert await admin.use(settings, "one", None, "tanaka") == [f"127.0.0.1:{other.port}"]


async def test_what_is_not_there(settings: Settings) -> None:
    with pytest.raises(NotFound, match='no model "four"; there are: one, two, vosk-tiny-ja'):
        await admin.use(settings, "four", None, "tanaka")
    with pytest.raises(NotFound, match='no live line "ecfroce"; there are: ecforce'):
        await admin.use(settings, "one", "ecfroce", "tanaka")
    assert await uses(settings) == {}


async def test_a_trial_tells_what_was_understood(settings: Settings, recordings: Path) -> None:
    trial = await admin.attempt(settings, "one", recordings / "message.wav")
    assert (trial.trouble, trial.text, trial.rate) == (None, SENTENCE, 8000)
    assert 1 < trial.duration < 5 and 0 < trial.seconds < 5 and trial.memory > 10e6
    (recordings / "message.wav").write_bytes(b"")
    trial = await admin.attempt(settings, "one", recordings / "message.wav")
    assert trial.trouble == "the file holds zero bytes"
    last = Shelf(settings).last_trial("one")
    assert last is not None and last.trouble is None, "that is nothing against the model"


def test_progress_is_told_in_tenths_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell = commands._Bar()
    for have in range(0, 1001):
        tell(have * 100_000, 100_000_000)
    assert capsys.readouterr().err.splitlines() == [f"{tenth * 10} MB of 100" for tenth in range(11)]
