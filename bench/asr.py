"""How well a Vosk model understands telephone speech: `script/bench asr --model PATH --set DIR`.

DIR is any folder of x.wav beside x.txt (what is said in it); folders in it are told one by one. The recordings go the way of
our transcriber: brought to the model's rate, one recogniser each. Texts are compared without spaces and punctuation after NFKC.
"""

import argparse
import statistics
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from transcribe.audio import pieces, read_header
from transcribe.protocol import join_words
from transcribe.recognizer import Recognizer

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "transcribe" / "models" / "vosk-tiny-ja"


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording: the words said and heard, its seconds, and the seconds that recognising it took."""

    path: Path
    said: str
    text: str
    seconds: float
    took: float


def plain(text: str) -> str:
    """Letters and digits alone, full and half width alike."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text) if sign.isalnum() or sign == "ー")


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """The least number of signs put in, left out or exchanged (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for at, one in enumerate(said, 1):
        before, row[0] = row[0], at
        for to, other in enumerate(heard, 1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (one != other))
    return row[-1]


def error_rate(heard: Sequence[Heard], as_compared: Callable[[str], str]) -> float:
    """Of all recordings together: edits over the signs said."""
    pairs = [(as_compared(one.said), as_compared(one.text)) for one in heard]
    return sum(edits(said, text) for said, text in pairs) / max(1, sum(len(said) for said, _ in pairs))


@cache
def in_kana(text: str) -> str:
    """As open_jtalk reads it, so that 請求書 for せいきゅうしょ is no error."""
    import pyopenjtalk

    return plain(str(pyopenjtalk.g2p(text, kana=True))) if text else ""


def recognise(recognizer: Recognizer, path: Path) -> Heard:
    said = path.with_suffix(".txt").read_text("utf-8")
    began = time.perf_counter()
    with path.open("rb") as file:
        header = read_header(file)
        words = recognizer.words(pieces(file, header, recognizer.rate), threading.Event())
    took = time.perf_counter() - began
    return Heard(path, said, join_words(words), header.duration, took)


def report(name: str, heard: Sequence[Heard]) -> None:
    signs = sum(len(plain(one.said)) for one in heard)
    seconds = sum(one.seconds for one in heard)
    right = sum(plain(one.said) == plain(one.text) for one in heard)
    print(
        f"{name:24} {len(heard):5} {seconds / 60:8.1f} {signs:7} {100 * error_rate(heard, plain):8.1f} "
        f"{100 * error_rate(heard, in_kana):8.1f} {100 * right / len(heard):8.0f} "
        f"{statistics.median(one.took / one.seconds for one in heard):8.4f} "
        f"{1000 * statistics.median(one.took for one in heard):8.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench asr")
    parser.add_argument("--model", type=Path, default=TINY)
    parser.add_argument("--set", type=Path, required=True, help="folder of x.wav + x.txt")
    parser.add_argument("--show", action="store_true", help="print what was misheard")
    given = parser.parse_args()
    files = sorted(path for path in given.set.rglob("*.wav") if path.with_suffix(".txt").is_file())
    if not files:
        sys.exit(f"{given.set}: no x.wav with an x.txt beside it")
    recognizer = Recognizer(given.model.absolute())
    heard = [recognise(recognizer, path) for path in files]
    print(f"model {recognizer.name}, {recognizer.rate} Hz; errors in per cent of the characters said")
    heads = ("set", "files", "minutes", "signs", "CER %", "kana %", "exact %", "RTF", "ms/file")
    print(f"{heads[0]:24} {heads[1]:>5} " + " ".join(f"{head:>8}" for head in heads[2:3]) + f" {heads[3]:>7} "
          + " ".join(f"{head:>8}" for head in heads[4:]))  # fmt: skip
    folders = sorted({one.path.parent for one in heard})
    if len(folders) > 1:
        for folder in folders:
            report(str(folder.relative_to(given.set)), [one for one in heard if one.path.parent == folder])
    report("all", heard)
    for one in heard:
        if given.show and plain(one.said) != plain(one.text):
            print(f"{one.path.name}: {plain(one.said)}\n{'':>{len(one.path.name)}}  {plain(one.text)}")


if __name__ == "__main__":
    main()
