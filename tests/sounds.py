"""What voicemails really hold: speech in many voices and troubles, tones of the network, fax machines, music. At 8 kHz."""

import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import pyopenjtalk

from ivr.prompts import music
from tests.speech import Samples, from_mulaw, to_mulaw

RATE = 8000
Floats = npt.NDArray[np.float64]

SAYINGS = (
    "はい",
    "もしもし",
    "あのー",
    "田中です",
    "また電話します",
    "折り返しお願いします",
    "ログインできません。田中です。折り返しお電話ください。",
    "お世話になっております。株式会社サンライズの佐藤と申します。請求書の件でお電話いたしました。",
    "えーと、注文番号が、二三四五六七なんですけど、まだ届いていないんです。",
    "うーん、あー、すみません、間違えました。",
)


def at_level(samples: npt.NDArray[np.generic], dbfs: float) -> Floats:
    """Scaled to this RMS."""
    floats = samples.astype(np.float64)
    return floats / max(float(np.sqrt(np.mean(floats**2))), 1e-9) * 32768 * 10 ** (dbfs / 20)


def silence(seconds: float) -> Floats:
    return np.zeros(int(RATE * seconds))


def noise(seconds: float, dbfs: float, chance: np.random.Generator) -> Floats:
    return at_level(chance.standard_normal(int(RATE * seconds)), dbfs)


def tone(seconds: float, dbfs: float, *frequencies: float) -> Floats:
    time = np.arange(int(RATE * seconds)) / RATE
    return at_level(np.sum([np.sin(2 * np.pi * f * time) for f in frequencies], axis=0), dbfs)


def repeated(sound: Floats, pause: float, times: int) -> Floats:
    return np.concatenate([part for _ in range(times) for part in (sound, silence(pause))])


def mixed(first: Floats, second: Floats) -> Floats:
    """As long as the first; the second goes round."""
    return first + np.resize(second, len(first))


def telephoned(samples: Floats) -> bytes:
    return from_mulaw(to_mulaw(samples.clip(-32768, 32767).astype(np.int16))).tobytes()


# -- speech ---------------------------------------------------------------------------------

MEI = ((0, 1.0), (-6, 1.0), (6, 1.0), (0, 0.7), (0, 1.5), (10, 1.2))  # half tones, pace
ESPEAK = [("ja", pitch, speed) for pitch in (5, 50, 95) for speed in (130, 190)]
ESPEAK += [(f"ja+{variant}", 50, 160) for variant in ("f2", "f5", "m3", "m7", "croak", "whisper")]


@cache
def mei(text: str, half_tones: float, speed: float) -> Samples:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pyopenjtalk asks Sudachi in an old way
        wide, rate = pyopenjtalk.tts(text, speed=speed, half_tone=half_tones)
    return narrowed(wide, rate)


def narrowed(wide: Floats, rate: int) -> Samples:
    length = len(wide) * RATE // rate
    spectrum = np.fft.rfft(wide)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(wide))).clip(-32768, 32767).astype(np.int16)


@cache
def espeak(text: str, voice: str, pitch: int, speed: int) -> Samples:
    """RuntimeError without espeak-ng."""
    if shutil.which("espeak-ng") is None:
        raise RuntimeError("espeak-ng is missing: apt-get install espeak-ng")
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", text]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    return narrowed(np.frombuffer(said[44 : len(said) // 2 * 2], "<i2").astype(np.float64), 22050)


def voices(text: str, *, programs: bool) -> Iterator[Floats]:
    """`programs`: espeak-ng's, too."""
    for half_tones, speed in MEI:
        yield mei(text, half_tones, speed).astype(np.float64)
    for voice in ESPEAK if programs else ():
        yield espeak(text, *voice).astype(np.float64)


