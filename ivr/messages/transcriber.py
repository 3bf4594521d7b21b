"""Asking the transcriber for the text of a recording. Its process and protocol: transcribe/README.md."""

from pathlib import Path
from typing import Any, Protocol

import aiohttp

from ivr.errors import TranscriberError
from ivr.transcript import Transcript, Word


class TranscriptionFailed(TranscriberError):
    """A recording was not turned into text.

    `code` is one of the transcriber's (`not_found`, `not_audio`, `empty_audio`, `forbidden_path`, `unreadable`,
    `no_model`, `broken_model`, `busy`, `stopping`, `internal`, `bad_request`) or one of ours: `unreachable` (nobody
    listens), `died` (it ended or was killed while it worked on this recording), `timeout`, `bad_answer`.
    """

    def __init__(self, code: str, detail: str, *, retryable: bool) -> None:
        super().__init__(f"{code}: {detail}", retryable=retryable)
        self.code = code


class Transcriber(Protocol):
    async def transcribe(self, path: Path) -> Transcript:
        """`path` is absolute and the same file for both processes. Raises TranscriptionFailed."""


class HttpTranscriber:
    def __init__(self, url: str, *, timeout: float = 600.0) -> None:
        """`url` such as http://127.0.0.1:8091; `timeout` in seconds for a whole request, waiting in line included."""
        self._url = url.rstrip("/") + "/v1/transcribe"
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=2.0)

    async def transcribe(self, path: Path) -> Transcript:
        try:
            # A session for each request: a kept connection to a transcriber that was restarted would look like a death.
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.post(self._url, json={"path": str(path)}) as response,
            ):
                status, body = response.status, await response.json(content_type=None)
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
        return _read(status, body)


def _read(status: int, body: Any) -> Transcript:
    try:
        if status != 200:
            raise TranscriptionFailed(
                str(body["error"]), str(body["detail"]), retryable=bool(body["retryable"])
            )
        words = tuple(
            Word(str(w["word"]), float(w["start"]), float(w["end"]), float(w["conf"])) for w in body["words"]
        )
        return Transcript(
            str(body["text"]),
            str(body["model"]),
            bool(body["trial"]),
            int(body["sample_rate"]),
            float(body["duration"]),
            words,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TranscriptionFailed(
            "bad_answer", f"the answer ({status}) lacks a part", retryable=True
        ) from error
