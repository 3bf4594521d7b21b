"""Vosk, and nothing else: the only file that imports it.

As a program (`python -m transcribe.recognizer DIR`) it tries a model and ends with 0, so that a model which makes Kaldi
abort takes only this child with it.
"""

import json
import resource
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import vosk

from transcribe.protocol import Failure, Word

TRY_SECONDS = 180  # a large model on a slow disk


class ModelError(Exception):
    """The model cannot be used; the message says why."""


def model_rate(directory: Path) -> int:
    """Hz that the model was made for. Vosk refuses other rates, or converts them, as that same file says."""
    rate = 16000.0
    try:
        for line in (directory / "conf" / "mfcc.conf").read_text().splitlines():
            name, _, value = line.partition("#")[0].strip().partition("=")
            if name == "--sample-frequency":
                rate = float(value)
    except (OSError, ValueError) as error:
        raise ModelError("conf/mfcc.conf cannot be read") from error
    if not 4000 <= rate <= 192_000 or rate % 1:
        raise ModelError("conf/mfcc.conf has a --sample-frequency that cannot be")
    return int(rate)


class Recognizer:
    """A loaded model. `words` may be called from several threads at once."""

    def __init__(self, directory: Path) -> None:
        """Blocks while it loads, and may abort the process: try the model in a child first."""
        vosk.SetLogLevel(-1)
        self.rate = model_rate(directory)
        self.name = directory.name
        self.trial = self.name.startswith("vosk-tiny") or (directory / "TRIAL").exists()
        words = directory / "graph" / "words.txt"
        if not words.is_file() or not words.stat().st_size:
            raise ModelError("graph/words.txt is missing or empty")  # Vosk loads it all the same
        try:
            self._model = vosk.Model(str(directory))
        except Exception as error:  # vosk has no class of its own
            raise ModelError("Vosk could not read the model") from error

    def words(self, pieces: Iterable[bytes], stopped: threading.Event) -> tuple[Word, ...]:
        """`pieces` are 16-bit mono samples at `rate`.

        Raises Failure `stopping` soon after `stopped` is set, and `broken_model` if the model knows a word's number but
        not its name (a words.txt that was cut off).
        """
        recognizer = vosk.KaldiRecognizer(self._model, self.rate)
        recognizer.SetWords(True)
        found: list[dict[str, Any]] = []
        for piece in pieces:
            if stopped.is_set():
                raise Failure("stopping", "the work was given up; ask again")
            if recognizer.AcceptWaveform(piece):
                found += json.loads(recognizer.Result()).get("result", [])
        found += json.loads(recognizer.FinalResult()).get("result", [])
        if not all(w["word"] for w in found):
            raise Failure("broken_model", "replace the model: its graph/words.txt lacks words")
        return tuple(Word(w["word"], w["start"], w["end"], w["conf"]) for w in found)


def main() -> None:
    signal.alarm(TRY_SECONDS)  # ends us in the midst of C code too
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        recognizer = Recognizer(Path(sys.argv[1]))
    except ModelError as error:
        sys.exit(str(error))
    recognizer.words([b"\0" * recognizer.rate], threading.Event())  # half a second


if __name__ == "__main__":
    main()
