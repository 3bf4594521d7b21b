"""What counts as a spoken answer, and what is taken for one: `python -m bench.answers [--model DIR]`.

Synthetic speech through 8 kHz mu-law, each saying eight times: as it is, softly, loudly, quickly, slowly, and with noise
20, 12 and 6 dB below it. A phrase counts as ivr/asterisk/ears.py has it: made of answers and nothing else, each word at least
as sure as the threshold. Shown for several thresholds; the one in use is marked. "right": all keys and no others,
"nothing": the caller is asked again or presses keys, "wrong": keys that were not meant. No aim: it is what SURE was
chosen by.
"""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ivr.asterisk.ears import SURE, keys_of
from ivr.steps.spoken import DIGITS, yes_or_no
from tests.speech import from_mulaw, speak, to_mulaw
from tests.transcriber_process import TINY
from transcribe.recognizer import Recognizer
from transcribe.stream import understood

THRESHOLDS = (0.0, 0.8, SURE, 0.95, 0.99)
PIECE = 1600  # bytes, 0.1 s
SPOKEN = ["ゼロ", "イチ", "ニ", "サン", "ヨン", "ゴ", "ロク", "ナナ", "ハチ", "キュー"]
OTHER = [
    "もしもし",
    "えーと",
    "ちょっとお待ちください",
    "田中です",
    "解約したいのですが",
    "なんでしょうか",
    "あのう",
    "すみません、よくわかりません",
    "お電話ありがとうございます",
    "もう一度お願いします",
    "うーん",
    "担当者をお願いします",
    "明日の午後三時でお願いします",
    "今日はいい天気ですね",
    "はいと言ってください",
    "配送はいつですか",
    "えっと、はい、あの",
    "猫が好きです",
    "音楽を聞きます",
    "違う",
]
YES_OR_NO = yes_or_no("1", "2")

Floats = npt.NDArray[np.float64]
Heard = list[list[dict[str, Any]]]  # phrases of words, as the transcriber tells them


def spoilt(sound: Floats, noise: np.random.Generator) -> Iterator[Floats]:
    for gain in (1.0, 0.3, 1.6):
        yield sound * gain
    for speed in (1.15, 0.88):
        yield np.interp(np.arange(0, len(sound), speed), np.arange(len(sound)), sound)
    loudness = float(np.sqrt((sound**2).mean()))
    for below in (20, 12, 6):
        yield sound + noise.normal(0, loudness / 10 ** (below / 20), len(sound))


def heard(recognizer: Recognizer, answers: Mapping[str, str], sound: Floats) -> Heard:
    grammar, _ = understood(recognizer, list(answers))
    stream = recognizer.stream(grammar)
    around = np.concatenate([np.zeros(4000), sound, np.zeros(9600)]).clip(-32768, 32767)
    pcm = from_mulaw(to_mulaw(around.astype(np.int16))).tobytes()
    phrases = [stream.feed(pcm[at : at + PIECE]) for at in range(0, len(pcm), PIECE)]
    return [
        [{"word": word.word, "conf": word.conf, "start": word.start, "end": word.end} for word in phrase]
        for phrase in (*phrases, stream.final())
        if phrase
    ]


def row(name: str, tried: Sequence[tuple[Heard, str]], answers: Mapping[str, str]) -> None:
    cells = []
    for sure in THRESHOLDS:
        pressed = ["".join(keys_of(phrase, answers, sure) for phrase in phrases) for phrases, _ in tried]
        right = sum(keys == wanted for keys, (_, wanted) in zip(pressed, tried, strict=True))
        nothing = sum(not keys and bool(wanted) for keys, (_, wanted) in zip(pressed, tried, strict=True))
        counts = (right, nothing, len(tried) - right - nothing)
        cells.append(" ".join(f"{100 * count / len(tried):5.1f}" for count in counts))
    print(f"{name:34} {len(tried):4}  " + "   ".join(cells), flush=True)


def noises(noise: np.random.Generator) -> list[Floats]:
    time = np.arange(5 * 8000) / 8000
    return [
        np.zeros(len(time)),
        noise.normal(0, 1000, len(time)),
        noise.normal(0, 6000, len(time)),
        noise.normal(0, 6000, len(time)) * (time * 10 % 9 < 3),  # knocks
        3000 * np.sin(2 * np.pi * 100 * time) + noise.normal(0, 300, len(time)),  # hum
    ]


def tones() -> list[Floats]:
    time = np.arange(5 * 8000) / 8000
    return [
        8000 * np.sin(2 * np.pi * 440 * time),
        8000 * np.sin(2 * np.pi * 400 * time) * (time * 2 % 2 < 1),  # busy
        4000 * (np.sin(2 * np.pi * 852 * time) + np.sin(2 * np.pi * 1336 * time)) * (time % 1 < 0.2),  # a key
        8000 * np.sin(2 * np.pi * 1100 * time) * (time % 3.5 < 0.5),  # fax
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench answers", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, default=TINY)
    recognizer = Recognizer(parser.parse_args().model)
    chance, noise = random.Random(3), np.random.default_rng(7)
    numbers = ["".join(chance.choices("0123456789", k=k)) for k in [1] * 10 + [4] * 12 + [8] * 5 + [11] * 5]
    print(f"{recognizer.name}: per cent right, nothing, wrong, by the least confidence of a word")
    marked = [f"{sure:.2f}{' (in use)' if sure == SURE else ''}" for sure in THRESHOLDS]
    print(f"{'':34} {'':4}  " + "   ".join(f"{text:^17}" for text in marked))
    said: list[tuple[str, Mapping[str, str], list[tuple[str, str]]]] = [
        ("はい, そうです, いいえ, 違います", YES_OR_NO, list(zip(("はい", "そうです", "いいえ", "違います"), "1122", strict=True))),
        ("1 to 11 digits, said on", DIGITS, [("".join(SPOKEN[int(one)] for one in number), number) for number in numbers]),
        ("1 to 11 digits, one by one", DIGITS, [("、".join(SPOKEN[int(one)] for one in number), number) for number in numbers]),
        ("other speech, for はい or いいえ", YES_OR_NO, [(text, "") for text in OTHER]),
        ("other speech, for digits", DIGITS, [(text, "") for text in OTHER]),
    ]  # fmt: skip
    for name, answers, sayings in said:
        sounds = [(speak(text).astype(float), keys) for text, keys in sayings]
        row(name, [(heard(recognizer, answers, one), keys) for sound, keys in sounds for one in spoilt(sound, noise)], answers)  # fmt: skip
    for name, answers in (("はい or いいえ", YES_OR_NO), ("digits", DIGITS)):
        row(
            f"noise and silence, for {name}",
            [(heard(recognizer, answers, one), "") for one in noises(noise)],
            answers,
        )
        row(f"tones, for {name}", [(heard(recognizer, answers, one), "") for one in tones()], answers)


if __name__ == "__main__":
    main()
