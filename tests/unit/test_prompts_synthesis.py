"""The sound itself: rates, level, silence, and that it is speech and not noise."""

import numpy as np
import numpy.typing as npt
import pytest

from ivr.errors import SynthesisError
from ivr.prompts import dsp
from ivr.prompts.audio import Audio
from ivr.prompts.synthesis import synthesise

# pyopenjtalk-plus calls an old name of SudachiPy's.
pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")

LONG = (
    "ただいま電話が大変混み合っており、おつなぎすることができません。"
    "恐れ入りますが、発信音の後に、お名前、お電話番号、ご用件を具体的にお話しください。"
)
TEXTS = ["はい。", "すみません", "本日の受付は終了いたしました。", LONG]

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def spoken() -> dict[str, Audio]:
    return {text: synthesise(text, None) for text in TEXTS}


def both(audio: Audio) -> list[tuple[Floats, int]]:
    """Samples (full scale 1.0) and rate, narrow then wide."""
    pairs = [(audio.narrow, 8000), (audio.wide, 16000)]
    return [(np.frombuffer(pcm, "<i2").astype(np.float64) / 32768, rate) for pcm, rate in pairs]


def decibels(ratio: float) -> float:
    return float(20 * np.log10(ratio))


def levels(samples: Floats, rate: int) -> Floats:
    """RMS of each 10 ms."""
    size = rate // 100
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    return np.asarray(np.sqrt(np.mean(frames**2, axis=1)))


@pytest.mark.parametrize("text", TEXTS)
def test_level_is_that_of_a_telephone_and_never_clips(spoken: dict[str, Audio], text: str) -> None:
    for samples, rate in both(spoken[text]):
        loud = levels(samples, rate)
        speech = loud[loud > loud.max() * 10 ** (-30 / 20)]
        assert decibels(np.sqrt(np.mean(speech**2))) == pytest.approx(-18, abs=1)
        assert decibels(np.abs(samples).max()) < -1
        # A wrapped or clipped wave jumps by a large part of full scale from one sample to the next, or stands still.
        assert np.abs(np.diff(samples)).max() < 1.0
        assert np.count_nonzero(np.abs(samples) == np.abs(samples).max()) < 3


def test_a_voice_louder_than_full_scale_is_scaled_down() -> None:
    """The synthesiser gave peaks of 44,486 of 32,768: a tone at 1.36 full scale must come out as a tone."""
    t = np.arange(48000) / 48000
    pcm = np.frombuffer(dsp.telephone(1.36 * np.sin(2 * np.pi * 440 * t)).narrow, "<i2").astype(float)
    middle = pcm[2000:6000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) == 440 * len(middle) // 8000
    assert spectrum[: 400 * len(middle) // 8000].max() < spectrum.max() / 1000
    assert spectrum[480 * len(middle) // 8000 :].max() < spectrum.max() / 1000


def test_both_rates_are_one_sound(spoken: dict[str, Audio]) -> None:
    (narrow, _), (wide, _) = both(spoken[LONG])
    assert abs(len(narrow) * 2 - len(wide)) <= 1
    halved = wide[::2][: len(narrow)]
    assert np.corrcoef(narrow, halved)[0, 1] > 0.9
    assert spoken[LONG].seconds == pytest.approx(len(wide) / 16000, abs=0.001)


@pytest.mark.parametrize("text", TEXTS)
def test_silence_is_short_before_and_about_200_ms_after(spoken: dict[str, Audio], text: str) -> None:
    # Judged at 16 kHz: すみません starts with an s that 8 kHz does not carry.
    samples, rate = both(spoken[text])[1]
    loud = levels(samples, rate)
    heard = np.flatnonzero(loud > loud.max() * 10 ** (-50 / 20))
    assert heard[0] * 0.01 <= 0.06  # 50 ms, and one frame of the measure
    assert 0.15 <= len(samples) / rate - (heard[-1] + 1) * 0.01 <= 0.25


def test_it_is_speech(spoken: dict[str, Audio]) -> None:
    samples, rate = both(spoken[LONG])[0]
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    band = [power[(frequency >= low) & (frequency < high)].sum() for low, high in ((150, 1000), (1000, 3400))]
    assert sum(band) > 0.95 * power.sum()  # within what a telephone carries
    assert band[1] > 0.02 * power.sum()  # formants and consonants, not a hum
    # Syllables: the loudness moves 2 to 10 times a second, with real gaps at the commas.
    loud = levels(samples, rate)
    rhythm = np.abs(np.fft.rfft(loud - loud.mean())) ** 2
    beats = np.fft.rfftfreq(len(loud), 0.01)
    assert rhythm[(beats > 1) & (beats < 10)].sum() > 3 * rhythm[beats > 10].sum()
    assert np.mean(loud < loud.max() / 100) > 0.1
    # 60-odd morae and five pauses: about seven morae a second.
    assert 9 < len(samples) / rate < 16


def test_what_lies_above_the_new_half_rate_does_not_fold_back() -> None:
    t = np.arange(48000) / 48000
    for factor, half_rate in ((3, 8000), (6, 4000)):
        kept, gone = np.sin(2 * np.pi * 1000 * t), np.sin(2 * np.pi * (half_rate + 300) * t)
        for tone, low, high in ((kept, -0.1, 0.1), (gone, -200, -55)):
            wide = dsp.decimate(tone, 3)
            out = wide if factor == 3 else dsp.decimate(wide, 2)
            middle = out[500:-500]
            assert low < decibels(np.sqrt(2 * np.mean(middle**2)) + 1e-12) < high


@pytest.mark.parametrize("text", ["", "。。。", "☎", "  \n", "、"])
def test_nothing_to_say(text: str) -> None:
    with pytest.raises(SynthesisError, match="without anything that can be read aloud"):
        synthesise(text, None)


def test_too_long() -> None:
    with pytest.raises(SynthesisError, match="1001 characters"):
        synthesise("あ" * 1001, None)


def test_readings_reach_the_voice() -> None:
    plain, read = synthesise("ecforce", None), synthesise("ecforce", {"ecforce": "イーシーフォース"})
    assert read == synthesise("イーシーフォース", None)
    assert read.seconds < plain.seconds  # spelled out letter by letter otherwise
