"""What a sound is by its spectrum: a tone of the network, a fax, music; in doubt, speech.

Tones keep their frequency; a voice never does. Music holds its notes, and what is heard beside them is far quieter; who
speaks over it, before or after it, is heard at once. All of a recording must be of such a kind.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ivr.messages.wav import RATE

Kind = Literal["speech", "silent", "tone", "music", "fax"]
Floats = NDArray[np.float64]

HOP = 160  # samples; 20 ms, the frame of `speech.py`
LONGEST = 10 * 60  # seconds; a longer recording is taken for speech

# Tones: windows of 32 ms, bins of 15.6 Hz
_WINDOW, _BINS = 256, 512
_HZ = RATE / _BINS
_LOBE = 5  # bins on either side that a tone spreads to
_PURE = 0.92  # of a frame's energy that its one or two tones hold
_SAME = 15.0  # Hz; frames with the same tone differ by less
_MOST_TONES = 8  # a telephone's keys have as many
_KEYS = (697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0)
_NETWORK = 4  # tones of a network together, at most
_TONAL = 0.97  # of the frames that are heard
_OFTEN = 3  # frames that a tone has at least
_WORD = 4  # frames of something else, one after the other, may be a word
_FAXED = 0.9  # of the frames that are heard
_FAX = ((1062.0, 1138.0), (2085.0, 2115.0))  # CNG, CED (T.30)
_V21 = (1550.0, 1950.0)  # its channel 2
_MODEM = 0.9  # of the energy of a frame, in that band

# Music: windows of 64 ms, every 40 ms
_LONG, _LONG_HOP = 512, 320
_LONG_HZ = RATE / _LONG
_PEAKS = 12  # of a frame, the strongest
_DEEP = 30.0  # dB under the strongest
_HELD = 4  # windows, 160 ms, that a note lasts at least
_DRIFT = 0.006  # of its frequency that it may differ by, from one window to the next
_LEAST_HZ = 2.5  # and at least that
# Windows -> of their energy, what its notes hold at least: of each second, and of each syllable
_NOTES = {25: 0.93, 5: 0.90}
_PERHAPS = 0.5  # of each second, where nothing moves as a voice does
_LEAST_MUSIC = 6.0  # seconds
_BEGINNING = 250  # windows, 10 s


def tones(samples: bytes, heard: NDArray[np.bool_]) -> Literal["tone", "fax", "music"] | None:
    """None unless all that is `heard` (frames of 20 ms) is tones, or what fax machines send; a tune of plain tones is music."""
    power = _spectra(_floats(samples), _WINDOW, _BINS, HOP)
    heard = heard[: len(power)]
    power = power[: len(heard)][heard]
    if not len(power):
        return None
    total = power.sum(axis=1) + 1e-12
    first, rest = _strongest(power)
    second, _ = _strongest(rest)
    one = _of(power, first, _LOBE)
    pure = one + _of(rest, second, _LOBE) > _PURE * total
    alone = one > _PURE * total
    exact = _exact(power, first)
    faxed = power[:, _bins(_V21)].sum(axis=1) > _MODEM * total
    for low, high in _FAX:
        faxed |= alone & (low <= exact) & (exact <= high)
    if np.mean(faxed) >= _FAXED and _longest(~faxed) < _WORD and len(faxed) * HOP > RATE / 4:
        return "fax"
    other = _exact(rest, second)
    middles = _middles(np.concatenate([exact[pure], other[pure & ~alone]]))
    known = pure & _near(exact, middles) & (alone | _near(other, middles))
    if np.mean(known) < _TONAL or _longest(~known) >= _WORD or len(middles) > _MOST_TONES:
        return None
    keys = all(any(abs(one - key) <= _SAME for key in _KEYS) for one in middles)
    return "tone" if keys or len(middles) <= _NETWORK else "music"


def is_music(samples: bytes, *, moves: bool) -> bool:
    """Whether every second of it is held notes, and it is long enough to tell. `moves`: its loudness does, as a voice's."""
    power = _spectra(_floats(samples), _LONG, _LONG, _LONG_HOP)
    levels = 10 * np.log10(power.sum(axis=1) + 1e-12)
    if len(levels) * _LONG_HOP < _LEAST_MUSIC * RATE:
        return False
    loud = levels > np.percentile(levels, 95) - _DEEP
    if loud.sum() * _LONG_HOP < _LEAST_MUSIC * RATE:
        return False
    shares = _NOTES if moves else {25: _PERHAPS}
    # Speech shows within the beginning; the rest is looked at only of what may be music.
    for end in (min(_BEGINNING, len(power)), len(power)):
        heard = loud[:end]
        notes = _held(power[: end + _HELD])[:end] * heard
        total = power[:end].sum(axis=1) * heard
        if not all(_all_hold(total, notes, heard, windows, share) for windows, share in shares.items()):
            return False
    return True


def _all_hold(total: Floats, notes: Floats, loud: NDArray[np.bool_], windows: int, share: float) -> bool:
    ones = np.ones(windows)
    enough = np.convolve(loud, ones, "valid") >= windows / 4
    return bool(
        np.all((np.convolve(notes, ones, "valid") > share * np.convolve(total, ones, "valid"))[enough])
    )


