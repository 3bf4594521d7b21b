"""How ringing back went: the nine results, and what follows from each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

Result = Literal[
    "reached",
    "other_person",
    "left_word",
    "no_answer",
    "busy",
    "machine",
    "wrong_number",
    "refused",
    "no_more_calls",
]
RESULTS: tuple[Result, ...] = get_args(Result)

WORDS: dict[Result, str] = {
    "reached": "本人と通話",
    "other_person": "別の方が応答",
    "left_word": "伝言あり",
    "no_answer": "不在",
    "busy": "話中",
    "machine": "留守電",
    "wrong_number": "番号違い",
    "refused": "着信拒否・発信規制",
    "no_more_calls": "今後の連絡不要",
}

# A callback is answered by this one alone.
ANSWERS: frozenset[Result] = frozenset({"reached"})
# Trying the same number again makes no sense, or is not wanted.
NO_NEXT: frozenset[Result] = frozenset({"wrong_number", "no_more_calls"})


def in_a_row(tries: Sequence[tuple[datetime, str | None]]) -> list[datetime]:
    """`tries`: (when, result), the oldest first. Those since the person was last reached; one without a result is none."""
    found: list[datetime] = []
    for at, result in tries:
        found = [] if result == "reached" else [*found, at] if result else found
    return found
