"""Did the caller say anything? Judged by energy and spectrum; the recogniser is never asked.

Speech is loud against the noise around it AND its loudness moves, syllable by syllable. Silence, steady
noise and steady tones (keys, dial and busy tone) lack one of the two and are proven non-speech; so are tones that
flutter, fax machines and music, by their spectrum (`kinds.py`). Whatever is in doubt (a cough, music with a singer, a
voice over a tone) counts as speech: a callback too many is better than a caller forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.messages import kinds, wav
from ivr.messages.kinds import Floats, Kind

_FRAME = 0.02  # seconds; whole periods of 50 and 400 Hz
_QUIET = -60.0  # dBFS; below it nothing is heard on a telephone
_ABOVE = 4.0  # dB over the noise floor; steady noise stays within 3
_EDGE = 1  # frames at the start and end of a sound: a tone is switched on and off within them
_FLAT = 2.5  # dB between the loudest and the quietest frame of a steady sound
_SHORTEST = 3  # frames within the edges; a shorter sound is a click
_LONGEST_SHOUT, _SHOUT = 75, 20.0  # frames; dB over the noise
_TOP = 12.0  # dB
_AROUND, _RARE = 100, 5  # frames whose noise is one, and the per cent of them that are no louder than it
_BLOCK = 60 * wav.RATE  # samples
_SILENCE = -90.0  # dBFS, of digital silence


@dataclass(frozen=True, slots=True)
class Speech:
    """`seconds_of_energy` above the noise; `level` in dBFS (RMS), which 95 % of the recording does not exceed."""

    kind: Kind
    seconds_of_energy: float
    level: float


def judge(path: Path) -> Speech:
    """No file, no audio: `silent`. Blocks; raises OSError."""
    return judge_samples(wav.samples(path))


def judge_samples(samples: bytes) -> Speech:
    """16 bits, mono, 8 kHz."""
    levels = _levels(samples)
    if not len(levels):
        return Speech("silent", 0.0, _SILENCE)
    active = levels > np.maximum(_floor(levels) + _ABOVE, _QUIET)
    level = float(np.percentile(levels, 95, method="lower"))
    floor = float(np.percentile(levels, _RARE))
    spoken = any(_may_be_speech(sound, floor) for sound in _sounds(levels, active))
    kind = _kind(samples, levels, active, level, spoken)
    return Speech(kind, round(int(active.sum()) * _FRAME, 2), round(level, 1))


def _floor(levels: Floats) -> Floats:
    """The noise around each frame: a dial tone after a short word must not be taken for the noise beneath the word."""
    if len(levels) <= _AROUND:
        return np.full(len(levels), np.percentile(levels, _RARE))
    starts = [*range(0, len(levels) - _AROUND, _AROUND // 4), len(levels) - _AROUND]
    floor = np.full(len(levels), np.inf)
    for start in starts:
        part = slice(start, start + _AROUND)
        floor[part] = np.minimum(floor[part], np.percentile(levels[part], _RARE))
    return floor


def _kind(samples: bytes, levels: Floats, active: NDArray[np.bool_], level: float, spoken: bool) -> Kind:
    """`spoken`: by its energy it may be speech."""
    if (level <= _QUIET and not spoken) or len(levels) * _FRAME > kinds.LONGEST:
        return "speech" if spoken else "silent"
    # A tone all the time is its own floor: what is nearly as loud as it gets is heard then.
    heard = active if spoken else levels > max(level - _TOP, _QUIET)
    tone = kinds.tones(samples, _inner(heard))
    if tone is not None:
        return tone
    if kinds.is_music(samples, moves=spoken):
        return "music"
    return "speech" if spoken else "silent"


def _inner(heard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the edges of each sound, where it is switched on and off. A window of the spectrum reaches into the next frame."""
    before, after = np.roll(heard, 1), np.roll(heard, -1) & np.roll(heard, -2)
    before[:1], after[-2:] = False, False
    return np.asarray(heard & before & after)


def _levels(samples: bytes) -> Floats:
    """dBFS of each frame."""
    width = int(wav.RATE * _FRAME)
    sound = np.frombuffer(samples[: len(samples) // 2 * 2], "<i2")
    if len(sound) < width:
        return np.zeros(0)
    centre = sound.mean(dtype=np.float64)
    levels = []
    for at in range(0, len(sound), _BLOCK):  # three hours are not held in memory eight times over
        block = sound[at : at + _BLOCK].astype(np.float64) - centre
        frames = block[: len(block) // width * width].reshape(-1, width)
        power = np.square(frames / 32768).mean(axis=1)
        levels.append(10 * np.log10(np.maximum(power, 10 ** (_SILENCE / 10))))
    return np.concatenate(levels)


def _sounds(levels: Floats, active: NDArray[np.bool_]) -> Iterator[Floats]:
    """The levels of each stretch of active frames, without its edges."""
    quiet = [-1, *np.flatnonzero(~active).tolist(), len(active)]
    for before, after in pairwise(quiet):
        if after - before > 2 * _EDGE:
            yield levels[before + 1 + _EDGE : after - _EDGE]


def _may_be_speech(sound: Floats, floor: float) -> bool:
    """Its loudness moves; or it is short and far above the noise, as a shout that the line cuts flat."""
    if len(sound) < _SHORTEST:
        return False
    moves = bool(sound.max() - sound.min() > _FLAT)
    return moves or (len(sound) <= _LONGEST_SHOUT and float(np.median(sound)) > floor + _SHOUT)
