"""The words of a message joined as Japanese is written, and each place of that text with its words and times."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from sudachipy import Dictionary, SplitMode

from ivr.transcript import Word

_LONGEST = 8000  # characters at a time; SudachiPy takes at most 49,149 bytes
_LATIN = re.compile("[A-Za-z]")
_KANA = re.compile("[ァ-ヶー]+")


@dataclass(frozen=True, slots=True)
class Morpheme:
    """`start`, `end`: characters of the text; `base`: its dictionary form in one spelling; `kana`: in katakana."""

    surface: str
    start: int
    end: int
    kind: tuple[str, ...]
    base: str
    kana: str

    @property
    def is_noun(self) -> bool:
        return self.kind[0] == "名詞" or self.kind[:2] == ("接尾辞", "名詞的")

    @property
    def is_name(self) -> bool:
        return self.kind[2] == "人名"

    @property
    def is_place(self) -> bool:
        return self.kind[2] == "地名"


@lru_cache(maxsize=1)
def _dictionary() -> Any:
    return Dictionary(dict="core")


def morphemes(text: str) -> tuple[Morpheme, ...]:
    # One for each reading: it is cheap, and two threads must not share one.
    tokenizer = _dictionary().tokenizer(SplitMode.C)
    found = []
    for offset in range(0, len(text), _LONGEST):
        for m in tokenizer.tokenize(text[offset : offset + _LONGEST]):
            start, end = m.begin() + offset, m.end() + offset
            kind, kana = tuple(m.part_of_speech()), m.reading_form()
            found.append(Morpheme(m.surface(), start, end, kind, m.normalized_form(), kana or m.surface()))
    return tuple(found)


class Said:
    """`text` is NFKC, without the recogniser's spaces; `owner[i]` is the index of the word of character i."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = tuple(words)
        text, owner = "", []
        for index, word in enumerate(words):
            plain = unicodedata.normalize("NFKC", word.word).replace(" ", "")
            if text and plain and _LATIN.match(text[-1]) and _LATIN.match(plain) and len(plain) > 1:
                plain = " " + plain
            text += plain
            owner += [index] * len(plain)
        self.text = text
        self.owner = tuple(owner)

    @cached_property
    def morphemes(self) -> tuple[Morpheme, ...]:
        return morphemes(self.text)

    @cached_property
    def ending(self) -> dict[int, int]:
        """Place -> index of the morpheme that ends there."""
        return {m.end: index for index, m in enumerate(self.morphemes)}

    @cached_property
    def borders(self) -> frozenset[int]:
        """Places at which a word begins, and the end."""
        inner = {place for place, (one, two) in enumerate(pairwise(self.owner), 1) if one != two}
        return frozenset(inner | {0, len(self.text)})

    def owners(self, start: int, end: int) -> tuple[int, int]:
        """First and last word of the characters from `start` to before `end`."""
        return self.owner[start], self.owner[max(start, end - 1)]

    def times(self, start: int, end: int) -> tuple[float, float]:
        """Seconds."""
        first, last = self.owners(start, end)
        return self.words[first].start, self.words[last].end


_OPENS = {"名詞", "動詞", "形容詞", "形状詞", "副詞", "連体詞", "接頭辞", "感動詞", "代名詞", "接続詞"}


def kana_of(text: str) -> str:
    """In katakana, phrases apart by spaces; digits, signs and Latin letters stay."""
    said, before = "", ""
    for m in morphemes(text):
        plain = m.surface.isascii() or not _KANA.fullmatch(m.kana)
        kana = m.surface if plain else m.kana
        depends = m.kind[1] == "非自立可能" and before in ("助詞", "動詞", "名詞")
        if m.kind[0] in _OPENS and before not in ("", "名詞", "接頭辞") and not depends and not plain:
            said += " "
        said += kana
        before = "名詞" if plain else m.kind[0]
    return said
