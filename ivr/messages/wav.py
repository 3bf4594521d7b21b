"""The WAV of a message: 8 kHz, mono, 16 bits, as Asterisk writes it; also one that a crash cut off."""

import os
import struct
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

RATE = 8000
_BYTES = 2 * RATE  # of one second


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the samples lie in the file. `finished`: the header tells their number, so nobody writes any more."""

    start: int
    size: int
    finished: bool

    @property
    def seconds(self) -> float:
        return self.size / _BYTES


def extent(path: Path) -> Extent | None:
    """None if there is no such file. A file too short for a header holds no audio and is not finished.

    Asterisk writes the header's sizes when it closes the file; until then, and for ever if it was killed,
    they are 0 and the length of the file counts. Blocks; raises OSError.
    """
    try:
        with path.open("rb") as file:
            return _extent(file.read(4096), os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        return None


def _extent(head: bytes, length: int) -> Extent:
    at = 12
    while head[:4] == b"RIFF" and at + 8 <= len(head):
        kind, size = head[at : at + 4], struct.unpack_from("<I", head, at + 4)[0]
        if kind == b"data":
            there = (length - at - 8) & ~1
            return Extent(at + 8, min(size, there) if size else there, 0 < size <= there + 1)
        at += 8 + size + (size & 1)
    return Extent(0, 0, False)


def samples(path: Path) -> bytes:
    """Those of `extent`. Blocks; raises OSError."""
    found = extent(path)
    if found is None or not found.size:
        return b""
    with path.open("rb") as file:
        file.seek(found.start)
        return file.read(found.size)


def settle(path: Path) -> float:
    """Puts the file on the disk, its header mended if a crash cut it off, and returns its seconds of audio.

    0.0 if there is no file. Only for a file that nobody writes any more. Blocks; raises OSError.
    """
    found = extent(path)
    if found is None:
        return 0.0
    if found.size and not found.finished:
        # In a copy: the file is Asterisk's, which may be another user.
        whole = path.with_name(f".{path.name}.whole")
        join([path], whole)
        whole.replace(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return found.seconds


def join(parts: Iterable[Path], target: Path) -> None:
    """Their samples one behind the other, on the disk when this returns. Blocks; raises OSError."""
    with target.open("wb") as file:
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            for part in parts:
                out.writeframes(samples(part))
        file.flush()
        os.fsync(file.fileno())
