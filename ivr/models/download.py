"""A file brought by HTTP, in pieces if need be: what is there already is not fetched again."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import aiohttp

from ivr.errors import ModelFailed

Progress = Callable[
    [int, int | None], None
]  # bytes that are there, bytes of the whole file if the server says so

MOST_BYTES = 4 << 30  # the largest Japanese model has 1 GB
ATTEMPTS = 4  # in a row that brought nothing
PAUSE = 2.0  # seconds between them
STALLED = 60.0  # seconds without a byte
_CHUNK = 1 << 18


class _Broken(Exception):
    """The connection ended before the file did."""


class _Stale(_Broken):
    """What is there is no part of the file that the server has now."""


async def download(url: str, place: Path, progress: Progress) -> Path:
    """The whole file, under a name of its own in `place`. A part that an earlier attempt left is gone on from.

    ModelFailed with what to do.
    """
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    part, whole = place / f"{name}.part", place / f"{name}.zip"
    in_vain = 0
    while True:
        before = _size(part)
        try:
            await _rest(url, part, progress)
            return part.replace(whole)
        except (_Broken, aiohttp.ClientError, TimeoutError) as error:
            if isinstance(error, _Stale):
                part.unlink()
            in_vain = 0 if _size(part) > before else in_vain + 1
            if in_vain >= ATTEMPTS:
                raise ModelFailed(
                    f"{url} was not fetched to its end: {error or 'nothing came for too long'}. "
                    + (
                        f"{_size(part)} bytes are there, and the same command goes on from them. "
                        if _size(part)
                        else ""
                    )
                    + "A zip file that was brought by other means is taken, too: ivr model fetch FILE"
                ) from error
            await asyncio.sleep(PAUSE)


async def _rest(url: str, part: Path, progress: Progress) -> None:
    mark = part.with_suffix(".mark")  # which version of the file the part is of
    have, version = _size(part), mark.read_text("utf-8") if mark.exists() else ""
    headers = {"Range": f"bytes={have}-", "If-Range": version} if have and version else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=STALLED)
    async with (
        aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
        session.get(url, headers={**headers, "Accept-Encoding": "identity"}) as answer,
    ):
        _refuse(url, answer)
        if answer.status == 416:  # the part is as long as the file, or longer
            raise _Stale("the server has another file now")
        going_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        if answer.status == 206 and not going_on:
            raise _Stale("the server has another file now")
        have = have if going_on else 0
        total = None if answer.content_length is None else have + answer.content_length
        if (total or 0) > MOST_BYTES:
            raise ModelFailed(f"{url} is larger than any model ({total} bytes)")
        mark.write_text(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "", "utf-8")
        with part.open("ab" if going_on else "wb") as file:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                have += file.write(chunk)
                if have > MOST_BYTES:
                    raise ModelFailed(f"{url} is larger than any model")
                progress(have, total)
        if total is not None and have != total:
            raise _Broken("the connection ended early")


def _refuse(url: str, answer: aiohttp.ClientResponse) -> None:
    if url.startswith("https:") and answer.url.scheme != "https":
        raise ModelFailed(f"{url} leads to {answer.url}, which is not encrypted")
    if 500 <= answer.status < 600:
        raise _Broken(f"the server answers {answer.status}")
    if answer.status not in (200, 206, 416):
        raise ModelFailed(f"{url} answers {answer.status}: there is no model to fetch")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
