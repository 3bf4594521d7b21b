"""Vosk, and nothing else: the only file that imports it.

As a program (`python -m transcribe.recognizer DIR [WAV]`) it tries a model, prints a Trial as JSON and ends with 0, so
that a model which makes Kaldi abort takes only this child with it.
"""

import json
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import vosk

from transcribe import audio
from transcribe.protocol import Failure, Word, join_words
from transcribe.trying import READ_SECONDS, TRY_SECONDS, ModelError, model_rate

UNKNOWN = "[unk]"  # as models call what is none of their words


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
        stream = Stream(vosk.KaldiRecognizer(self._model, self.rate))
        found: list[Word] = []
        for piece in pieces:
            if stopped.is_set():
                raise Failure("stopping", "the work was given up; ask again")
            found += stream.feed(piece)
        return (*found, *stream.final())

    def stream(self, grammar: Sequence[str] | None = None) -> "Stream":
        """For audio that comes bit by bit. `grammar`: what `parted` gave; nothing else is then understood."""
        if grammar is None:
            return Stream(vosk.KaldiRecognizer(self._model, self.rate))
        phrases = json.dumps([*grammar, UNKNOWN], ensure_ascii=False)
        return Stream(vosk.KaldiRecognizer(self._model, self.rate, phrases))

    def parted(self, phrase: str) -> str | None:
        """The phrase in as few words of the model as it takes, with spaces between them; None if it lacks any.

        Spaces in `phrase` part words in any case.
        """
        parts = [self._parted(part) for part in phrase.split()]
        return None if not parts or None in parts else " ".join(str(part) for part in parts)

    def _parted(self, text: str) -> str | None:
        best: dict[int, tuple[str, ...]] = {0: ()}  # place in the text -> the words up to there
        for end in range(1, len(text) + 1):
            ways = [
                (*words, text[begin:end]) for begin, words in best.items() if self._knows(text[begin:end])
            ]
            if ways:
                best[end] = min(ways, key=len)
        return " ".join(best[len(text)]) if len(text) in best else None

    def _knows(self, word: str) -> bool:
        return bool(self._model.vosk_model_find_word(word) >= 0)


class Stream:
    """Speech as it comes, for one thread at a time. Times of words are from its beginning."""

    def __init__(self, recognizer: vosk.KaldiRecognizer) -> None:
        recognizer.SetWords(True)
        self._recognizer = recognizer

    def feed(self, pcm: bytes) -> tuple[Word, ...]:
        """16-bit mono samples at the model's rate; the words of what was said, when a pause has ended it, else none.

        Raises Failure `broken_model`.
        """
        return _words(self._recognizer.Result()) if self._recognizer.AcceptWaveform(pcm) else ()

    def final(self) -> tuple[Word, ...]:
        """The words since the last pause, when nothing more comes."""
        return _words(self._recognizer.FinalResult())


def _words(result: str) -> tuple[Word, ...]:
    found: list[dict[str, Any]] = json.loads(result).get("result", [])
    if not all(w["word"] for w in found):
        raise Failure("broken_model", "replace the model: its graph/words.txt lacks words")
    return tuple(Word(w["word"], w["start"], w["end"], w["conf"]) for w in found)


def main() -> None:
    signal.alarm(TRY_SECONDS)  # ends us in the midst of C code too
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = _cpu_seconds()
    try:
        recognizer = Recognizer(Path(sys.argv[1]))
        loaded = _cpu_seconds()
        signal.alarm(READ_SECONDS)
        heard = _heard(recognizer, Path(sys.argv[2])) if len(sys.argv) > 2 else _silence(recognizer)
    except (ModelError, Failure) as error:
        sys.exit(str(error))
    told = {"rate": recognizer.rate, "load_seconds": round(loaded - before, 3), **heard}
    told |= {"memory": _most_memory(), "seconds": round(_cpu_seconds() - loaded, 3)}
    print(json.dumps(told))


def _silence(recognizer: Recognizer) -> dict[str, Any]:
    recognizer.words([b"\0" * recognizer.rate], threading.Event())  # half a second
    return {}


def _heard(recognizer: Recognizer, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        wav = audio.read_header(file)
        words = recognizer.words(audio.pieces(file, wav, recognizer.rate), threading.Event())
    return {"text": join_words(words), "duration": round(wav.duration, 3)}


def _most_memory() -> int:
    """Bytes. Not ru_maxrss, which the process has from the one that started it."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
