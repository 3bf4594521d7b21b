"""Beep, silence and music on hold, computed.

The music: eight bars of soft seventh chords with a slow music-box figure above, all between 170 and
2,400 Hz so that a telephone carries it. Each sound that rings on past the end is added at the
beginning, so the loop has no seam.
"""

import numpy as np

from ivr.prompts import dsp
from ivr.prompts.audio import WIDE, Audio

_BAR = 3.0  # seconds
# MIDI note numbers: the chord held under a bar, lowest first.
_CHORDS = [
    (53, 60, 64, 69),  # F maj7
    (57, 62, 65, 72),  # Dm7
    (55, 62, 65, 70),  # Gm7
    (58, 60, 64, 67),  # C7
    (57, 60, 64, 67),  # Am7
    (57, 62, 65, 72),  # Dm7
    (58, 62, 65, 69),  # Bb maj7
    (60, 65, 67, 70),  # C7 sus4, which leads back to F
]
_FIGURE = (1, 2, 3, 2, 3, 1)  # which tone of the chord each half second plays, an octave up


def beep() -> Audio:
    """0.4 s of 1 kHz at -12 dBFS: plain, as answering machines have it."""
    t = np.arange(int(0.4 * WIDE)) / WIDE
    edges = np.clip(np.minimum(t, 0.4 - t) / 0.01, 0.0, 1.0)
    return _audio(0.25 * np.sin(2 * np.pi * 1000 * t) * edges)


def silence() -> Audio:
    return _audio(np.zeros(WIDE))


def hold() -> Audio:
    """24 s at -26 dBFS: under the level of speech, since people listen to it for minutes."""
    loop = np.zeros(int(_BAR * len(_CHORDS) * WIDE))
    for bar, chord in enumerate(_CHORDS):
        for tone in chord:
            _add(loop, bar * _BAR - 0.4, 0.10 * _pad(tone))
        for half_second, which in enumerate(_FIGURE):
            _add(loop, bar * _BAR + half_second * 0.5, 0.22 * _bell(chord[which] + 12))
    level = 10 ** (-26 / 20) / np.sqrt(np.mean(loop**2))
    return _audio(loop * level, looped=True)


def _pad(note: int) -> dsp.Samples:
    """A held tone that swells and fades over its neighbours' edges."""
    t = np.arange(int((_BAR + 0.8) * WIDE)) / WIDE
    swell = np.clip(np.minimum(t, t[-1] - t) / 0.8, 0.0, 1.0)
    return np.asarray(_partials(note, t, (1.0, 0.3, 0.12)) * np.sin(np.pi / 2 * swell) ** 2)


def _bell(note: int) -> dsp.Samples:
    """A struck tone that dies away within two seconds."""
    t = np.arange(2 * WIDE) / WIDE
    return np.asarray(_partials(note, t, (1.0, 0.25, 0.06)) * np.exp(-2.5 * t) * np.clip(t / 0.012, 0.0, 1.0))


def _partials(note: int, t: dsp.Samples, weights: tuple[float, ...]) -> dsp.Samples:
    pitch = 440.0 * 2 ** ((note - 69) / 12)
    parts = [weight * np.sin(2 * np.pi * pitch * (k + 1) * t) for k, weight in enumerate(weights)]
    return np.asarray(sum(parts), dtype=np.float64)


def _add(loop: dsp.Samples, at: float, sound: dsp.Samples) -> None:
    where = (int(at * WIDE) + np.arange(len(sound))) % len(loop)
    loop[where] += sound


def _audio(samples: dsp.Samples, looped: bool = False) -> Audio:
    """Both rates. The filter of a loop runs across its seam."""
    margin = WIDE if looped else 0
    around = np.concatenate([samples[len(samples) - margin :], samples, samples[:margin]])
    narrow = dsp.decimate(around, 2)
    narrow = narrow[margin // 2 : len(narrow) - margin // 2]
    return Audio(narrow=dsp.to_pcm(narrow), wide=dsp.to_pcm(samples))
