"""Reading the text of a message: what may be the number, the name, the matter. Pure functions; docs/admin/reading.md."""

from collections.abc import Sequence

from ivr.dialplan.reading import ReadingRules
from ivr.messages.reading.digits import runs
from ivr.messages.reading.matter import find_matter
from ivr.messages.reading.numbers import numbers
from ivr.messages.reading.result import Piece, Reading, Suggestion
from ivr.messages.reading.said import Said, kana_of
from ivr.messages.reading.suggest import suggestions
from ivr.messages.reading.text import doubtful, pieces
from ivr.transcript import Word

__all__ = ["Piece", "Reading", "Suggestion", "read_message"]

# What may itself be the matter, or says nothing of one.
_ABOUT = {"order", "reply", "urgent", "topic", "priority"}


def read_message(words: Sequence[Word], rules: ReadingRules, *, caller: str | None) -> Reading:
    """`words` as the recogniser gave them; `caller`: the caller ID as +81…, None if there is none."""
    said = Said(words)
    heard = runs(said)
    found = numbers(said, heard)
    cut = pieces(said, found, heard, rules.fillers)
    text = "".join(piece.text for piece in cut).strip()
    kana = kana_of(text)
    made = suggestions(said, heard, found, kana, caller, rules)
    taken = [span for suggestion, span in made if suggestion.kind not in _ABOUT]
    matter, why = find_matter(said, [*taken, *((one.start, one.end) for one in found)])
    return Reading(text, kana, cut, doubtful(said), tuple(one for one, _ in made), matter, why)
