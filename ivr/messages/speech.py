"""Did the caller say anything? Judged by energy and spectrum; the recogniser is never asked.

Speech is loud against the noise around it AND its loudness moves, syllable by syllable. Silence, steady
noise and steady tones (keys, dial and busy tone) lack one of the two and are proven non-speech; so are tones that
flutter, fax machines and music, by their spectrum (`kinds.py`). Whatever is in doubt (a cough, music with a singer, a
voice over a tone) counts as speech: a callback too many is better than a caller forgotten.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.messages import kinds, wav
from ivr.messages.kinds import Kind

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop  # audioop-lts from Python 3.13

_FRAME = 0.02  # seconds; whole periods of 50 and 400 Hz
_QUIET = -60.0  # dBFS; below it nothing is heard on a telephone
_ABOVE = 4.0  # dB over the noise floor; steady noise stays within 3
_EDGE = 1  # frames at the start and end of a sound: a tone is switched on and off within them
_FLAT = 2.5  # dB between the loudest and the quietest frame of a steady sound
_SHORTEST = 3  # frames within the edges; a shorter sound is a click
_TOP = 12.0  # dB
_SILENCE = -90.0  # dBFS, of digital silence


@dataclass(frozen=True, slots=True)
class Speech:
    """`seconds_of_energy` above the noise; `level` in dBFS (RMS), which 95 % of the recording does not exceed."""

    kind: Kind
    seconds_of_energy: float
    level: float

    @property
    def proven_silent(self) -> bool:
        return self.kind != "speech"


def judge(path: Path) -> Speech:
    """No file, no audio: proven silent. Blocks; raises OSError."""
    return judge_samples(wav.samples(path))


def judge_samples(samples: bytes) -> Speech:
    """16 bits, mono, 8 kHz."""
    levels = _levels(samples)
    if not levels:
        return Speech("silent", 0.0, _SILENCE)
    ordered = sorted(levels)
    floor, level = ordered[len(ordered) // 10], ordered[len(ordered) * 95 // 100]
    bar = max(floor + _ABOVE, _QUIET)
    active = [one > bar for one in levels]
    spoken = any(_may_be_speech(sound) for sound in _sounds(levels, active))
    kind = _kind(samples, levels, active, level, spoken)
    return Speech(kind, round(sum(active) * _FRAME, 2), round(level, 1))


def _kind(
    samples: bytes, levels: Sequence[float], active: Sequence[bool], level: float, spoken: bool
) -> Kind:
    """`spoken`: by its energy it may be speech."""
    if (level <= _QUIET and not spoken) or len(levels) * _FRAME > kinds.LONGEST:
        return "speech" if spoken else "silent"
    # A tone all the time is its own floor: what is nearly as loud as it gets is heard then.
    heard = np.array(active) if spoken else np.array(levels) > max(level - _TOP, _QUIET)
    tone = kinds.tones(samples, _inner(heard))
    if tone is not None:
        return tone
    if spoken:
        return "music" if kinds.is_music(samples) else "speech"
    return "silent"


def _inner(heard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the edges of each sound, where it is switched on and off. A window of the spectrum reaches into the next frame."""
    before, after = np.roll(heard, 1), np.roll(heard, -1) & np.roll(heard, -2)
    before[:1], after[-2:] = False, False
    return np.asarray(heard & before & after)


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
