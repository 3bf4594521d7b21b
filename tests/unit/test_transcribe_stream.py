"""The transcriber listens while a caller speaks: real Vosk, its real process, and Asterisk's part played by plain TCP."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from tests.audiosocket import Caller, Listening
from tests.speech import from_mulaw, speak, to_mulaw, wav
from tests.transcriber_process import TINY, TranscriberProcess
from transcribe.cores import Cores
from transcribe.model import Models
from transcribe.stream import PER_CORE, Streams

SENTENCE = "ログインできません。田中です。折り返しお電話ください"
TEXT = "ログインできません田中です折り返しお電話ください"


def spoken(text: str) -> bytes:
    """As it comes through a telephone, 8 kHz, with half a second of silence before and after."""
    pause = np.zeros(4000, np.int16)
    return np.concatenate([pause, from_mulaw(to_mulaw(speak(text))), pause]).tobytes()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def transcriber(recordings: Path) -> Iterator[TranscriberProcess]:
    with TranscriberProcess(recordings.parent / "transcriber.log", TINY, recordings) as process:
        process.settled()
        yield process


@pytest.fixture
async def impatient() -> AsyncIterator[tuple[str, Streams]]:
    """One for a single core that waits for nothing longer than 0.3 s; its URL."""
    workers = ThreadPoolExecutor(1)
    models = Models(TINY, None, workers)
    streams = Streams(models, Cores(1), 1, patience=0.3)
    app = web.Application()
    app.router.add_get("/v1/listen", streams.listen)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", streams
    await streams.close()
    await runner.cleanup()
    await models.close()
    workers.shutdown()


async def nobody_is_listened_to(transcriber: TranscriberProcess) -> None:
    deadline = time.monotonic() + 60
    while (await asyncio.to_thread(transcriber.ask, "GET", "/healthz"))[1]["streams"]:
        assert time.monotonic() < deadline, "a place is held for nobody"
        await asyncio.sleep(0.02)


async def text_of(listening: Listening, caller: Caller) -> dict[str, Any]:
    """When all that the caller said has arrived: audio and orders go different ways."""
    caller.hang_up()
    await caller.ended()
    await listening.order("end")
    return await listening.hears()


async def test_a_message_has_the_words_of_its_recording(
    transcriber: TranscriberProcess, recordings: Path
) -> None:
    async with Listening(transcriber.url) as listening:
        caller = await listening.caller()
        await caller.speak(spoken("一二三"))
        await listening.order("drop")
        await listening.order("begin")  # what was said before is none of it
        await caller.speak(spoken(SENTENCE))
        answer = await text_of(listening, caller)
    assert answer["text"] == TEXT
    assert (answer["model"], answer["trial"], answer["sample_rate"]) == ("vosk-tiny-ja", True, 8000)
    (recordings / "same.wav").write_bytes(wav(spoken(SENTENCE), 8000))
    _, batch = await asyncio.to_thread(transcriber.transcribe, recordings / "same.wav")
    assert (answer["words"], answer["duration"]) == (batch["words"], batch["duration"])


async def test_wideband_audio_is_understood_too(transcriber: TranscriberProcess) -> None:
    async with Listening(transcriber.url) as listening:
        caller = await listening.caller()
        await listening.order("begin")
        await caller.speak(speak(SENTENCE, 16000).tobytes(), kind=0x12)
        answer = await text_of(listening, caller)
    assert (answer["text"], answer["sample_rate"]) == (TEXT, 16000)


async def test_a_caller_who_leaves_is_understood_up_to_there(transcriber: TranscriberProcess) -> None:
    async with Listening(transcriber.url) as listening:
        caller = await listening.caller()
        await listening.order("begin")
        await caller.speak(spoken(SENTENCE)[: 2 * 8000 * 2])  # two seconds
        answer = await text_of(listening, caller)
    assert (answer["text"], answer["duration"]) == ("ログインできません", 2.0)


async def test_two_at_once_are_not_mixed_up(transcriber: TranscriberProcess) -> None:
    async with Listening(transcriber.url) as one, Listening(transcriber.url) as other:
        first, second = await one.caller(), await other.caller()
        for listening in (one, other):
            await listening.order("begin")
        await asyncio.gather(first.speak(spoken(SENTENCE)), second.speak(spoken("解約をお願いします")))
        texts = await asyncio.gather(text_of(one, first), text_of(other, second))
    assert [answer["text"] for answer in texts] == [TEXT, "解約をお願いします"]


async def test_silence_and_nothing_at_all_are_empty_texts(transcriber: TranscriberProcess) -> None:
    async with Listening(transcriber.url) as listening:
        caller = await listening.caller()
        await listening.order("begin")
        await caller.speak(bytes(16000))
        answer = await text_of(listening, caller)
        assert (answer["text"], answer["words"], answer["duration"]) == ("", [], 1.0)
        await listening.order("begin")
        await listening.order("end")
        answer = await listening.hears()
        assert (answer["text"], answer["duration"]) == ("", 0.0)


async def test_an_answer_is_told_after_its_pause_and_afresh_after_each_prompt(
    transcriber: TranscriberProcess,
) -> None:
    async with Listening(
        transcriber.url, grammar=["ハイ|はい", "いいえ", "お願いします", "のりかえ"]
    ) as listening:
        assert listening.told["lacks"] == ["のりかえ"]
        caller = await listening.caller()
        await listening.order("begin")
        await caller.speak(spoken("お願いします") + bytes(16000))
        assert [w["word"] for w in (await listening.hears())["phrase"]] == ["お願い", "します"]
        await caller.speak(spoken("解約") + bytes(16000))
        assert {w["word"] for w in (await listening.hears())["phrase"]} == {"[unk]"}
        await listening.order("drop")
        await caller.speak(spoken("はい")[: 8000 * 2])
        await listening.order("drop")
        await listening.order("begin")
        await caller.speak(spoken("いいえ") + bytes(16000))
        [word] = (await listening.hears())["phrase"]
        assert word["word"] == "いいえ" and 0.4 < word["start"] < word["end"] < 1.5
        caller.hang_up()
        await caller.ended()


@pytest.mark.parametrize(
    ("model", "grammar", "code"),
    [
        ("no-such-model", None, "no_model"),
        ("../models", None, "bad_request"),
        (None, ["のりかえ"], "bad_request"),
        (None, ["はい"] * 501, "bad_request"),
    ],
)
async def test_what_cannot_be_done_is_said(
    transcriber: TranscriberProcess, model: str | None, grammar: list[str] | None, code: str
) -> None:
    async with Listening(transcriber.url, model, grammar) as listening:
        assert listening.told["error"] == code
        assert (await listening.socket.receive(timeout=60)).type is aiohttp.WSMsgType.CLOSE


async def test_orders_that_make_no_sense_end_it(transcriber: TranscriberProcess) -> None:
    for order in ("end", "dance"):
        async with Listening(transcriber.url) as listening:
            await listening.socket.send_json({"do": order})
            assert (await listening.hears())["error"] == "bad_request"
    await nobody_is_listened_to(transcriber)


async def test_audio_of_strangers_is_refused(transcriber: TranscriberProcess) -> None:
    async with Listening(transcriber.url) as listening:
        stranger = await Caller.connected(listening.told["address"], "00000000-0000-4000-8000-000000000000")
        assert await stranger.ended() == b""
        caller = await listening.caller()
        await listening.order("begin")
        again = await listening.caller()  # who has seen the id comes second
        assert await again.ended() == b""
        caller.send(0x10, bytes(3))  # half a sample
        await caller.speak(spoken(SENTENCE))
        assert (await text_of(listening, caller))["text"] == TEXT


async def test_who_asked_leaves_and_the_caller_is_let_go(transcriber: TranscriberProcess) -> None:
    async with Listening(transcriber.url) as listening:
        caller = await listening.caller()
        await listening.order("begin")
        await caller.speak(spoken(SENTENCE))
    assert await caller.ended() == bytes((0, 0, 0))  # AudioSocket's hang-up: no line in Asterisk's log
    await nobody_is_listened_to(transcriber)


async def test_a_transcriber_that_is_killed_lets_go_of_both_sides(recordings: Path) -> None:
    with TranscriberProcess(recordings.parent / "killed.log", TINY, recordings) as process:
        process.settled()
        async with Listening(process.url) as listening:
            caller = await listening.caller()
            await listening.order("begin")
            process.process.kill()
            assert (await listening.socket.receive(timeout=60)).type is aiohttp.WSMsgType.CLOSED
            with suppress(ConnectionResetError):  # as the kernel ends it when something was still unread
                assert await caller.ended() == b""


async def test_nobody_holds_a_place_for_ever(impatient: tuple[str, Streams]) -> None:
    url, streams = impatient
    async with Listening(url) as listening:  # whose audio never comes
        assert (await listening.hears())["error"] == "no_audio"
    async with Listening(url) as listening:  # who stops to speak without hanging up
        caller = await listening.caller()
        await listening.order("begin")
        await caller.speak(bytes(3200))
        assert (await listening.hears())["error"] == "no_audio"
        assert await caller.ended() == bytes((0, 0, 0))
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/v1/listen") as socket:
        assert (await socket.receive_json(timeout=60))["error"] == "no_audio"  # who asks for nothing
    assert len(streams) == 0


async def test_no_more_are_listened_to_than_there_are_places(transcriber: TranscriberProcess) -> None:
    url = f"{transcriber.url}/v1/listen"
    places = PER_CORE * (os.cpu_count() or 1)
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(session.ws_connect(url)) for _ in range(places)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url)
        assert refused.value.status == 503
        assert not any(socket.closed for socket in sockets)
    await nobody_is_listened_to(transcriber)
