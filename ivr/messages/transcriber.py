"""Asking transcribers for the text of a recording. Their process and protocol: transcribe/README.md."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from ivr.errors import TranscriberError
from ivr.transcript import Transcript

log = logging.getLogger("ivr.messages")

REST = 5.0  # seconds for which one that could not be used is asked last

# What says more of that transcriber than of the recording: another one is asked. Of several such answers the first in
# this order is told.
_OF_ITS_OWN = (
    "busy",
    "stopping",
    "no_model",
    "broken_model",
    "unreadable",
    "unauthorized",
    "unreachable",
    "forbidden_path",
    "not_found",
)


class TranscriptionFailed(TranscriberError):
    """A recording was not turned into text.

    `code` is one of the transcriber's (`not_found`, `not_audio`, `empty_audio`, `forbidden_path`, `unreadable`,
    `no_model`, `broken_model`, `busy`, `stopping`, `unauthorized`, `internal`, `bad_request`) or one of ours:
    `unreachable` (nobody listens), `died` (it ended or was killed while it worked on this recording), `timeout`,
    `bad_answer`.
    """

    def __init__(self, code: str, detail: str, *, retryable: bool) -> None:
        super().__init__(f"{code}: {detail}", retryable=retryable)
        self.code = code


class Transcriber(Protocol):
    async def transcribe(self, path: Path, model: str | None = None) -> Transcript:
        """`path` is absolute; `model` by its name, None for the transcriber's own. Raises TranscriptionFailed."""


class HttpTranscriber:
    def __init__(self, url: str, *, key: str = "", timeout: float = 600.0) -> None:
        """`url` such as http://127.0.0.1:8091; `timeout` in seconds for a whole request, waiting in line included."""
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=2.0)

    async def transcribe(self, path: Path, model: str | None = None) -> Transcript:
        asked = {"path": str(path)} if model is None else {"path": str(path), "model": model}
        return _read(*await self._ask("/v1/transcribe", asked))

    async def load(self, model: str) -> None:
        """Whether it could be used there. Raises TranscriptionFailed, as `no_model` and `broken_model`."""
        status, body = await self._ask("/v1/load", {"model": model})
        if status != 200:
            _read(status, body)

    async def _ask(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        try:
            # A session for each request: a kept connection to a transcriber that was restarted would look like a death.
            async with (
                aiohttp.ClientSession(timeout=self._timeout, headers=self._headers) as session,
                session.post(self._url + path, json=asked) as response,
            ):
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TranscriptionFailed(
                "unreachable", "no transcriber listens there", retryable=True
            ) from error
        except TimeoutError as error:
            raise TranscriptionFailed("timeout", "the transcriber took too long", retryable=True) from error
        except aiohttp.ClientError as error:
            raise TranscriptionFailed(
                "died", "the connection ended before the answer", retryable=True
            ) from error
        except ValueError as error:
            raise TranscriptionFailed("bad_answer", "the answer was no JSON", retryable=True) from error


class Transcribers:
    """Several, on this machine and on others. The one with the least of our recordings is asked first.

    One that could not be used is asked last for a while: who waits is not to wait for its time-outs.
    """

    def __init__(self, several: Sequence[Transcriber]) -> None:
        self._desks = [_Desk(transcriber) for transcriber in several]

    async def transcribe(self, path: Path, model: str | None = None) -> Transcript:
        now = asyncio.get_running_loop().time()
        in_turn = sorted(self._desks, key=lambda desk: (desk.rests_until > now, desk.working, desk.asked))
        told: list[TranscriptionFailed] = []
        for desk in in_turn:
            try:
                return await desk.transcribe(path, model)
            except TranscriptionFailed as failure:
                if failure.code not in _OF_ITS_OWN:
                    raise
                told.append(failure)
        raise min(told, key=lambda failure: _OF_ITS_OWN.index(failure.code))


class _Desk:
    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber
        self.working = self.asked = 0
        self.rests_until = 0.0  # loop time

    async def transcribe(self, path: Path, model: str | None) -> Transcript:
        self.working += 1
        self.asked += 1
        try:
            return await self._transcriber.transcribe(path, model)
        except TranscriptionFailed as failure:
            if failure.code in ("unreachable", "unauthorized", "died", "timeout"):
                log.warning("a transcriber cannot be used for now", extra={"reason": failure.code})
                self.rests_until = asyncio.get_running_loop().time() + REST
            raise
        finally:
            self.working -= 1


def _read(status: int, body: Any) -> Transcript:
    try:
        if status != 200:
            raise TranscriptionFailed(
                str(body["error"]), str(body["detail"]), retryable=bool(body["retryable"])
            )
        return Transcript.from_json(body)
    except (KeyError, TypeError, ValueError) as error:
        raise TranscriptionFailed(
            "bad_answer", f"the answer ({status}) lacks a part", retryable=True
        ) from error
