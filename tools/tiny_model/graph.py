"""The graph beside the network, as text for OpenFst: what words are made of (HCLr) and what follows what (G).

Pure but for `compile_fst`. Costs are natural logarithms, negated.
"""

import math
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.tiny_model.lexicon import PHONES, SILENCE, VOWELS, phones

# What no word of a grammar is: any mora of a consonant and a vowel, one after the other. A loop of any phones in its
# place was tried: with a grammar of two words the lattice of one はい took 23 s to determinise.
UNKNOWN = "[unk]"
# A mora's cost. With less, はい and digits count as nothing; with more, other speech counts as an answer: 3 % at 20.
_UNKNOWN_COST = 16.0
_PLACES = ("begin", "end", "internal", "singleton")
_OTHER_READING = 4.0  # or the end of a word that dies away becomes 一 (イッ) or 四 (シ)
# Each word costs 1.5 besides, or short ones (を, 五, よ) creep in: 6.1 instead of 6.8 % of characters wrong.
_PAUSE, _NO_PAUSE = 1.2 + 1.5, 0.35 + 1.5
_DISCOUNT = 0.6


def phone_ids() -> dict[tuple[str, str], int]:
    """(phone, place in its word) to its number, from 1; silence has the place "nonword"."""
    placed = [(SILENCE, "nonword"), *((phone, place) for phone in PHONES for place in _PLACES)]
    return {one: number for number, one in enumerate(placed, 1)}


def pdf_of_phones() -> list[int]:
    """By phone number, from phone 1: all places of a phone sound the same."""
    classes = (SILENCE, *PHONES)
    return [classes.index(phone) for phone, _ in phone_ids()]


def word_ids(words: Sequence[str]) -> dict[str, int]:
    """As words.txt has them."""
    return {word: number for number, word in enumerate(("<eps>", *sorted(words), UNKNOWN))}


def word_boundaries() -> str:
    return "".join(f"{number} {place}\n" for (_, place), number in phone_ids().items())


class _Arcs:
    """Lines "from to input output cost"; a phone's own state repeats it (Kaldi's reordered topology)."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._states = 2  # 0 begins, 1 stands between words

    def arc(self, source: int, target: int, enter: int, word: int, cost: float = 0.0) -> None:
        self.lines.append(f"{source} {target} {enter} {word} {cost:.4f}")

    def phone(self, number: int) -> int:
        """The state of a phone once it was entered."""
        state = self._states
        self._states += 1
        self.arc(state, state, 2 * number - 1, 0, math.log(2))
        return state

    def plain(self) -> int:
        self._states += 1
        return self._states - 1


def _enters(number: int) -> int:
    return 2 * number


def words_fst(lexicon: Mapping[str, Sequence[str]]) -> str:
    """A loop over all words, a pause or none after each; the word is told as its first phone begins.

    UNKNOWN is one of them, which only a grammar asks for.
    """
    ids, numbers, arcs = word_ids(tuple(lexicon)), phone_ids(), _Arcs()
    silence = arcs.plain()

    def ends(state: int) -> None:
        arcs.arc(state, 1, 0, 0, _NO_PAUSE)
        arcs.arc(state, silence, _enters(numbers[SILENCE, "nonword"]), 0, _PAUSE)

    ends(0)  # first: where fstcompile begins
    arcs.arc(silence, silence, 2 * numbers[SILENCE, "nonword"] - 1, 0, math.log(2))
    arcs.arc(silence, 1, 0, 0, math.log(2))

    def word(id: int, spoken: Sequence[str], cost: float) -> None:
        state = 1
        for at, phone in enumerate(spoken):
            number = numbers[phone, _place(at, len(spoken))]
            following = arcs.phone(number)
            first = at == 0
            arcs.arc(state, following, _enters(number), id if first else 0, cost if first else 0.0)
            state = following
        ends(state)

    for name, readings in lexicon.items():
        for place, spoken in enumerate(dict.fromkeys(phones(reading) for reading in readings)):
            word(ids[name], spoken, _OTHER_READING if place else 0.0)
    for mora in _any_mora():
        word(ids[UNKNOWN], mora, _UNKNOWN_COST)
    return "\n".join([*arcs.lines, "1"]) + "\n"


def _any_mora() -> list[tuple[str, str]]:
    consonants = [phone for phone in PHONES if phone not in (*VOWELS, "N", "cl")]
    return [(consonant, vowel) for consonant in consonants for vowel in VOWELS]


def _place(at: int, length: int) -> str:
    if length == 1:
        return "singleton"
    return "begin" if at == 0 else "end" if at == length - 1 else "internal"


def grammar_fst(lines: Sequence[Sequence[str]], words: Sequence[str]) -> str:
    """Bigrams with a way back to single words (absolute discounting); every word of `words` can be said anywhere."""
    ids = word_ids(words)
    singles = Counter({word: 2 for word in words})
    pairs: dict[str, Counter[str]] = {}
    for line in lines:
        singles.update(line)
        for before, after in zip(("", *line), (*line, ""), strict=True):
            pairs.setdefault(before, Counter())[after] += 1
    total = singles.total() + len(lines)
    states = {word: number for number, word in enumerate(("", *(w for w in pairs if w)))}
    back = len(states)
    rows = []
    for before, followers in pairs.items():
        source, count = states[before], followers.total()
        for after, times in followers.items():
            cost = -math.log((times - _DISCOUNT) / count)
            if after:
                rows.append(f"{source} {states.get(after, back)} {ids[after]} {ids[after]} {cost:.4f}")
            else:
                rows.append(f"{source} {cost:.4f}")
        rows.append(f"{source} {back} 0 0 {-math.log(_DISCOUNT * len(followers) / count):.4f}")
    for word in words:
        cost = -math.log(singles[word] / total)
        rows.append(f"{back} {states.get(word, back)} {ids[word]} {ids[word]} {cost:.4f}")
    rows.append(f"{back} {-math.log(len(lines) / total):.4f}")
    return "\n".join(rows) + "\n"


def compile_fst(text: str, path: Path, by: str) -> None:
    """With OpenFst's programs (libfst-tools); `by`: olabel or ilabel. The state of the first line begins."""
    made = subprocess.run(["fstcompile"], input=text.encode(), capture_output=True, check=True).stdout
    made = subprocess.run(
        ["fstarcsort", f"--sort_type={by}"], input=made, capture_output=True, check=True
    ).stdout
    with path.open("wb") as file:
        subprocess.run(["fstconvert", "--fst_type=const"], input=made, stdout=file, check=True)
