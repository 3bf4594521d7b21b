"""Speech is judged by energy: what is said is heard, what is proven non-speech makes no callback."""

import numpy as np
import pytest

from ivr.messages.speech import judge_samples
from tests import sounds
from tests.sounds import RATE, Floats, at_level, silence, telephoned, tone
from tests.speech import speak

_chance = np.random.default_rng(20261124)


def noise(seconds: float, dbfs: float) -> Floats:
    return sounds.noise(seconds, dbfs, _chance)


def over(background: float, *parts: Floats) -> Floats:
    """The parts one after the other, over noise of `background` dBFS."""
    joined = np.concatenate(parts)
    return joined + at_level(_chance.standard_normal(len(joined)), background)


@pytest.mark.parametrize("text", ["はい", "もしもし", "ログインできません。折り返しお電話ください。"])
@pytest.mark.parametrize("level", [-20, -30, -45])
@pytest.mark.parametrize("distance", [10, 20, 40])
def test_what_is_said_is_heard(text: str, level: float, distance: float) -> None:
    """Down to -45 dBFS, and 10 dB above the noise."""
    spoken = at_level(speak(text), level)
    assert judge_samples(telephoned(over(level - distance, silence(1), spoken, silence(2)))).kind == "speech"
    assert judge_samples(telephoned(spoken)).kind == "speech", "nothing around it"


def test_a_short_word_in_three_minutes_of_noise_is_heard() -> None:
    found = judge_samples(telephoned(over(-60, silence(120), at_level(speak("はい"), -30), silence(59))))
    assert found.kind == "speech"
    assert 0.1 < found.seconds_of_energy < 1.0


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(silence(10), id="digital silence"),
        pytest.param(noise(30, -75), id="quantised silence"),
        pytest.param(noise(30, -60), id="comfort noise"),
        pytest.param(noise(170, -50), id="three minutes of noise"),
        pytest.param(noise(20, -25), id="loud noise"),
        pytest.param(tone(10, -15, 400), id="dial tone"),
        pytest.param(over(-55, *[tone(0.5, -15, 400), silence(0.5)] * 8), id="busy tone"),
        pytest.param(over(-60, silence(2), tone(0.12, -12, 941, 1477), silence(1)), id="key #"),
        pytest.param(over(-60, *[tone(0.1, -12, 697, 1209), silence(0.1)] * 4), id="four keys"),
        pytest.param(over(-60, tone(1.0, -12, 852, 1336), silence(1)), id="a long key"),
        pytest.param(over(-60, silence(1), tone(0.03, -6, 300), silence(1)), id="click"),
        pytest.param(silence(0), id="nothing"),
        pytest.param(silence(0.005), id="less than a frame"),
    ],
)
def test_non_speech_is_proven(sound: Floats) -> None:
    assert judge_samples(telephoned(sound)).kind != "speech"


@pytest.mark.parametrize(
    ("kind", "sound"),
    [
        *(pytest.param("tone", sound, id=name) for name, sound in sounds.network_tones().items()),
        *(pytest.param("fax", sound, id=name) for name, sound in sounds.faxes().items()),
        pytest.param("music", sounds.held_music(), id="music on hold"),
    ],
)
def test_machines_are_told_apart(kind: str, sound: Floats) -> None:
    assert judge_samples(telephoned(sound)).kind == kind


def test_speech_over_a_steady_hum_is_heard() -> None:
    spoken = at_level(speak("もしもし、田中です"), -25)
    hum = tone(len(spoken) / RATE + 2, -38, 100)
    both = np.concatenate([silence(1), spoken, silence(1.1)])[: len(hum)] + hum
    assert judge_samples(telephoned(both)).kind == "speech"


def test_an_offset_of_the_line_is_no_sound() -> None:
    assert judge_samples((np.zeros(RATE * 3, np.int16) + 900).tobytes()).kind != "speech"


def test_doubt_counts_as_speech() -> None:
    cough = noise(0.3, -20) * np.hanning(int(RATE * 0.3))
    assert judge_samples(telephoned(over(-60, silence(1), cough, silence(2)))).kind == "speech"


def test_level_and_length_are_measured() -> None:
    found = judge_samples(telephoned(np.concatenate([silence(1), tone(2, -20, 400), silence(1)])))
    assert found.level == pytest.approx(-20, abs=0.5)
    assert found.seconds_of_energy == pytest.approx(2.0, abs=0.05)
