"""The speech that the model learns from, as frames and the number of the phone that each belongs to."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.tiny_model.lexicon import PHONES, SILENCE
from tools.tiny_model.sentences import PAUSE, Said, Speaker
from tools.tiny_model.speech import Espeak, MeiStyle, Utterance, mei
from tools.tiny_model.telephone import CENTRE, FRAME, features, no_speech, spoilt

CLASSES = (SILENCE, *PHONES)  # pdf number: place in this list
# fmt: off
TRAINED_VOICES = (
    "m1", "m2", "m3", "m4", "m6", "m7", "m8", "f1", "f2", "f3", "f5", "Alex", "Andrea", "Annie", "adam", "belinda",
    "benjamin", "caleb", "david", "ed", "Denis", "Diogo", "Gene", "Jacky", "Lee", "Marco", "Mario", "linda", "max",
    "michel", "pablo", "paul", "quincy", "rob", "steph", "steph2", "travis", "victor", "zac", "klatt", "edward",
)
# fmt: on
COPIES = 2  # of each utterance, each spoilt in its own way


def kana(said: list[Said]) -> list[str]:
    return [one.reading for one in said]


def text(said: list[Said]) -> str:
    return "".join("、" if one.word == PAUSE else one.word for one in said)


def draw(speaker: Speaker, dice: random.Random) -> list[Said]:
    """Two fifths in sentences, two fifths in words beside each other by chance, so that each is heard often; digits."""
    kind = dice.random()
    if kind < 0.4:
        return speaker.any_words(dice.randint(2, 7))
    return speaker.digits() if kind < 0.6 else speaker.sentence()


def utterances(dice: random.Random, of_mei: int, of_espeak: int, voice: Path) -> Iterator[Utterance]:
    speaker, espeak = Speaker(dice), Espeak()
    for _ in range(of_mei):
        said = draw(speaker, dice)
        style = MeiStyle(dice.uniform(0.8, 1.35), dice.uniform(0.50, 0.60), dice.uniform(-7, 5))
        # Kana too: a single digit is read otherwise in kanji.
        words = text(said) if dice.random() < 0.5 else "".join(kana(said))
        if (spoken := mei(words, voice, style)) is not None:
            yield spoken
    for _ in range(of_espeak):
        spoken = espeak.say(
            kana(draw(speaker, dice)),
            dice.choice(TRAINED_VOICES),
            dice.randint(110, 210),
            dice.randint(10, 90),
        )
        if spoken is not None:
            yield spoken


def frames(said: Utterance) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Features and, for each frame, the class of the phone in its middle; silence where there is none."""
    found = features(said.samples)
    classes = np.zeros(len(found), np.int64)
    moments = np.arange(len(found)) * FRAME + CENTRE
    for phone, start, end in said.labels:
        classes[(moments >= start) & (moments < end)] = CLASSES.index(phone)
    return found, classes


def corpus(
    seed: int, of_mei: int, of_espeak: int, voice: Path
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """All of it one after the other: (frames, 40), (frames,)."""
    noises = np.random.default_rng(seed)
    parts = []
    for number, said in enumerate(utterances(random.Random(seed), of_mei, of_espeak, voice), 1):
        if number % 500 == 0:
            print(f"utterance {number} of {of_mei + of_espeak}", flush=True)
        parts += [frames(spoilt(said, noises)) for _ in range(COPIES)]
    for _ in range(60):
        parts.append(frames(spoilt(no_speech(noises), noises)))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
