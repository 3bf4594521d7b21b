"""`ivr model fetch`: from a zip or a directory, near or far, to a model in its place. Whole, or not at all."""

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import Conflict, ModelFailed
from ivr.models import manifest
from ivr.models.download import Progress, download
from ivr.models.known import KNOWN
from ivr.models.shelf import check_name
from ivr.models.unpack import copied, unpack
from transcribe.trying import tried

_WORK = ".fetch"  # in the directory of models: what is renamed must lie on the same disk


@dataclass(frozen=True, slots=True)
class Fetched:
    name: str
    files: int
    known: bool  # its files were compared with those that the project knows


async def fetch(models: Path, source: str, name: str | None, progress: Progress) -> Fetched:
    """`source`: a name of KNOWN, an http address, a zip file or a directory. ModelFailed; nothing has changed then."""
    work = models / _WORK
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work), tempfile.TemporaryDirectory(dir=work, prefix="new-") as fresh:
        directory = Path(fresh) / "model"
        named = await _bring(source, work, directory, progress)
        name = check_name(name or named)
        files = await asyncio.to_thread(_checked, directory, name)
        trial = await tried(directory.absolute())
        if trial.trouble is not None:
            raise ModelFailed(f"{name} is whole, but cannot be used: {trial.trouble}")
        _put(directory, models / name, Path(fresh))
    return Fetched(name, files, name in KNOWN)


async def _bring(source: str, work: Path, into: Path, progress: Progress) -> str:
    """The model's files; the name that it has by itself."""
    if source in KNOWN or source.startswith(("http://", "https://")):
        url = KNOWN[source].url if source in KNOWN else source
        file = await download(url, work, progress)
        try:
            top = await asyncio.to_thread(unpack, file, into)
        finally:
            file.unlink()  # whole or not, it is of no further use
        return source if source in KNOWN else top or Path(url.partition("?")[0]).stem
    path = Path(source)
    if await asyncio.to_thread(path.is_dir):
        return await asyncio.to_thread(copied, path, into)
    if await asyncio.to_thread(path.is_file):
        return await asyncio.to_thread(unpack, path, into) or path.stem
    raise ModelFailed(
        f'"{source}" is no http address, file or directory, and none of the models known by name: {", ".join(KNOWN)}'
    )


def _checked(directory: Path, name: str) -> int:
    if not (directory / "conf" / "model.conf").is_file() or not (directory / "am" / "final.mdl").is_file():
        raise ModelFailed("that is no Vosk model: conf/model.conf or am/final.mdl is not in it")
    if wrong := manifest.against_known(directory, name):
        raise ModelFailed(f"these are not the files of {name}: {'; '.join(wrong)}")
    return manifest.write(directory)


def _put(directory: Path, place: Path, aside: Path) -> None:
    """A transcriber that has the old one in memory tries the new one before it takes it."""
    if place.exists():
        place.rename(aside / "old")
    directory.rename(place)


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    descriptor = os.open(work / "lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in work.glob("new-*"):  # of one that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield
    except BlockingIOError:
        raise Conflict("another `ivr model fetch` is at work; wait for it") from None
    finally:
        os.close(descriptor)