def _floats(samples: bytes) -> Floats:
    found = np.frombuffer(samples, "<i2").astype(np.float64) / 32768
    return np.asarray(found - found.mean() if len(found) else found)


def _spectra(sound: Floats, window: int, bins: int, hop: int) -> Floats:
    """Power by window and bin; the first window begins with the sound."""
    if len(sound) < window:
        return np.zeros((0, bins // 2 + 1))
    frames = np.lib.stride_tricks.sliding_window_view(sound, window)[::hop]
    found: Floats = np.square(np.abs(np.fft.rfft(frames * np.hanning(window), bins, axis=1)))
    return found


def _bins(band: tuple[float, float]) -> slice:
    return slice(int(band[0] / _HZ), int(band[1] / _HZ) + 1)


def _strongest(power: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The strongest bin of each frame, and what is left without it and its neighbours."""
    peak = power[:, 2:-2].argmax(axis=1) + 2
    rest = power.copy()
    for offset in range(-_LOBE, _LOBE + 1):
        np.put_along_axis(rest, _within(peak + offset, power)[:, None], 0.0, axis=1)
    return peak, rest


def _of(power: Floats, peak: NDArray[np.int64], lobe: int) -> Floats:
    total = np.zeros(len(power))
    for at in range(-lobe, lobe + 1):
        inside = (peak + at >= 0) & (peak + at < power.shape[1])
        total += inside * np.take_along_axis(power, _within(peak + at, power)[:, None], axis=1)[:, 0]
    return total


def _within(bins: NDArray[np.int64], power: Floats) -> NDArray[np.int64]:
    return np.clip(bins, 0, power.shape[1] - 1)


def _exact(power: Floats, peak: NDArray[np.int64], hz: float = _HZ) -> Floats:
    """The frequency of a peak in Hz, from its bin and the neighbours'."""
    logs = np.log(power + 1e-12)
    left, middle, right = (
        np.take_along_axis(logs, _within(peak + at, power)[:, None], axis=1)[:, 0] for at in (-1, 0, 1)
    )
    bend = left - 2 * middle + right
    shift = np.where(np.abs(bend) > 1e-9, (left - right) / (2 * np.where(bend == 0, 1.0, bend)), 0.0)
    return np.asarray((peak + np.clip(shift, -0.5, 0.5)) * hz)


def _middles(frequencies: Floats) -> list[float]:
    """The tones that these are; not what came up a few times only."""
    ordered = np.sort(frequencies)
    parts = np.split(ordered, np.flatnonzero(np.diff(ordered) > _SAME) + 1)
    return [float(np.median(part)) for part in parts if len(part) >= _OFTEN]


def _near(frequencies: Floats, middles: list[float]) -> NDArray[np.bool_]:
    if not middles:
        return np.zeros(len(frequencies), dtype=bool)
    distance = np.abs(frequencies[:, None] - np.array(middles)[None, :])
    return np.asarray(distance.min(axis=1) <= _SAME)


def _longest(odd: NDArray[np.bool_]) -> int:
    """How many one after the other."""
    even = np.flatnonzero(np.concatenate([[True], ~odd, [True]]))
    return int(np.diff(even).max()) - 1


def _held(power: Floats) -> Floats:
    """Of each window, the energy in peaks that keep their frequency over _HELD windows, this one among them."""
    where, exact = _peaks(power)
    stays = np.zeros((len(power), _PEAKS, 2), dtype=np.int64)  # windows that it lasts, back and on
    for step, row in ((1, 0), (-1, 1)):
        order = range(1, len(power)) if step == 1 else range(len(power) - 2, -1, -1)
        for at in order:
            before = at - step
            near = np.abs(exact[at][:, None] - exact[before][None, :])
            near = np.where(where[before][None, :] > 0, near, np.inf)
            best = near.argmin(axis=1)
            same = near[np.arange(_PEAKS), best] <= np.maximum(exact[at] * _DRIFT, _LEAST_HZ)
            stays[at, :, row] = np.where(same, stays[before, best, row] + 1, 0)
    kept = (stays.sum(axis=2) + 1 >= _HELD) & (where > 0)
    mask = np.zeros(power.shape, dtype=bool)
    rows, peaks = np.nonzero(kept)
    for offset in range(-3, 4):
        mask[rows, np.clip(where[rows, peaks] + offset, 0, power.shape[1] - 1)] = True
    return np.asarray((power * mask).sum(axis=1))


def _peaks(power: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Bins (0: none) and exact frequencies of the strongest peaks of each window."""
    inner = power[:, 1:-1]
    top = (inner > power[:, :-2]) & (inner >= power[:, 2:])
    top &= inner > inner.max(axis=1, keepdims=True) * 10 ** (-_DEEP / 10)
    ranked = np.argsort(np.where(top, inner, 0.0), axis=1)[:, ::-1][:, :_PEAKS]
    there = np.take_along_axis(top, ranked, axis=1)
    where = np.where(there, ranked + 1, 0)
    exact = np.stack([_exact(power, where[:, k], _LONG_HZ) for k in range(_PEAKS)], axis=1)
    return where, exact
