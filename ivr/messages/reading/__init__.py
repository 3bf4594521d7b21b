"""Reading the text of a message: what may be the number, the name, the matter. Pure functions, docs/admin/reading.md."""

from collections.abc import Sequence

from ivr.dialplan.reading import ReadingRules
from ivr.messages.reading.result import Piece, Reading, Suggestion
from ivr.messages.transcriber import Word

__all__ = ["Piece", "Reading", "Suggestion", "read_message"]


def read_message(words: Sequence[Word], rules: ReadingRules, *, caller: str | None) -> Reading:
    """`words` as the recogniser gave them; `caller`: the caller ID as +81…, None if there is none."""
    text = "".join(word.word for word in words)
    return Reading(text, "", (), (), (), bool(words), "")
