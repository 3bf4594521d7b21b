"""A transcriber in memory. It passes the same contract test as the real one (tests/unit/test_transcribe_contract.py)."""

from pathlib import Path

from ivr.messages.transcriber import TranscriptionFailed
from ivr.transcript import Transcript, Word

_RATE = 8000
_OWN = "fake"


class FakeTranscriber:
    """Says `texts[name of the file]` (words apart by spaces) of a telephone WAV under `recordings`.

    `fail_next` queues failures for coming requests; `asked` lists the paths in order. `models`: those that it has, by
    name, beside its own; `broken`: those of them that cannot be used.
    """

    def __init__(self, recordings: Path, texts: dict[str, str]) -> None:
        self._recordings = recordings
        self._texts = texts
        self._failures: list[TranscriptionFailed] = []
        self.asked: list[Path] = []
        self.models: set[str] = set()
        self.broken: set[str] = set()

    def fail_next(self, code: str, *, retryable: bool, times: int = 1) -> None:
        self._failures += [TranscriptionFailed(code, "scripted", retryable=retryable)] * times

    async def transcribe(self, path: Path, model: str | None = None) -> Transcript:
        self.asked.append(path)
        if self._failures:
            raise self._failures.pop(0)
        if model is not None and model not in self.models:
            raise TranscriptionFailed("no_model", "there is no such model", retryable=True)
        if (model or _OWN) in self.broken:
            raise TranscriptionFailed("broken_model", "it aborts", retryable=True)
        if not path.is_relative_to(self._recordings):
            raise TranscriptionFailed("forbidden_path", "not under the recordings", retryable=False)
        if not path.exists():  # noqa: ASYNC240 -- a small file in a test
            raise TranscriptionFailed("not_found", "there is no such file", retryable=False)
        content = path.read_bytes()  # noqa: ASYNC240
        if not content:
            raise TranscriptionFailed("empty_audio", "the file holds zero bytes", retryable=False)
        if content[:4] != b"RIFF":
            raise TranscriptionFailed("not_audio", "the file does not begin like a WAV file", retryable=False)
        duration = (len(content) - 44) / 2 / _RATE
        said = self._texts.get(path.name, "").split()
        each = duration / max(1, len(said))
        words = tuple(Word(word, i * each, (i + 1) * each, 1.0) for i, word in enumerate(said))
        return Transcript("".join(said), model or _OWN, True, _RATE, duration, words)
