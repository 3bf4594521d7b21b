"""Recordings that lie on another machine: taken from its pages by HTTP, for as long as they are decoded."""

import asyncio
import os
import re
import tempfile
from pathlib import PurePath
from typing import BinaryIO

import aiohttp

from transcribe.protocol import Failure

MOST_BYTES = 400_000_000  # three hours of a telephone are 173 MB
_TIMEOUT = aiohttp.ClientTimeout(total=300, sock_connect=5, sock_read=15)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Fetch:
    def __init__(self, url: str, key: str) -> None:
        """`url` of the pages, such as https://ivr.example.co.jp; `key`: what both have as IVR_TRANSCRIBER_KEY."""
        self._url = f"{url.rstrip('/')}/api/v1/recordings/"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._places = asyncio.Semaphore(1 + (os.cpu_count() or 1))

    async def __aenter__(self) -> None:
        """So many recordings at a time lie on the disk of this machine."""
        await self._places.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._places.release()

    async def file(self, path: str) -> BinaryIO:
        """The recording of the message after which `path` is named. It has no name here and goes with its last user.

        Raises Failure `not_found`, `forbidden_path`, `not_audio`, `unreadable`.
        """
        name = PurePath(path).stem
        if not _NAME.fullmatch(name):
            raise Failure("forbidden_path", "the path is not named after a message")
        file = tempfile.TemporaryFile(prefix="ivr-recording-")  # noqa: SIM115 -- the caller closes it
        try:
            await self._fill(file, name)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    async def _fill(self, file: BinaryIO, name: str) -> None:
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, headers=self._headers) as session,
                session.get(self._url + name, allow_redirects=False) as answer,
            ):
                if answer.status == 404:
                    raise Failure("not_found", "there is no such recording at the address of --fetch")
                if answer.status != 200:
                    raise Failure(
                        "unreadable", f"the address of --fetch answered {answer.status}, not a recording"
                    )
                async for part in answer.content.iter_chunked(1 << 18):
                    if file.tell() + len(part) > MOST_BYTES:
                        raise Failure("not_audio", "the recording is too large")
                    await asyncio.to_thread(file.write, part)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Failure("unreadable", "the recording was not fetched to its end from --fetch") from error
        except OSError as error:
            raise Failure("unreadable", f"the recording could not be kept here: {error.strerror}") from error
