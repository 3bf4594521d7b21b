"""The sounds we compute ourselves."""

import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.prompts.tones import make_builtin

Samples = np.ndarray


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Samples, int]]:
    folder = tmp_path_factory.mktemp("sounds")
    make_builtin(folder)
    return {str(p.relative_to(folder)): read(p) for p in folder.rglob("*") if p.is_file()}


def read(path: Path) -> tuple[Samples, int]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768, file.getframerate()


def test_every_sound_at_both_rates(sounds: dict[str, tuple[Samples, int]]) -> None:
    assert {name: rate for name, (_, rate) in sounds.items()} == {
        "beep.wav": 8000,
        "beep.wav16": 16000,
        "silence.wav": 8000,
        "silence.wav16": 16000,
        "moh/hold.wav": 8000,
        "moh/hold.wav16": 16000,
    }


@pytest.mark.parametrize("kind", ["wav", "wav16"])
def test_beep_is_one_kilohertz_for_400_ms(sounds: dict[str, tuple[Samples, int]], kind: str) -> None:
    samples, rate = sounds[f"beep.{kind}"]
    assert len(samples) / rate == pytest.approx(0.4)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * rate / len(samples) == pytest.approx(1000, abs=3)
    assert 20 * np.log10(np.abs(samples).max()) == pytest.approx(-12, abs=0.5)
    assert abs(samples[0]) < 0.01 and abs(samples[-1]) < 0.01  # no click


@pytest.mark.parametrize("kind", ["wav", "wav16"])
def test_silence_is_silent(sounds: dict[str, tuple[Samples, int]], kind: str) -> None:
    samples, rate = sounds[f"silence.{kind}"]
    assert len(samples) == rate
    assert not samples.any()


@pytest.mark.parametrize("kind", ["wav", "wav16"])
def test_music_is_soft_fits_a_telephone_and_has_no_seam(
    sounds: dict[str, tuple[Samples, int]], kind: str
) -> None:
    samples, rate = sounds[f"moh/hold.{kind}"]
    assert 20 <= len(samples) / rate <= 30
    assert 20 * np.log10(samples.std()) == pytest.approx(-26, abs=0.5)  # 8 dB under speech
    assert np.abs(samples).max() < 0.5
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    assert power[(frequency > 150) & (frequency < 3400)].sum() > 0.99 * power.sum()
    # Never a hole in which a caller thinks that the line is dead, never a shout.
    seconds = 20 * np.log10(samples.reshape(-1, rate).std(axis=1))
    assert seconds.max() - seconds.min() < 6
    # Around the seam the wave bends no harder than elsewhere.
    twice = np.concatenate([samples, samples])
    bend = np.abs(np.diff(twice, n=2))
    seam = bend[len(samples) - 10 : len(samples) + 10]
    assert seam.max() <= np.abs(np.diff(samples, n=2)).max()
    # And it is not one chord all along.
    half = len(samples) // 2
    first, second = (np.abs(np.fft.rfft(part)) for part in (samples[:half], samples[half:]))
    assert np.corrcoef(first, second)[0, 1] < 0.95
