"""HTTP. One recording at a time for each core, the rest wait in a bounded line; /healthz always answers."""

import asyncio
import json
import logging
import os
import stat
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from aiohttp import web

from transcribe import audio
from transcribe.access import demand
from transcribe.cores import Cores
from transcribe.fetch import Fetch
from transcribe.model import Models
from transcribe.protocol import Answer, Failure, join_words
from transcribe.recognizer import Recognizer
from transcribe.stream import Streams

log = logging.getLogger("transcribe.server")

STUCK = 30.0  # seconds; a piece of half a second takes less than one
HUNG = 70  # exit status

_WAITING_PER_CORE = 16


class Service:
    def __init__(
        self,
        model: Path,
        recordings: tuple[Path, ...],
        models: Path | None = None,
        *,
        key: str = "",
        fetch: Fetch | None = None,
    ) -> None:
        """`models` holds further ones by name; with `key` everybody who asks must have it; `fetch` what is not here."""
        cores = os.cpu_count() or 1
        self._workers = ThreadPoolExecutor(cores, thread_name_prefix="decode")
        self._models = Models(model, models, self._workers)
        self._cores = Cores(cores)
        self._streams = Streams(self._models, self._cores, cores)
        self._recordings = recordings
        self._key = key
        self._fetch = fetch
        self._places = cores * (1 + _WAITING_PER_CORE)
        self._open: set[threading.Event] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def app(self) -> web.Application:
        app = web.Application(middlewares=[_failures_as_json, demand(self._key)], client_max_size=64 * 1024)
        app.router.add_post("/v1/transcribe", self.transcribe)
        app.router.add_get("/v1/listen", self._streams.listen)
        app.router.add_post("/v1/load", self.load)
        app.router.add_get("/healthz", self.healthz)
        app.on_startup.append(self._start)
        app.on_shutdown.append(self._stop)
        return app

    async def healthz(self, request: web.Request) -> web.Response:
        return web.json_response({**self._models.health.as_json(), "streams": len(self._streams)})

    async def load(self, request: web.Request) -> web.Response:
        """Before a model is chosen: can it be used here?"""
        recognizer = await self._models.recognizer(_model_of(_json(await request.read())))
        return web.json_response(
            {"model": recognizer.name, "trial": recognizer.trial, "sample_rate": recognizer.rate}
        )

    async def transcribe(self, request: web.Request) -> web.Response:
        path, model = _asked(await request.read())
        if len(self._open) >= self._places:
            raise Failure("busy", "too many recordings are waiting; ask again in a minute")
        stopped = threading.Event()
        self._open.add(stopped)
        try:
            answer = await self._decode(path, model, stopped)
        finally:
            stopped.set()  # the client has left, or we end: the thread stops at its next piece
            self._open.discard(stopped)
        log.info(
            "a recording was transcribed",
            extra={"seconds": round(answer.duration, 1), "words": len(answer.words)},
        )
        return web.json_response(answer.as_json())

    async def _decode(self, path: str, model: str | None, stopped: threading.Event) -> Answer:
        recognizer = await self._models.recognizer(model)
        try:
            return await self._read(recognizer, lambda: _opened(path, self._recordings), stopped)
        except Failure as failure:
            if self._fetch is None or failure.code not in ("not_found", "forbidden_path"):
                raise
        async with self._fetch:
            file = await self._fetch.file(path)
            return await self._read(recognizer, lambda: file, stopped)

    async def _read(
        self, recognizer: Recognizer, opened: Callable[[], BinaryIO], stopped: threading.Event
    ) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._workers, _work, self._cores, recognizer, opened, stopped)
        except Failure as failure:
            if failure.code == "broken_model":
                self._models.give_up(recognizer, failure.detail)
            raise

    async def _start(self, app: web.Application) -> None:
        self._tasks = [
            asyncio.create_task(self._load_early(), name="load the model at start"),
            asyncio.create_task(self._watch(), name="watch for a recogniser that hangs"),
        ]

    async def _watch(self) -> None:
        """A thread inside Kaldi can be neither interrupted nor done without; whoever started us starts us again."""
        before: set[int] = set()
        while True:
            await asyncio.sleep(STUCK)
            held = self._cores.held()
            if before & held:
                log.critical("the recogniser hangs at a piece of sound, and the process ends")
                logging.shutdown()
                os._exit(HUNG)
            before = held

    async def _load_early(self) -> None:
        try:
            await self._models.recognizer()
        except Failure:
            return  # logged there, and /healthz says it

    async def _stop(self, app: web.Application) -> None:
        for task in self._tasks:
            task.cancel()
        for stopped in self._open:
            stopped.set()
        await self._streams.close()
        await self._models.close()


def _opened(path: str, recordings: tuple[Path, ...]) -> BinaryIO:
    real = audio.allowed(path, recordings)
    if not stat.S_ISREG(real.stat().st_mode):
        raise Failure("not_audio", "the path names no regular file")
    return real.open("rb")


def _work(
    cores: Cores, recognizer: Recognizer, opened: Callable[[], BinaryIO], stopped: threading.Event
) -> Answer:
    try:
        with opened() as file:
            wav = audio.read_header(file)
            with closing(cores.in_turn(audio.pieces(file, wav, recognizer.rate))) as pieces:
                words = recognizer.words(pieces, stopped)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Failure("not_found", "there is no such file") from error
    except OSError as error:
        raise Failure("unreadable", f"the file cannot be read: {error.strerror}") from error
    return Answer(
        join_words(words), recognizer.name, recognizer.trial, wav.rate, round(wav.duration, 3), words
    )


def _asked(body: bytes) -> tuple[str, str | None]:
    """Path of the recording, and the model's name; None: the default one."""
    asked = _json(body)
    path = asked.get("path")
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise Failure(
            "bad_request", 'send JSON: {"path": "/absolute/path.wav", "model": "name, or leave it out"}'
        )
    return path, _model_of(asked)


def _model_of(asked: dict[str, Any]) -> str | None:
    model = asked.get("model")
    if model is not None and not isinstance(model, str):
        raise Failure("bad_request", "a model is named by its directory")
    return model


def _json(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Failure("bad_request", "send a JSON object")
    return asked


@web.middleware
async def _failures_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Failure as error:
        failure = error
        log.warning("a recording was not transcribed", extra={"error": failure.code})
    except web.HTTPException:
        raise
    except Exception:
        log.exception("a request failed unexpectedly")
        failure = Failure("internal", "see the log of the transcriber")
    return web.json_response(failure.as_json(), status=failure.status)
