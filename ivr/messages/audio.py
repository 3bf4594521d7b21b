"""From the original of a message to what the page plays: levelled, without long silence at its ends, MP3; and its waveform.

The original is only read. ffmpeg does the work in a process of its own that dies with ours; the sound comes through a
pipe, ten seconds at a time, so that three hours need no more memory than three seconds (pydub would hold all of it).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.errors import AudioError

RATE = 8000
FRAME = RATE // 100  # samples; 10 ms
BLOCK = 10 * RATE * 2  # bytes
LONGEST = 6 * 3600  # seconds that are made audible
FLOOR = -90.0  # dBFS, of digital silence
QUIET = -60.0  # dBFS; below it nothing is heard on a telephone
ABOVE = 6.0  # dB over the noise: somebody speaks
LEVEL = -20.0  # dBFS that speech is brought to
GAIN = (-12.0, 30.0)  # dB
LONG = 2.0  # seconds; a shorter silence at an end stays
BEFORE, AFTER = 0.5, 1.0  # seconds that stay of a longer one
PEAKS = 400
PATIENCE = 60.0  # seconds for a run of ffmpeg, and a tenth of the length beside it
# MPEG-2 layer 3: plays everywhere, and a constant rate lets a player jump by ranges.
_ENCODE = ("-ac", "1", "-ar", "16000", "-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3")
# A crash leaves the sizes of the header at 0: what is in the file counts.
_INPUT = ("-f", "wav", "-ignore_length", "1")
_RUN = ("nice", "-n", "10", "setpriv", "--pdeathsig", "KILL", "--", "ffmpeg", "-nostdin", "-v", "error")


class AudioFailed(AudioError):
    """No playback was made of a recording.

    `code`: `not_found`, `empty_audio`, `not_audio`, `unreadable`, `no_ffmpeg`, `no_room`, `timeout`, `died`.
    """

    def __init__(self, code: str, detail: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {detail}", retryable=retryable)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sound:
    """What was measured, by frames of 10 ms: `levels` in dBFS, `peaks` from 0 to 1."""

    levels: NDArray[np.float32]
    peaks: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        return len(self.levels) * FRAME / RATE


@dataclass(frozen=True, slots=True)
class Playback:
    """`start` and `seconds` of the original that are in it; `gain` in dB; `peaks` of it, 0 to 1, at most PEAKS."""

    start: float
    seconds: float
    gain: float
    peaks: Sequence[float]


def digest(path: Path) -> str:
    """SHA-256, hex. Blocks; raises AudioFailed."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise AudioFailed("not_found", "there is no such file") from None
    except OSError as error:
        raise AudioFailed("unreadable", error.strerror or "cannot be read", retryable=True) from error


async def normalise(original: Path, target: Path) -> Playback:
    """Writes `target` (MP3) and tells what is in it; what was there before stays until it is whole. AudioFailed."""
    sound = await measure(original)
    plan = plan_for(sound)
    draft = target.with_suffix(".part")
    try:
        await _encode(original, draft, plan)
        await asyncio.to_thread(draft.replace, target)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return plan


async def measure(original: Path) -> Sound:
    length = await asyncio.to_thread(_length, original)
    levels, peaks = [], []
    limit = PATIENCE + length / (RATE * 2) / 10
    output = ("-t", str(LONGEST), "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-")
    async with _ffmpeg(limit, *_INPUT, "-i", str(original), *output) as blocks:
        async for block in blocks:
            frames = np.frombuffer(block, "<i2").reshape(-1, FRAME).astype(np.float32) / 32768
            power = np.square(frames).mean(axis=1)
            levels.append(10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10))))
            peaks.append(np.abs(frames).max(axis=1))
    if not levels:
        raise AudioFailed("empty_audio", "a header without samples")
    sound = Sound(np.concatenate(levels), np.concatenate(peaks))
    told = min(length / (RATE * 2), LONGEST)  # Asterisk writes 8 kHz, mono, 16 bits
    if abs(sound.seconds - told) > 1 + told / 10:
        raise AudioFailed("not_audio", "the header does not fit the length of the file")
    return sound


