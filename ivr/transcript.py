"""The text of a recording, as a recogniser gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` in seconds from the start of the recording; `conf` from 0 to 1 as the recogniser gives it."""

    word: str
    start: float
    end: float
    conf: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """`trial`: made by a model that is no model for real callers; shown as 試験用モデル.

    `sample_rate` in Hz and `duration` in seconds are the recording's. `text` is empty if nothing was understood.
    """

    text: str
    model: str
    trial: bool
    sample_rate: int
    duration: float
    words: tuple[Word, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Transcript":
        """As the transcriber tells it. KeyError, TypeError or ValueError if a part is missing or wrong."""
        words = tuple(
            Word(str(w["word"]), float(w["start"]), float(w["end"]), float(w["conf"])) for w in data["words"]
        )
        return cls(
            str(data["text"]),
            str(data["model"]),
            bool(data["trial"]),
            int(data["sample_rate"]),
            float(data["duration"]),
            words,
        )


def joined(parts: Sequence[Transcript]) -> Transcript:
    """Of recordings that were put one behind the other."""
    words: list[Word] = []
    begin = 0.0
    for part in parts:
        words += [replace(word, start=word.start + begin, end=word.end + begin) for word in part.words]
        begin += part.duration
    return replace(
        parts[0],
        text="".join(part.text for part in parts),
        trial=any(part.trial for part in parts),
        duration=begin,
        words=tuple(words),
    )
