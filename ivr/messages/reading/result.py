"""What was read out of a message."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal[
    "number", "name", "company", "addressee", "order", "time", "reply", "urgent", "topic", "priority"
]
Compared = Literal["same", "different", "none"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that the text seems to say; never a fact.

    `value`: number: 090-1234-5678 (`ivr.dialplan.numbers.e164` reads it); reply: `yes` or `no`; urgent: the
    words that say so; topic: its name in the rules; priority: `critical`, `high`, `medium`, `low`; else as it
    was said. `start` and `end`: seconds from the start of the recording, of the words it came from.
    `reason`: Japanese, for the screen. `compared`, of a number only: with the caller ID; none: there was none.
    """

    kind: Kind
    value: str
    start: float
    end: float
    reason: str
    compared: Compared | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text for reading, made from words `first` to `last` (indexes, both included)."""

    text: str
    first: int
    last: int
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """`text`: for reading, all of `pieces` joined; `kana`: the same in katakana, phrases apart by spaces.

    `doubtful`: indexes of words of which the recogniser was not sure. `matter`: False if the message is nothing
    but a greeting, a name, a number, the wish to be called, or silence; `why` says in Japanese how that was seen.
    """

    text: str
    kana: str
    pieces: tuple[Piece, ...]
    doubtful: tuple[int, ...]
    suggestions: tuple[Suggestion, ...]
    matter: bool
    why: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
