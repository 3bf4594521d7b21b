"""The text of a recording, as a recogniser gives it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


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