def plan_for(sound: Sound) -> Playback:
    """What is cut off, and how much louder the rest becomes. Where nobody is heard, all stays as it is."""
    levels = sound.levels
    bar = max(float(np.percentile(levels, 10)) + ABOVE, QUIET)
    heard = np.flatnonzero(levels > bar)
    if not len(heard):
        return Playback(0.0, sound.seconds, 0.0, _waveform(sound.peaks, 0.0))
    first, last = int(heard[0]), int(heard[-1]) + 1
    per_second = RATE // FRAME
    begin = first - int(BEFORE * per_second) if first > LONG * per_second else 0
    end = last + int(AFTER * per_second) if len(levels) - last > LONG * per_second else len(levels)
    wanted = LEVEL - float(np.percentile(levels[heard], 75))
    gain = round(min(max(wanted, GAIN[0]), GAIN[1]), 1)
    peaks = _waveform(sound.peaks[begin:end], gain)
    return Playback(begin / per_second, (end - begin) / per_second, gain, peaks)


def _waveform(peaks: NDArray[np.float32], gain: float) -> list[float]:
    louder = np.minimum(peaks * 10 ** (gain / 20), 1.0)
    return [round(float(part.max()), 3) for part in np.array_split(louder, min(PEAKS, len(louder)))]


def _length(path: Path) -> int:
    """Bytes of samples, if it is a WAV file as Asterisk writes it."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise AudioFailed("not_found", "there is no such file") from None
    except OSError as error:
        raise AudioFailed("unreadable", error.strerror or "cannot be read", retryable=True) from error
    if size == 0:
        raise AudioFailed("empty_audio", "the file holds zero bytes")
    return max(0, size - 44)


async def _encode(original: Path, draft: Path, plan: Playback) -> None:
    # The limiter keeps a door that slams from being distorted by the gain that a soft voice needs.
    louder = f"volume={plan.gain}dB,alimiter=limit=0.89:level=0"
    cut = ("-ss", str(plan.start), "-t", str(plan.seconds))
    limit = PATIENCE + plan.seconds / 10
    try:
        await asyncio.to_thread(draft.parent.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise AudioFailed("no_room", error.strerror or "no folder", retryable=True) from error
    options = (*_INPUT, *cut, "-i", str(original), "-af", louder, *_ENCODE, "-y", str(draft))
    async with _ffmpeg(limit, *options) as blocks:
        async for _ in blocks:
            pass


@asynccontextmanager
async def _ffmpeg(limit: float, *options: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """What it writes to its output, in whole frames. AudioFailed if it does not end well within `limit` seconds."""
    try:
        process = await asyncio.create_subprocess_exec(
            *_RUN,
            *options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=BLOCK,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise AudioFailed("no_ffmpeg", "nice or setpriv is missing", retryable=True) from error
    assert process.stdout is not None and process.stderr is not None
    said = asyncio.create_task(_tail(process.stderr), name="what ffmpeg says")
    try:
        async with asyncio.timeout(limit):
            yield _whole_frames(process.stdout)
            code = await process.wait()
    except TimeoutError:
        raise AudioFailed("timeout", f"ffmpeg took longer than {limit:.0f} s", retryable=True) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        words = await said
    if code or b"No space left" in words:
        raise _why(code, words)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """The last of what is said; read to its end, or its writer would stand still."""
    kept = b""
    while piece := await stream.read(4096):
        kept = (kept + piece)[-4096:]
    return kept


async def _whole_frames(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    left = b""
    while piece := await stream.read(BLOCK):
        block = left + piece
        whole = len(block) - len(block) % (FRAME * 2)
        left = block[whole:]
        if whole:
            yield block[:whole]


def _why(code: int, words: bytes) -> AudioFailed:
    if b"No space left" in words or b"Disk quota" in words:
        return AudioFailed("no_room", "the disk is full", retryable=True)
    if b"failed to execute" in words:  # setpriv's
        return AudioFailed("no_ffmpeg", "ffmpeg is not installed", retryable=True)
    if code < 0 or code > 128:
        return AudioFailed("died", f"ffmpeg ended with {code}", retryable=True)
    return AudioFailed("not_audio", "ffmpeg cannot read it")
