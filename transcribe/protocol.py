"""What goes over the wire, and the ways in which a request can fail. README.md shows it as HTTP."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["loading", "ready", "no_model", "broken_model"]

# code: (HTTP status, may the same request succeed later?)
FAILURES = {
    "bad_request": (400, False),
    "unauthorized": (401, True),
    "no_audio": (408, True),
    "forbidden_path": (403, False),
    "not_found": (404, False),
    "not_audio": (422, False),
    "empty_audio": (422, False),
    "internal": (500, True),
    "unreadable": (503, True),
    "no_model": (503, True),
    "broken_model": (503, True),
    "busy": (503, True),
    "stopping": (503, True),
}


class Failure(Exception):
    """`code` is a key of FAILURES; `detail` says in words what to do, without paths or text of callers."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status, self.retryable = FAILURES[code]

    def as_json(self) -> dict[str, Any]:
        return {"error": self.code, "detail": self.detail, "retryable": self.retryable}


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` in seconds from the start of the recording; `conf` from 0 to 1."""

    word: str
    start: float
    end: float
    conf: float


@dataclass(frozen=True, slots=True)
class Answer:
    """`sample_rate` in Hz and `duration` in seconds are the recording's own."""

    text: str
    model: str
    trial: bool
    sample_rate: int
    duration: float
    words: tuple[Word, ...]

    def as_json(self) -> dict[str, Any]:
        # by hand: asdict copies deeply, a millisecond for a minute of speech
        words = [{"word": w.word, "start": w.start, "end": w.end, "conf": w.conf} for w in self.words]
        return {
            "text": self.text,
            "model": self.model,
            "trial": self.trial,
            "sample_rate": self.sample_rate,
            "duration": self.duration,
            "words": words,
        }


@dataclass(frozen=True, slots=True)
class Health:
    state: State
    model: str
    detail: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def join_words(words: tuple[Word, ...]) -> str:
    """Japanese is written without spaces; two neighbours in Latin letters or digits keep one apart.

    A word in brackets, such as `[unk]`, stands for something not understood and is no text.
    """
    text = ""
    for word in (w.word for w in words):
        if word[0] in "[<":
            continue
        if text and text[-1].isascii() and word[0].isascii():
            text += " "
        text += word
    return text
