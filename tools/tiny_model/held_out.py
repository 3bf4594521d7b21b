"""The set by which the model is measured: sentences and voices that it never learnt from, through a telephone."""

import random
import wave
from pathlib import Path

import numpy as np

from tools.tiny_model.corpus import kana, text
from tools.tiny_model.sentences import PAUSE, Said, Speaker, held_out
from tools.tiny_model.speech import RATE, Espeak, MeiStyle, Utterance, mei
from tools.tiny_model.telephone import band, mulaw, noise

VOICES = ("m5", "f4", "Andy", "Hugo", "miguel", "anika")  # of espeak-ng; none in corpus.TRAINED_VOICES
_SEED = 20261122
_OF_TEMPLATES = 60


def write_set(directory: Path, voice: Path) -> None:
    """Four folders of x.wav and x.txt: who speaks (mei, espeak) and what (apart: heldout.txt; templates: drawn anew)."""
    dice = random.Random(_SEED)
    noises = np.random.default_rng(_SEED)
    speaker, espeak = Speaker(dice), Espeak()
    kinds = {"apart": held_out(speaker), "templates": [_message(speaker, dice) for _ in range(_OF_TEMPLATES)]}
    for kind, sentences in kinds.items():
        for number, said in enumerate(sentences):
            style = MeiStyle(
                dice.uniform(0.85, 1.3), dice.choice((0.485, 0.53, 0.575, 0.61)), dice.uniform(-6, 4)
            )
            spoken = espeak.say(
                kana(said), VOICES[number % len(VOICES)], dice.randint(120, 200), dice.randint(20, 80)
            )
            for name, one in (("mei", mei(text(said), voice, style)), ("espeak", spoken)):
                if one is not None:  # espeak-ng cannot say りょ
                    _write(directory / f"{name}-{kind}" / f"{number:03}", said, one, noises)


def _message(speaker: Speaker, dice: random.Random) -> list[Said]:
    said = speaker.sentence()
    for _ in range(dice.randint(0, 2)):
        said += [Said(PAUSE, ""), *speaker.sentence()]
    return said


def _write(path: Path, said: list[Said], spoken: Utterance, noises: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.concatenate([np.zeros(RATE // 3, np.float32), spoken.samples, np.zeros(RATE // 3, np.float32)])
    sound = band(sound / np.abs(sound).max(), 300, 3400) * 10 ** -noises.uniform(0.15, 1.0)
    sound += noise(len(sound), noises) * np.sqrt(np.mean(sound**2)) * 10 ** -noises.uniform(0.9, 1.8)
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((mulaw(np.asarray(sound, np.float32)) * 32767).astype(np.int16).tobytes())
    words = "".join("、" if one.word == PAUSE else one.word for one in said)
    path.with_suffix(".txt").write_text(words + "\n", "utf-8")
