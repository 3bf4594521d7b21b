"""What somebody heard on the telephone, compared with what should have been said; shares no code with the product.

A prompt was heard when it lies in the audio as a whole, every 300 ms of its speech in its place. That
refuses another prompt with the same words at its end, and one of which 300 ms are missing anywhere.
"""

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.speech import from_mulaw, to_mulaw

RATE = 8000
ALIKE = 0.8  # normalised cross-correlation: the bound
WINDOW = 2400  # samples: a cut of 300 ms fills one
STEP = 1200
DRIFT = 480  # samples that a window may lie off its place: a packet lost or played late
QUIET = 0.1  # of the prompt's RMS: below it there is no speech to compare

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """`begin` and `end`: samples in the audio between which the speech lies; `likeness`: its worst window's."""

    begin: int
    end: int
    likeness: float


def read_wav(path: Path) -> Samples:
    """8 kHz, 16 bit; also of a call that still lasts, whose header gives no length."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
    return samples(path.read_bytes()[44:])


def samples(audio: bytes) -> Samples:
    return np.frombuffer(audio[: len(audio) // 2 * 2], np.int16)


def speech_of(prompt: Samples) -> Samples:
    """The prompt without the silence before and behind it, as mu-law leaves it."""
    loud = np.flatnonzero(np.abs(prompt.astype(np.int32)) > max(200, int(np.abs(prompt).max()) // 30))
    return from_mulaw(to_mulaw(prompt[loud[0] : loud[-1] + 1]))


def find(prompt: Samples, heard: Samples) -> Found | None:
    """Where the prompt was heard from its beginning to its end; None if it was not."""
    speech = speech_of(prompt).astype(np.float64)
    padded = np.concatenate([heard.astype(np.float64), np.zeros(len(speech))])
    likeness = _correlation(speech, padded)
    begin = int(np.argmax(likeness))
    if likeness[begin] < ALIKE:
        return None
    bound = QUIET * float(np.sqrt(np.mean(speech**2)))
    worst = float(likeness[begin])
    starts = [*range(0, max(1, len(speech) - WINDOW), STEP), max(0, len(speech) - WINDOW)]
    for start in starts:
        window = speech[start : start + WINDOW]
        if np.sqrt(np.mean(window**2)) < bound:
            continue
        first = max(0, begin + start - DRIFT)
        there = padded[first : begin + start + len(window) + DRIFT]
        worst = min(worst, float(np.max(_correlation(window, there))) if len(there) >= len(window) else 0.0)
    return Found(begin, begin + len(speech), worst) if worst >= ALIKE else None


def loudest_tone(heard: Samples) -> float:
    """The frequency (Hz) that most of the energy has."""
    spectrum = np.abs(np.fft.rfft(heard.astype(np.float64)))
    return float(np.argmax(spectrum[1:]) + 1) * RATE / len(heard)


def tone(frequency: float, seconds: float, level: float = 8000) -> Samples:
    moments = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * frequency * moments)).astype(np.int16)


def write_wav(path: Path, audio: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(audio.tobytes())
    return path


def _correlation(part: Floats, whole: Floats) -> Floats:
    """Normalised, for every place of `part` in `whole`."""
    size = 1 << (len(whole) + len(part) - 1).bit_length()
    # In single precision: these transforms are most of what the suite computes.
    spectra = [np.fft.rfft(one.astype(np.float32), size) for one in (whole, part)]
    product = np.fft.irfft(spectra[0] * np.conj(spectra[1]), size)
    places = len(whole) - len(part) + 1
    sums = np.concatenate([[0.0], np.cumsum(whole**2)])
    energy: Any = np.sqrt(np.maximum(sums[len(part) :] - sums[: -len(part)], 1.0))
    likeness: Floats = product[:places] / (energy * (np.linalg.norm(part) or 1.0))
    return likeness
