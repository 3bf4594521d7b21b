"""What must have become of the messages, whatever was killed; `violations` says of each what did not."""

import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.asterisk.desk import Desk, understood
from tests.asterisk.hearing import Samples, find, samples
from tools.kill_matrix.callers import Left

LOST = 2.1  # seconds before a kill of Asterisk whose audio may be gone (issue 4)
SHORTEST = 4000  # samples: less is no speech that can be told from another's
FINAL = ("done", "failed")


@dataclass
class Case:
    """One caller of a wave.

    `killed`: when Asterisk was killed under the call, or its disk was full; None: neither. `alone`: when the
    engine was, without which Asterisk records on; but if it dies in the beep, nobody tells Asterisk to record.
    """

    left: Left
    words: str
    killed: float | None = None
    alone: float | None = None

    def must_be_there(self) -> Samples:
        """What must be in the recording."""
        if self.killed is not None:
            return self.left.said_by(self.killed - LOST)
        if self.left.hung_up is None or self.in_the_beep():
            return self.left.words[:0]
        return self.left.words

    def in_the_beep(self) -> bool:
        """The caller had said next to nothing when the engine was killed."""
        said = 0 if self.alone is None else len(self.left.said_by(self.alone))
        return self.alone is not None and self.left.beeps == 1 and said < SHORTEST


@dataclass
class Figures:
    states: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    messages: int = 0
    callers: int = 0
    unrecorded: int = (
        0  # callers whose engine was killed in the beep, and who hung up before the fallback spoke
    )
    seconds_lost: list[float] = field(default_factory=list)  # of messages that a kill of Asterisk cut


def pending(desk: Desk) -> int:
    """Messages that are still on their way, in rows and in sidecars."""
    (there,) = desk.rows(
        "SELECT count(*) FROM messages WHERE state = 'recording' OR "
        f"(state = 'stored' AND transcript_state NOT IN {FINAL!r})"
    )
    return int(there[0]) + len(list((desk.data / "recordings" / "messages").glob("*.json")))


def judge(desk: Desk, case: Case, figures: Figures) -> None:
    left = case.left
    figures.callers += 1

    def wrong(what: str) -> None:
        figures.violations.append(f"{left.number}: {what}")

    if left.complaint:
        wrong(left.complaint)
    rows = desk.rows(
        "SELECT id, state, audio, transcript_state, transcript_reason, transcript_text FROM messages WHERE number = ?",
        left.e164,
    )
    ((callbacks,),) = desk.rows("SELECT count(*) FROM callbacks WHERE number = ?", left.e164)
    if not left.beeps and callbacks <= 1:
        return  # cut before the promise was made
    # Who is led to the fallback records again: what was lost before belongs to the same callback.
    kept = [row for row in rows if row[1] != "lost"] or rows
    if len(kept) != 1:
        return wrong(f"{len(kept)} messages")
    figures.messages += 1
    ((_, state, audio, transcript, reason, text),) = kept
    figures.states[f"{state}, text {transcript}"] += 1
    if callbacks != 1:
        wrong(f"{callbacks} callbacks of a message that is {state}")
    figures.unrecorded += state == "lost" and case.in_the_beep()
    there, audible = case.must_be_there(), _recorded(desk.data / "recordings" / audio)
    if len(there) >= SHORTEST and find(there, audible) is None:
        wrong(
            f"{len(there) / 8000:.1f} s were said and are not in the recording of {len(audible) / 8000:.1f} s"
        )
    if case.killed is not None and left.said:
        figures.seconds_lost.append(_lost(case, audible))
    if transcript == "failed" and not reason:
        wrong("it has no text and no reason")
    elif transcript not in FINAL:
        wrong(f"its text is still {transcript}")
    elif transcript != "done" and len(there) >= SHORTEST:
        wrong(f"it has audio and no text: {reason}")
    if transcript == "done" and len(there) == len(left.words) and understood(text or "", case.words) < 0.6:
        wrong(f"its text is not what was said: {text}")


def _lost(case: Case, kept: Samples) -> float:
    """Seconds that were said before the kill and are not in the recording, to a tenth."""
    assert case.killed is not None
    said = case.left.said_by(case.killed)
    for tenths in range(len(said) // 800):
        part = said[: len(said) - tenths * 800]
        if len(part) < SHORTEST or find(part, kept) is not None:
            return tenths / 10
    return len(said) / 8000


def _recorded(file: Path) -> Samples:
    """Whatever its header says."""
    audio = file.read_bytes() if file.exists() else b""
    at = 12
    while audio[:4] == b"RIFF" and at + 8 <= len(audio):
        kind, size = audio[at : at + 4], struct.unpack_from("<I", audio, at + 4)[0]
        if kind == b"data":
            return samples(audio[at + 8 :])
        at += 8 + size + (size & 1)
    return samples(b"")
