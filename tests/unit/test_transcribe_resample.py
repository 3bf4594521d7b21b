"""A tone keeps its pitch, its strength and its place; nothing is added above it or folded below it."""

import numpy as np
import pytest

from transcribe.resample import Resampler


def tone(rate: int, hertz: float, seconds: float = 2.0) -> np.ndarray:
    return (10000 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def resampled(samples: np.ndarray, source: int, target: int, step: int) -> np.ndarray:
    resampler, data = Resampler(source, target), samples.tobytes()
    out = [resampler.feed(data[i : i + 2 * step]) for i in range(0, len(data), 2 * step)]
    return np.frombuffer(b"".join([*out, resampler.rest()]), np.int16)


@pytest.mark.parametrize(
    ("source", "target", "hertz"),
    [(8000, 16000, 3000), (16000, 8000, 3000), (44100, 8000, 1000), (44100, 16000, 5000), (48000, 8000, 440)],
)
def test_a_tone_stays_as_it_is(source: int, target: int, hertz: int) -> None:
    got = resampled(tone(source, hertz), source, target, step=source // 2)
    want = tone(target, hertz)
    assert len(got) == len(want)
    middle = slice(300, -300)
    assert np.abs(got[middle].astype(int) - want[middle]).max() <= 4


@pytest.mark.parametrize(("source", "target", "hertz"), [(44100, 8000, 5000), (48000, 16000, 9000)])
def test_what_the_new_rate_cannot_hold_does_not_come_back_as_another_tone(
    source: int, target: int, hertz: int
) -> None:
    got = resampled(tone(source, hertz), source, target, step=source // 2)
    assert np.abs(got[300:-300]).max() <= 10


@pytest.mark.parametrize("step", [1, 7, 441, 30000])
def test_the_size_of_the_pieces_changes_nothing(step: int) -> None:
    samples = tone(11025, 700, seconds=0.5)
    assert np.array_equal(
        resampled(samples, 11025, 8000, step), resampled(samples, 11025, 8000, len(samples))
    )
