"""From a WAV file to what a recogniser takes: 16-bit mono at the model's own rate, in pieces of half a second."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from transcribe.protocol import Failure
from transcribe.resample import Resampler

with warnings.catch_warnings():
    # pydub warns that ffmpeg is not installed; WAV needs none.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.utils import audioop  # audioop-lts from Python 3.13

_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_BLOCK_SECONDS = 10  # small against a long recording, large against the cost of Python between two pieces
_WIDTHS = {_PCM: (1, 2, 3, 4), _FLOAT: (4,), _ALAW: (1,), _ULAW: (1,)}


@dataclass(frozen=True, slots=True)
class Wav:
    """What the header says, and where the samples really are: `start` and `size` in bytes."""

    encoding: int
    channels: int
    rate: int
    width: int
    start: int
    size: int

    @property
    def frame(self) -> int:
        return self.channels * self.width

    @property
    def duration(self) -> float:
        return self.size // self.frame / self.rate


def read_header(file: BinaryIO) -> Wav:
    """Raises Failure `empty_audio` or `not_audio`."""
    length = file.seek(0, 2)
    file.seek(0)
    if length == 0:
        raise Failure("empty_audio", "the file holds zero bytes")
    riff = file.read(12)
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise Failure("not_audio", "the file does not begin like a WAV file")
    form = None
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            return _checked(form, file, size, length)
        if head[:4] == b"fmt ":
            form = file.read(size)
            file.seek(size & 1, 1)
        else:
            file.seek(size + (size & 1), 1)
    raise Failure("not_audio", "the WAV header is cut off before the samples")


def _checked(form: bytes | None, file: BinaryIO, stated: int, length: int) -> Wav:
    if form is None or len(form) < 16:
        raise Failure("not_audio", "the WAV header does not say how the samples are written")
    encoding, channels = (int.from_bytes(form[i : i + 2], "little") for i in (0, 2))
    rate, bits = int.from_bytes(form[4:8], "little"), int.from_bytes(form[14:16], "little")
    if encoding == _EXTENSIBLE and len(form) >= 26:
        encoding = int.from_bytes(form[24:26], "little")
    if bits // 8 not in _WIDTHS.get(encoding, ()):
        raise Failure("not_audio", f"samples of WAV encoding {encoding} with {bits} bits are not supported")
    if not (1 <= channels <= 8 and 4000 <= rate <= 192_000):
        raise Failure("not_audio", f"{channels} channels at {rate} Hz cannot be a recording")
    start = file.tell()
    size = _real_size(file, start, stated, length)
    wav = Wav(encoding, channels, rate, bits // 8, start, size)
    if size < wav.frame:
        raise Failure("empty_audio", "the WAV file holds a header and no samples")
    return wav


def _real_size(file: BinaryIO, start: int, stated: int, length: int) -> int:
    """Bytes of samples. The header is believed only if the file bears it out.

    Asterisk writes the sizes when it closes a file: after a crash they are 0 or those of an earlier moment. Programs
    that write to a pipe state the largest number. What follows the samples must be further chunks, else it is sound.
    """
    end = start + stated + (stated & 1)
    while end < length:
        file.seek(end)
        head = file.read(8)
        if len(head) < 8 or not all(32 <= c < 127 for c in head[:4]):
            break
        end += 8 + int.from_bytes(head[4:], "little")
        end += end & 1
    borne_out = start + stated <= length <= end <= length + 1
    return stated if borne_out else length - start


def pieces(file: BinaryIO, wav: Wav, rate: int) -> Iterator[bytes]:
    """16-bit mono samples at `rate` Hz, half a second each: as often does the recogniser look for the end of a sentence."""
    half_second = rate // 2 * 2
    for block in _blocks(file, wav, rate):
        for at in range(0, len(block), half_second):
            yield block[at : at + half_second]


def _blocks(file: BinaryIO, wav: Wav, rate: int) -> Iterator[bytes]:
    file.seek(wav.start)
    resample = Resampler(wav.rate, rate)
    left = wav.size - wav.size % wav.frame
    while left:
        block = file.read(min(left, _BLOCK_SECONDS * wav.rate * wav.frame))
        block = block[: len(block) - len(block) % wav.frame]
        if not block:
            break  # the file became shorter while we read
        left -= len(block)
        data, width = _linear(block, wav)
        sound = AudioSegment(data=data, sample_width=width, frame_rate=wav.rate, channels=wav.channels)
        yield resample.feed(sound.set_sample_width(2).set_channels(1).raw_data)
    yield resample.rest()


def _linear(block: bytes, wav: Wav) -> tuple[bytes, int]:
    """Signed integer samples and their width in bytes."""
    if wav.encoding == _ULAW:
        return audioop.ulaw2lin(block, 2), 2
    if wav.encoding == _ALAW:
        return audioop.alaw2lin(block, 2), 2
    if wav.encoding == _FLOAT:
        samples = np.frombuffer(block, "<f4")
        return np.nan_to_num(samples * 32767).clip(-32768, 32767).astype("<i2").tobytes(), 2
    if wav.width == 1:
        return audioop.bias(block, 1, -128), 1  # 8-bit WAV is unsigned
    return block, wav.width


def allowed(path: str, recordings: tuple[Path, ...]) -> Path:
    """The real path, if it lies under one of `recordings`, whatever links lead there."""
    try:
        real = Path(path).resolve()
        inside = any(real.is_relative_to(directory.resolve()) for directory in recordings)
    except (OSError, RuntimeError) as error:
        raise Failure("forbidden_path", "the path cannot be followed") from error
    if not inside:
        raise Failure("forbidden_path", "the path is not under a directory of recordings")
    return real
