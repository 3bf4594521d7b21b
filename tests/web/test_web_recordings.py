"""Originals for transcribers on other machines: with their key, and for nobody else."""

import asyncio
import shutil
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from ivr.messages.transcriber import HttpTranscriber, TranscriptionFailed
from ivr.settings import Settings, load
from tests.speech import telephone_wav
from tests.transcriber_process import TINY, TranscriberProcess
from tests.web.conftest import Login
from tests.web.desk import ALICE_TOKEN, ROOT_TOKEN

pytestmark = pytest.mark.usefixtures("desk")

KEY = "a-key-of-transcribers-鍵-32-long"
SENTENCE = "請求書の再発行をお願いします"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    directories = {"IVR_DATA": str(tmp_path / "var"), "IVR_DIALPLANS": str(tmp_path / "dialplans")}
    return load({**directories, "IVR_PROMPTS": str(tmp_path / "prompts"), "IVR_TRANSCRIBER_KEY": KEY})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_key_opens_the_original_of_every_tenant(visitor: TestClient, settings: Settings) -> None:
    for name in ("m1000012", "m2000015"):
        answer = await visitor.get(f"/api/v1/recordings/{name}", headers=bearer(KEY))
        assert (answer.status, answer.content_type) == (200, "audio/wav")
        assert await answer.read() == (settings.recordings / "messages" / f"{name}.wav").read_bytes()
        assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "headers",
    [{}, bearer(ALICE_TOKEN), bearer(ROOT_TOKEN), bearer(""), bearer(KEY[:-1]), {"Authorization": KEY}],
)
async def test_nobody_else_gets_any(visitor: TestClient, headers: dict[str, str]) -> None:
    for path in ("/api/v1/recordings/m1000012", "/api/v1/recordings/m%31000012", "/api/v1/recordings/none"):
        answer = await visitor.get(path, headers=headers)
        assert answer.status == 401
        assert (await answer.json())["error"] == "unauthorized"


async def test_who_is_logged_in_does_not_get_it_by_that(login: Login) -> None:
    alice = await login("alice")
    assert (await alice.get("/messages/m1000012/audio")).status == 200
    assert (await alice.get("/api/v1/recordings/m1000012")).status == 401


async def test_the_key_opens_nothing_else(visitor: TestClient) -> None:
    for path in ("/api/v1/callbacks", "/api/v1/calls", "/api/v1/messages/m1000012/audio"):
        assert (await visitor.get(path, headers=bearer(KEY))).status == 401
    assert (await visitor.get("/callbacks", headers=bearer(KEY), allow_redirects=False)).status == 303


async def test_what_is_not_there(visitor: TestClient, settings: Settings) -> None:
    assert (await visitor.get("/api/v1/recordings/none", headers=bearer(KEY))).status == 404
    (settings.recordings / "messages" / "m1000012.wav").unlink()
    assert (await visitor.get("/api/v1/recordings/m1000012", headers=bearer(KEY))).status == 404


async def test_a_transcriber_that_sees_no_file_fetches_it_and_keeps_nothing(
    visitor: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    telephone_wav(settings.recordings / "messages" / "m1000012.wav", SENTENCE)
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    url = str(visitor.make_url("/"))
    with TranscriberProcess(tmp_path / "log", TINY, key=KEY, fetch=url) as process:
        client = HttpTranscriber(process.url, key=KEY)
        path = Path("/on/another/machine/messages/m1000012.wav")
        assert (await client.transcribe(path)).text == SENTENCE
        for name, code in (("gone", "not_found"), ("a..b", "forbidden_path")):
            with pytest.raises(TranscriptionFailed) as caught:
                await client.transcribe(path.with_name(f"{name}.wav"))
            assert (caught.value.code, caught.value.retryable) == (code, False)
        with pytest.raises(TranscriptionFailed) as caught:
            await HttpTranscriber(process.url, key="another-key-than-theirs").transcribe(path)
        assert (caught.value.code, caught.value.retryable) == ("unauthorized", True)
        await asyncio.to_thread(shutil.rmtree, settings.recordings)
        with pytest.raises(TranscriptionFailed) as caught:
            await client.transcribe(path)
        assert caught.value.code == "not_found"
    assert list(elsewhere.iterdir()) == []


async def test_pages_that_refuse_the_transcribers_key_are_tried_again(
    visitor: TestClient, tmp_path: Path
) -> None:
    other = "another-key-than-that-of-the-pages"
    url = str(visitor.make_url("/"))
    with (
        TranscriberProcess(tmp_path / "log", TINY, key=other, fetch=url) as process,
        pytest.raises(TranscriptionFailed) as caught,
    ):
        await HttpTranscriber(process.url, key=other).transcribe(Path("/a/m1000012.wav"))
    assert (caught.value.code, caught.value.retryable) == ("unreadable", True)
    assert "401" in str(caught.value)
