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
_TONAL = 0.97  # of the frames that are heard
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
_STRETCH = 25  # windows, 1 s
_NOTES = 0.90  # of the energy of each second that its notes hold
_LEAST_MUSIC = 6.0  # seconds


def tones(samples: bytes, heard: NDArray[np.bool_]) -> Literal["tone", "fax"] | None:
    """None unless all that is `heard` (frames of 20 ms) is tones, or what fax machines send."""
    power = _spectra(_floats(samples), _WINDOW, _BINS, HOP)
    heard = heard[: len(power)]
    power = power[: len(heard)][heard]
    if not len(power):
        return None
    total = power.sum(axis=1) + 1e-12
    band = _bins(_V21)
    if np.mean(power[:, band].sum(axis=1) > _MODEM * total) >= _TONAL and len(power) * HOP > RATE / 4:
        return "fax"
    first, rest = _strongest(power)
    second, _ = _strongest(rest)
    two = _of(power, first, _LOBE) + _of(rest, second, _LOBE)
    pure = two > _PURE * total
    if np.mean(pure) < _TONAL:
        return None
    alone = _of(power, first, _LOBE) > _PURE * total
    found = np.concatenate([_exact(power, first)[pure], _exact(rest, second)[pure & ~alone]])
    groups = _groups(found)
    if groups is None:
        return None
    if all(any(low <= one <= high for low, high in _FAX) for one in groups):
        return "fax"
    return "tone"


def is_music(samples: bytes) -> bool:
    """Whether every second of it is held notes, and it is long enough to tell."""
    sound = _floats(samples)
    power = _spectra(sound, _LONG, _LONG, _LONG_HOP)
    if len(power) * _LONG_HOP < _LEAST_MUSIC * RATE:
        return False
    levels = 10 * np.log10(power.sum(axis=1) + 1e-12)
    loud = levels > np.percentile(levels, 95) - 30
    if loud.sum() * _LONG_HOP < _LEAST_MUSIC * RATE:
        return False
    held = _held(power)
    total = power.sum(axis=1) * loud
    window = np.ones(_STRETCH)
    energy = np.convolve(total, window, "valid")
    notes = np.convolve(held * loud, window, "valid")
    enough = np.convolve(loud, window, "valid") >= _STRETCH / 4
    return bool(np.all(notes[enough] > _NOTES * energy[enough]))


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


def _groups(frequencies: Floats) -> list[float] | None:
    """The tones that these are; None if they are too many, or glide."""
    ordered = np.sort(frequencies)
    parts = np.split(ordered, np.flatnonzero(np.diff(ordered) > _SAME) + 1)
    if len(parts) > _MOST_TONES:
        return None
    middles = [float(np.median(part)) for part in parts]
    near = [np.abs(part - middle) <= _SAME for part, middle in zip(parts, middles, strict=True)]
    return middles if np.mean(np.concatenate(near)) >= _TONAL else None


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
