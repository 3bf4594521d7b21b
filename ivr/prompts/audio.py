"""Telephone audio on disk: a WAV of 8 kHz beside one of 16 kHz. Standard library only, the engine imports it."""

import io
import os
import wave
from dataclasses import dataclass
from pathlib import Path

NARROW, WIDE = 8000, 16000  # samples a second
_HEADER = 44  # bytes of the RIFF header that `wave` writes


@dataclass(frozen=True)
class Audio:
    """One sound, mono, 16-bit little-endian: `narrow` at 8 kHz, `wide` at 16 kHz."""

    narrow: bytes
    wide: bytes

    @property
    def seconds(self) -> float:
        return len(self.narrow) / 2 / NARROW


def write_pair(base: Path, audio: Audio) -> None:
    """Write `base.wav16` and then `base.wav`, each whole or not at all: who sees the .wav has both."""
    write_whole(base.with_name(base.name + ".wav16"), _wav(audio.wide, WIDE))
    write_whole(base.with_name(base.name + ".wav"), _wav(audio.narrow, NARROW))


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that a reader, or a power cut, finds the old file or the new one, never a part.

    Not by `tempfile`, whose files only their owner may read: Asterisk may run as another user.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def seconds_of(narrow_wav: Path) -> float:
    """Length of a .wav that `write_pair` wrote, from its size: no read. Raises FileNotFoundError."""
    return (narrow_wav.stat().st_size - _HEADER) / 2 / NARROW


def _wav(samples: bytes, rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return buffer.getvalue()
