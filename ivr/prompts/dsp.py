"""Sound as numbers: other rates, telephone level, silence cut away. Samples are float64, full scale is 1.0."""

import numpy as np
import numpy.typing as npt

from ivr.prompts.audio import NARROW, WIDE, Audio

Samples = npt.NDArray[np.float64]

SPEECH_RMS = 10 ** (-18 / 20)  # of the parts that are speech
PEAK = 10 ** (-1.2 / 20)  # below -1 dBFS with room for rounding
LEADING, TRAILING = 0.05, 0.2  # seconds of silence left around speech
_FRAME = 0.005  # seconds


def telephone(samples: Samples) -> Audio:
    """Speech at 48 kHz -> both telephone rates: low-pass and decimate, trim, level each rate by itself."""
    wide = trim(decimate(samples, 3), WIDE)
    return Audio(narrow=to_pcm(levelled(decimate(wide, 2), NARROW)), wide=to_pcm(levelled(wide, WIDE)))


def decimate(samples: Samples, factor: int) -> Samples:
    """Every `factor`th sample after a low-pass, so that nothing above the new half rate folds back."""
    return np.convolve(samples, _low_pass(factor), "same")[::factor]


def interpolate(samples: Samples, factor: int) -> Samples:
    """`factor` times as many samples; the images above the old half rate are filtered away."""
    spread = np.zeros(len(samples) * factor)
    spread[::factor] = samples
    return np.convolve(spread, _low_pass(factor) * factor, "same")


def resample(samples: Samples, rate: int, to: int) -> Samples:
    """Any rate to any other by way of the spectrum, without what lies above 0.92 of the slower half rate."""
    padded = np.concatenate([samples, np.zeros(rate // 10)])  # else the end would ring into the beginning
    spectrum = np.fft.rfft(padded)
    length = round(len(padded) * to / rate)
    hertz = np.fft.rfftfreq(len(padded), 1 / rate)
    half = min(rate, to) / 2
    spectrum *= np.clip((half - hertz) / (0.08 * half), 0.0, 1.0)
    made = np.fft.irfft(spectrum[: length // 2 + 1], length) * (length / len(padded))
    return np.asarray(made[: round(len(samples) * to / rate)], dtype=np.float64)


def _low_pass(factor: int) -> Samples:
    """Kaiser-windowed sinc, linear phase: passes to 0.85 of the slower half rate, -70 dB from 1.0 of it."""
    half = 30 * factor
    n = np.arange(-half, half + 1)
    cutoff = 0.925 / factor  # of the faster half rate
    taps = cutoff * np.sinc(cutoff * n) * np.kaiser(len(n), 7.0)
    return np.asarray(taps / taps.sum(), dtype=np.float64)


def trim(samples: Samples, rate: int) -> Samples:
    """Cut silence to at most LEADING before and TRAILING after the speech.

    The voice's own noise lies 65 dB below its loudest frame, the softest consonant about 45.
    """
    levels = _frame_levels(samples, rate)
    loud = np.flatnonzero(levels > levels.max() * 10 ** (-52 / 20))
    frame = int(rate * _FRAME)
    start = max(0, loud[0] * frame - int(rate * (LEADING - _FRAME)))
    end = (loud[-1] + 1) * frame + int(rate * TRAILING)
    missing = max(0, end - len(samples))
    return np.concatenate([samples[start:end], np.zeros(missing)])


def levelled(samples: Samples, rate: int) -> Samples:
    """Speech at SPEECH_RMS; less where a peak would pass PEAK. Never limited or wrapped: only scaled."""
    levels = _frame_levels(samples, rate)
    speech = levels[levels > levels.max() * 10 ** (-30 / 20)]
    gain = SPEECH_RMS / np.sqrt(np.mean(speech**2))
    return np.asarray(samples * min(gain, PEAK / np.abs(samples).max()), dtype=np.float64)


def to_pcm(samples: Samples) -> bytes:
    return np.round(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()


def _frame_levels(samples: Samples, rate: int) -> Samples:
    """RMS of each whole frame."""
    frame = int(rate * _FRAME)
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return np.asarray(np.sqrt(np.mean(whole**2, axis=1)), dtype=np.float64)
