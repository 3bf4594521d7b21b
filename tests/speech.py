"""Speech for tests: what a caller says, made by the text-to-speech of the project and spoilt as a telephone spoils it."""

import struct
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyopenjtalk

Samples = npt.NDArray[np.int16]


@cache
def _spoken(text: str) -> npt.NDArray[np.float64]:
    """At 48000 Hz."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pyopenjtalk asks Sudachi in an old way
        samples, rate = pyopenjtalk.tts(text)
    assert rate == 48000
    return samples


def speak(text: str, rate: int = 8000) -> Samples:
    """16-bit samples at `rate` Hz, band-limited by cutting its spectrum; shares no code with the product."""
    wide = _spoken(text)
    length = len(wide) * rate // 48000
    spectrum = np.fft.rfft(wide)[: length // 2 + 1]
    if rate < 48000:
        spectrum[-1] = 0
    narrow = np.fft.irfft(spectrum, length) * (length / len(wide))
    return narrow.clip(-32768, 32767).astype(np.int16)


def to_mulaw(samples: Samples) -> bytes:
    """ITU-T G.711, one byte for a sample."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    sign = np.where(samples < 0, 128, 0)
    return bytes((~(sign | (exponent << 4) | mantissa) & 255).astype(np.uint8))


def from_mulaw(coded: bytes) -> Samples:
    code = ~np.frombuffer(coded, np.uint8).astype(np.int32) & 255
    magnitude = (((code & 15) << 3) + 132 << ((code >> 4) & 7)) - 132
    return np.where(code & 128, -magnitude, magnitude).astype(np.int16)


def wav(samples: bytes, rate: int, *, channels: int = 1, bits: int = 16, encoding: int = 1) -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", encoding, channels, rate, rate * frame, frame, bits)
    body = (
        b"WAVEfmt "
        + struct.pack("<I", len(form))
        + form
        + b"data"
        + struct.pack("<I", len(samples))
        + samples
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def telephone_wav(path: Path, text: str) -> Path:
    """What Asterisk records of a caller: 8 kHz, 16 bits, having passed G.711."""
    path.write_bytes(wav(from_mulaw(to_mulaw(speak(text))).tobytes(), 8000))
    return path
