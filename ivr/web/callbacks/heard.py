"""What the player of a message shows: words at the moments when they are heard, silence, and what was recognised word by word."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ivr.store.tables import MessageRow

LOUD = 0.15  # of what is loud in the message (nine tenths of it are softer): below it is silence
SHORTEST = 1.0  # seconds of silence that are worth skipping
STAYS = 0.3  # seconds that stay at each end of it
NEAR = 0.15  # seconds around a word in which nothing is silence, however softly it is spoken


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of the text; `start` and `end` in seconds of what is played, None without times."""

    text: str
    doubtful: bool
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """`offset`: seconds of the recording before what is played begins; `silences`: from, to, in what is played."""

    source: str
    offset: float
    seconds: float | None
    words: Sequence[Spoken]
    silences: Sequence[tuple[float, float]]
    text: str
    kana: str
    raw: str


def heard(row: MessageRow) -> Heard:
    made = row.playback is not None
    # Another address for another sound: the page may be older than the copy, and times differ.
    source = f"/messages/{row.id}/audio" if made else f"/messages/{row.id}/audio?as=recorded"
    offset = (row.playback_start or 0.0) if made else 0.0
    seconds = row.playback_seconds if made else row.duration
    done = row.transcript_state == "done"
    reading = row.reading if done and row.reading_state == "done" and row.reading else {}
    said: Sequence[dict[str, Any]] = (row.transcript_words or ()) if done else ()
    words = _pieces(reading, said, offset) if reading else _words(said, offset)
    peaks = row.peaks or ()
    return Heard(
        source=source,
        offset=offset,
        seconds=seconds,
        words=words,
        silences=_silences(peaks, seconds, words) if made and seconds else (),
        text=reading.get("text") or (row.transcript_text if done else None) or "",
        kana=reading.get("kana", ""),
        raw=" ".join(word["word"] for word in said),
    )


def _pieces(reading: dict[str, Any], said: Sequence[dict[str, Any]], offset: float) -> list[Spoken]:
    found = []
    for piece in reading["pieces"]:
        text, doubtful = piece["text"], piece["doubtful"]
        if piece["last"] < len(said):
            start, end = said[piece["first"]]["start"], said[piece["last"]]["end"]
            found.append(Spoken(text, doubtful, *_played(start, end, offset)))
        else:
            found.append(Spoken(text, doubtful))
    return found


def _words(said: Sequence[dict[str, Any]], offset: float) -> list[Spoken]:
    """While nothing was read out of the text yet."""
    return [Spoken(word["word"], False, *_played(word["start"], word["end"], offset)) for word in said]


def _played(start: float, end: float, offset: float) -> tuple[float, float]:
    return round(max(0.0, start - offset), 2), round(max(0.0, end - offset), 2)


def _silences(
    peaks: Sequence[float], seconds: float, words: Sequence[Spoken]
) -> Sequence[tuple[float, float]]:
    if not peaks:
        return ()
    each = seconds / len(peaks)
    bar = LOUD * sorted(peaks)[len(peaks) * 9 // 10]
    quiet = [peak < bar for peak in peaks]
    for word in words:
        if word.start is not None and word.end is not None:
            first, last = int((word.start - NEAR) / each), int((word.end + NEAR) / each)
            for at in range(max(0, first), min(len(quiet), last + 1)):
                quiet[at] = False
    found, began = [], None
    for at, silent in enumerate([*quiet, False]):
        if silent and began is None:
            began = at
        elif not silent and began is not None:
            if (at - began) * each >= SHORTEST:
                found.append((round(began * each + STAYS, 2), round(at * each - STAYS, 2)))
            began = None
    return found
