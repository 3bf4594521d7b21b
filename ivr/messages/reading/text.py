"""The text for reading: without the recogniser's spaces and without fillers, numbers as one writes them."""

import re
from collections.abc import Iterator, Sequence

from ivr.messages.reading.digits import FILLER, Run
from ivr.messages.reading.numbers import Found
from ivr.messages.reading.result import Piece
from ivr.messages.reading.said import Said

DOUBTFUL = 0.8  # of the recogniser's confidence; what it did not understand had about this on average
_FILLER = re.compile(f"(?:{FILLER}|ま)")
# 「あの件」, 「まあまあ」 say something.
_NO_FILLER_BEFORE = re.compile("件|人|時|日|方|商品|後|頃|場所|話|まあ|まぁ|ね|って")
_SHORTEST = 3  # digits that are written as such
Mended = tuple[int, int, str]


def doubtful(said: Said) -> tuple[int, ...]:
    return tuple(index for index, word in enumerate(said.words) if word.conf < DOUBTFUL)


def pieces(
    said: Said, numbers: Sequence[Found], heard: Sequence[Run], fillers: Sequence[str]
) -> tuple[Piece, ...]:
    unsure = set(doubtful(said))
    made: list[Piece] = []
    for start, end, text in _cut(said, numbers, heard):
        first, last = said.owners(start, end)
        if _is_filler(said, end, text, fillers):
            continue
        made.append(Piece(text, first, last, not unsure.isdisjoint(range(first, last + 1))))
    return tuple(made)


def _cut(said: Said, numbers: Sequence[Found], heard: Sequence[Run]) -> Iterator[Mended]:
    """Every character once: words as they are, numbers as they are written."""
    mended: list[Mended] = [(one.start, one.end, one.shown) for one in numbers]
    for run in heard:
        if all(run.end <= one.start or one.end <= run.start for one in numbers):
            mended += _written(run.surely)
    place = 0
    for start, end, text in sorted(mended):
        yield from _words(said, place, start)
        yield start, end, text
        place = end
    yield from _words(said, place, len(said.text))


def _written(run: Run) -> Iterator[Mended]:
    """Digits said one by one, from gap to gap: 一二三四 の 五六 -> 1234 の 五六."""
    group = [run.atoms[0]]
    for atom in [*run.atoms[1:], None]:
        if atom is not None and not atom.after_gap:
            group.append(atom)
            continue
        digits = "".join(one.digits for one in group)
        if len(digits) >= _SHORTEST and all(len(one.digits) == 1 for one in group):
            yield group[0].start, group[-1].end, digits
        if atom is not None:
            group = [atom]


def _words(said: Said, start: int, end: int) -> Iterator[Mended]:
    """Word by word; a filler that the recogniser cut, as えー と, is one."""
    place = start
    while place < end:
        filler = _FILLER.match(said.text, place, end)
        whole = filler and filler.end() > place and {place, filler.end()} <= said.borders
        following = filler.end() if filler and whole else _border_after(said, place)
        yield place, min(following, end), said.text[place : min(following, end)]
        place = following


def _is_filler(said: Said, end: int, text: str, fillers: Sequence[str]) -> bool:
    return text in fillers or (bool(_FILLER.fullmatch(text)) and not _NO_FILLER_BEFORE.match(said.text, end))


def _border_after(said: Said, place: int) -> int:
    while (place := place + 1) not in said.borders:
        pass
    return place
