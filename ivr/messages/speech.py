"""Did the caller say anything? Judged by energy alone; the recogniser is never asked.

Speech is loud against the noise around it AND its loudness moves, syllable by syllable. Silence, steady
noise and steady tones (keys, dial and busy tone) lack one of the two and are proven non-speech. Whatever
is in doubt (a cough, music, a ringing tone that flutters) counts as speech: a callback too many is better
than a caller forgotten.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ivr.messages import wav

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop  # audioop-lts from Python 3.13

_FRAME = 0.02  # seconds; whole periods of 50 and 400 Hz
_QUIET = -60.0  # dBFS; below it nothing is heard on a telephone
_ABOVE = 4.0  # dB over the noise floor; steady noise stays within 3
_EDGE = 1  # frames at the start and end of a sound: a tone is switched on and off within them
_FLAT = 2.5  # dB between the loudest and the quietest frame of a steady sound
_SHORTEST = 3  # frames within the edges; a shorter sound is a click
_SILENCE = -90.0  # dBFS, of digital silence


@dataclass(frozen=True, slots=True)
class Speech:
    """`seconds_of_energy` above the noise; `level` in dBFS (RMS), which 95 % of the recording does not exceed."""

    proven_silent: bool
    seconds_of_energy: float
    level: float


def judge(path: Path) -> Speech:
    """No file, no audio: proven silent. Blocks (4 ms for three minutes); raises OSError."""
    return judge_samples(wav.samples(path))


def judge_samples(samples: bytes) -> Speech:
    """16 bits, mono, 8 kHz."""
    levels = _levels(samples)
    if not levels:
        return Speech(True, 0.0, _SILENCE)
    ordered = sorted(levels)
    floor, level = ordered[len(ordered) // 10], ordered[len(ordered) * 95 // 100]
    bar = max(floor + _ABOVE, _QUIET)
    active = [one > bar for one in levels]
    spoken = any(_may_be_speech(sound) for sound in _sounds(levels, active))
    return Speech(not spoken, round(sum(active) * _FRAME, 2), round(level, 1))


def _levels(samples: bytes) -> list[float]:
    """dBFS of each frame."""
    centred = audioop.bias(samples, 2, -audioop.avg(samples, 2)) if samples else b""
    width = 2 * int(wav.RATE * _FRAME)
    levels = []
    for at in range(0, len(centred) - width + 1, width):
        rms = audioop.rms(centred[at : at + width], 2)
        levels.append(20 * math.log10(rms / 32768) if rms else _SILENCE)
    return levels


def _sounds(levels: Sequence[float], active: Sequence[bool]) -> Iterator[Sequence[float]]:
    """The levels of each stretch of active frames, without its edges."""
    quiet = [-1, *(i for i, one in enumerate(active) if not one), len(active)]
    for before, after in pairwise(quiet):
        yield levels[before + 1 + _EDGE : max(0, after - _EDGE)]


def _may_be_speech(sound: Sequence[float]) -> bool:
    return len(sound) >= _SHORTEST and max(sound) - min(sound) > _FLAT