def troubles(chance: np.random.Generator) -> dict[str, Callable[[Floats], Floats]]:
    """What may happen to speech on its way."""
    hold = held_music()
    busy = repeated(tone(0.5, -15, 400), 0.5, 30)
    around = lambda said: np.concatenate([silence(1), said, silence(2)])  # noqa: E731

    def over(dbfs: float, background: Callable[[int], Floats]) -> Callable[[Floats], Floats]:
        def spoil(said: Floats) -> Floats:
            whole = around(at_level(said, -22))
            return whole + at_level(background(len(whole)), dbfs)

        return spoil

    def white(length: int) -> Floats:
        return chance.standard_normal(length)

    def played(length: int) -> Floats:
        return np.resize(hold, max(length, RATE * 10))[:length]

    return {
        "clear": lambda said: around(at_level(said, -20)),
        "nothing around it": lambda said: at_level(said, -20),
        "quiet": lambda said: (
            around(at_level(said, -45)) + noise(3 + len(said) / RATE + 1, -65, chance)[: len(said) + 3 * RATE]
        ),
        "noisy": over(-34, white),
        "very noisy": over(-30, white),
        "hum": over(-32, lambda n: tone(n / RATE + 1, -20, 100, 200)[:n]),
        "shout": lambda said: around((at_level(said, -3) * 2).clip(-30000, 30000)),
        "music behind, quiet": over(-34, played),
        "music behind, loud": over(-25, played),
        "long music behind": lambda said: mixed(
            np.concatenate([silence(8), at_level(said, -22), silence(8)]), at_level(hold, -28)
        ),
        "fax tone before": lambda said: np.concatenate(
            [repeated(tone(0.5, -15, 1100), 3, 3), at_level(said, -22), silence(1)]
        ),
        "fax answers over it": over(-30, lambda n: tone(n / RATE + 1, -20, 2100)[:n]),
        "keys before": lambda said: np.concatenate(
            [repeated(tone(0.1, -12, 770, 1336), 0.1, 6), at_level(said, -22)]
        ),
        "hung up after": lambda said: np.concatenate([around(at_level(said, -25)), busy]),
        "dial tone after": lambda said: np.concatenate([at_level(said, -28), tone(40, -14, 400)]),
        "on hold after": lambda said: np.concatenate([at_level(said, -25), at_level(hold, -20)]),
        "on hold before": lambda said: np.concatenate([at_level(hold, -20), at_level(said, -25)]),
    }


def breath(chance: np.random.Generator) -> Floats:
    whole = [noise(0.6, -40, chance) * np.hanning(int(RATE * 0.6)) for _ in range(3)]
    return np.concatenate([part for one in whole for part in (one, silence(0.8))])


# -- tones, faxes ---------------------------------------------------------------------------


def network_tones() -> dict[str, Floats]:
    seconds = np.arange(int(RATE * 1.0)) / RATE
    ringing = tone(1.0, -15, 400) * (1 + 0.85 * np.sin(2 * np.pi * 16 * seconds))
    keys = {"1": (697, 1209), "5": (770, 1336), "9": (852, 1477), "#": (941, 1477)}
    return {
        "dial tone (Japan)": tone(15, -15, 400),
        "busy tone (Japan)": repeated(tone(0.5, -15, 400), 0.5, 10),
        "ringing tone (Japan)": repeated(ringing, 2.0, 5),
        "second dial tone": repeated(tone(0.125, -15, 400), 0.125, 40),
        "howler": tone(10, -6, 400),
        "busy tone (America)": repeated(tone(0.5, -18, 480, 620), 0.5, 10),
        "ringing tone (America)": repeated(tone(2.0, -18, 440, 480), 4.0, 3),
        "special information": np.concatenate([tone(0.33, -15, f) for f in (950, 1400, 1800)]),
        "beep": np.concatenate([silence(1), tone(0.4, -12, 1000), silence(2)]),
        "single tone": tone(8, -20, 1000),
        "test tone": tone(20, -10, 1004),
        **{
            f"key {key}": np.concatenate([silence(1), tone(0.2, -12, *pair), silence(1)])
            for key, pair in keys.items()
        },
        "all keys": np.concatenate([repeated(tone(0.1, -12, *pair), 0.1, 2) for pair in keys.values()]),
    }


def faxes() -> dict[str, Floats]:
    return {
        "CNG": repeated(tone(0.5, -15, 1100), 3.0, 8),
        "CNG once": np.concatenate([silence(2), tone(0.5, -15, 1100), silence(1)]),
        "CNG, weak": repeated(tone(0.5, -30, 1137), 3.0, 8),
        "CED": np.concatenate([silence(1), tone(3.3, -15, 2100), silence(2)]),
        "CED, turned": np.concatenate([tone(0.45, -15, 2100) * (-1) ** turn for turn in range(8)]),
        "V.21 preamble": np.concatenate([silence(0.5), _v21(2.0), silence(1)]),
        "CED and V.21": np.concatenate([tone(3.0, -15, 2100), silence(0.1), _v21(3.0)]),
    }


