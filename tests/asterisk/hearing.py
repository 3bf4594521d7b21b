"""What somebody heard on the telephone, compared with what should have been said; shares no code with the product.

A prompt was heard when it lies in the audio as a whole, every 300 ms of its speech in its place; a packet may be
lost among them, as on any busy machine. That refuses another prompt with the same words at its end, and one of
which 300 ms are missing anywhere.
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
THIRD = 800
DRIFT = 480  # samples that a window may lie off its place behind the one before: a packet lost or played late
LATE = 8000  # samples that the end of a long prompt may come late by all packets that did
FRAME = 160  # samples: a last packet that is not full may not be sent
BLOCK = 16384  # samples searched at once
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
    """Where the prompt was first heard from its beginning to its end; None if it was not."""
    return Search(prompt).look(heard, complete=True)


class Search:
    """One prompt in what somebody hears, while it comes.

    What came is searched once, for the loudest 300 ms of the prompt; all of it is compared only where these are.
    """

    def __init__(self, prompt: Samples, start: int = 0) -> None:
        """`start`: samples of what is heard that do not count."""
        self._speech = speech_of(prompt).astype(np.float64)
        last = max(0, len(self._speech) - WINDOW)
        starts = sorted({*range(0, max(1, last), STEP), last})
        loudness = {one: _rms(self._speech[one : one + WINDOW]) for one in starts}
        bound = QUIET * _rms(self._speech)
        self._windows = [one for one in starts if loudness[one] >= bound]
        self._key = max(starts, key=loudness.__getitem__)
        self._start = self._searched = start
        self._places: list[int] = []  # where the prompt may begin, by its loudest part

    def look(self, heard: Samples, *, complete: bool = False) -> Found | None:
        """`heard` is longer at each look. `complete`: it stays as it is."""
        key = self._speech[self._key : self._key + WINDOW]
        while (end := min(len(heard), self._searched + BLOCK)) - self._searched >= len(key):
            alike = _correlation(key, heard[self._searched : end].astype(np.float64))
            places = self._searched - self._key + np.flatnonzero(alike >= ALIKE)
            self._places += places[places >= self._start - DRIFT].tolist()
            self._searched = end - len(key) + 1
        while self._places and (complete or self._places[0] + len(self._speech) <= len(heard) + FRAME):
            first = self._places[0]
            found = self._compare(heard, first)
            if found is None and not complete and first + LATE + len(self._speech) > len(heard):
                return None  # its end may be on its way
            self._places = [place for place in self._places if place > first + DRIFT]
            if found is not None:
                return found
        return None

    def _compare(self, heard: Samples, first: int) -> Found | None:
        """The prompt whose loudest part is that of one that begins at `first`; from there on both ways to its ends.

        Each part is looked for where the one before it leads to: packets that come late add up in a long prompt.
        """
        loudest = self._windows.index(self._key)
        worst, ends = 1.0, []
        for way in (self._windows[loudest::-1], self._windows[loudest:]):
            off = 0
            for start in way:
                likeness, moved = self._likeness(heard, first + off, start, WINDOW)
                if likeness >= ALIKE:
                    off += moved
                else:
                    # Two thirds of it, if a packet was lost in the other.
                    thirds = [
                        self._likeness(heard, first + off, start + n * THIRD, THIRD)[0] for n in range(3)
                    ]
                    if sorted(thirds)[1] < ALIKE:
                        return None
                worst = min(worst, max(likeness, ALIKE))
            ends.append(first + off)
        begin = max(self._start, ends[0])
        return Found(begin, max(begin, ends[1]) + len(self._speech), worst)

    def _likeness(self, heard: Samples, first: int, start: int, length: int) -> tuple[float, int]:
        """Of a part of the prompt and what lies at its place, give or take DRIFT; and how far beside its place."""
        part = self._speech[start : start + length]
        if len(part) == 0:
            return 1.0, 0
        begin = first + start - DRIFT
        around = np.zeros(len(part) + 2 * DRIFT)
        there = heard[max(self._start, begin) : max(0, begin + len(around))]
        from_there = max(self._start, begin) - begin
        around[from_there : from_there + len(there)] = there
        alike = _correlation(part, around)
        best = int(np.argmax(alike))
        return float(alike[best]), best - DRIFT


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


def _rms(audio: Floats) -> float:
    return float(np.sqrt(np.mean(audio**2)))


def _correlation(part: Floats, whole: Floats) -> Floats:
    """Normalised, for every place of `part` in `whole`."""
    size = 1 << (len(whole) - 1).bit_length()  # it wraps around only behind the last place
    # In single precision: these transforms are most of what the suite computes.
    spectra = [np.fft.rfft(one.astype(np.float32), size) for one in (whole, part)]
    product = np.fft.irfft(spectra[0] * np.conj(spectra[1]), size)
    places = len(whole) - len(part) + 1
    sums = np.concatenate([[0.0], np.cumsum(whole**2)])
    energy: Any = np.sqrt(np.maximum(sums[len(part) :] - sums[: -len(part)], 1.0))
    likeness: Floats = product[:places] / (energy * (np.linalg.norm(part) or 1.0))
    return likeness
