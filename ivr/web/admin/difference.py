"""A unified diff as rows that a page can colour."""

from dataclasses import dataclass
from typing import Literal

from ivr import editing

_KINDS: dict[str, Literal["added", "removed", "place", "same"]] = {
    "+": "added",
    "-": "removed",
    "@": "place",
    " ": "same",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`text` without its sign; of a place, the lines that follow: 12行目から."""

    kind: Literal["added", "removed", "place", "same"]
    text: str


def rows(old: str, new: str) -> list[Row]:
    """Empty if there is no difference."""
    found = editing.difference(old, new, "old", "new").splitlines()[2:]  # two lines of names
    return [
        Row("place", _place(line)) if line[0] == "@" else Row(_KINDS[line[0]], line[1:]) for line in found
    ]


def _place(line: str) -> str:
    """`@@ -1,7 +12,8 @@`: where the new text goes on."""
    return f"{line.split('+')[1].partition(' ')[0].partition(',')[0]}行目から"