def _v21(seconds: float) -> Floats:
    """Flags of HDLC at 300 bit/s: 1850 Hz is 0, 1650 Hz is 1."""
    bits = [0, 1, 1, 1, 1, 1, 1, 0] * int(seconds * 300 / 8)
    hertz = np.repeat([1650.0 if bit else 1850.0 for bit in bits], RATE // 300)
    return at_level(np.sin(2 * np.pi * np.cumsum(hertz) / RATE), -15)


# -- music ----------------------------------------------------------------------------------


@cache
def held_music() -> Floats:
    """What the project plays to those who wait."""
    return np.frombuffer(music.hold().narrow, "<i2").astype(np.float64)


TIMBRES: dict[str, tuple[Sequence[float], float]] = {  # weights of partials, decay a second
    "music box": ((1.0, 0.1, 0.3), 4.0),
    "piano": ((1.0, 0.6, 0.4, 0.25, 0.15, 0.1), 2.0),
    "organ": ((1.0, 0.5, 0.8, 0.1, 0.4), 0.0),
    "electronic": ((1.0, 0.0, 0.33, 0.0, 0.2, 0.0, 0.14), 0.5),
    "strings": ((1.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1), 0.0),
    "flute": ((1.0, 0.15, 0.05), 0.0),
}
# Half tones above A4 and quarters of a second, the openings of old tunes.
TUNES: dict[str, Sequence[tuple[int, int]]] = {
    "さくらさくら": (
        (0, 2),
        (0, 2),
        (2, 4),
        (0, 2),
        (0, 2),
        (2, 4),
        (0, 2),
        (2, 2),
        (3, 2),
        (2, 2),
        (0, 2),
        (2, 1),
        (0, 1),
        (-4, 4),
    ),
    "Ode": (
        (7, 2),
        (7, 2),
        (8, 2),
        (10, 2),
        (10, 2),
        (8, 2),
        (7, 2),
        (5, 2),
        (3, 2),
        (3, 2),
        (5, 2),
        (7, 2),
        (7, 3),
        (5, 1),
        (5, 4),
    ),
    "Für Elise": (
        (7, 1),
        (6, 1),
        (7, 1),
        (6, 1),
        (7, 1),
        (2, 1),
        (5, 1),
        (3, 1),
        (0, 3),
        (-9, 1),
        (-5, 1),
        (0, 1),
        (2, 3),
    ),
    "Greensleeves": (
        (0, 2),
        (3, 4),
        (5, 2),
        (7, 3),
        (9, 1),
        (7, 2),
        (5, 4),
        (2, 2),
        (-2, 3),
        (0, 1),
        (2, 2),
        (3, 4),
    ),
}


def tune(
    notes: Sequence[tuple[int, int]], timbre: str, *, vibrato: float = 0.0, chords: bool = False
) -> Floats:
    """`vibrato` in half tones, six times a second."""
    weights, decay = TIMBRES[timbre]
    whole = []
    for half_tones, quarters in notes:
        time = np.arange(int(RATE * quarters * 0.25)) / RATE
        sound = np.zeros(len(time))
        for step in (0, -5, -12) if chords else (0,):
            pitch = 440.0 * 2 ** ((half_tones + step) / 12)
            shaken = 2 ** (vibrato * np.sin(2 * np.pi * 6 * time) / 12)
            phase = 2 * np.pi * np.cumsum(pitch * shaken) / RATE
            for order, weight in enumerate(weights, 1):
                if pitch * order < 3600:
                    sound += weight * np.sin(order * phase)
        edges = np.clip(np.minimum(time / 0.008, (time[-1] - time) / 0.03), 0, 1)
        whole.append(sound * np.exp(-decay * time) * edges)
    return np.resize(np.concatenate(whole), RATE * 20)


def pieces(chance: np.random.Generator) -> dict[str, Floats]:
    found = {"the project's music on hold": held_music()}
    for name, notes in TUNES.items():
        for timbre in TIMBRES:
            found[f"{name}, {timbre}"] = tune(notes, timbre)
    for timbre in ("piano", "organ", "strings"):
        found[f"chords, {timbre}"] = tune(TUNES["Greensleeves"], timbre, chords=True)
    found["strings, vibrato"] = tune(TUNES["さくらさくら"], "strings", vibrato=0.3)
    drums = np.concatenate([noise(0.06, -14, chance) * np.linspace(1, 0, 480), silence(0.44)])
    found["chords and drums"] = mixed(at_level(found["chords, piano"], -20), drums)
    return {name: at_level(sound, -20) for name, sound in found.items()}
