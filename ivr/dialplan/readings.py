"""`readings.yaml` beside the dialplans: how words are read aloud that the voice would misread."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from ivr.dialplan.load import READINGS, file_text
from ivr.dialplan.problems import BadDialplan, Problem
from ivr.dialplan.source import Source, read

MOST = 1000  # words
LONGEST = 64  # characters of a word, and of its reading
# The letters of both kana, the long vowel, and the comma, which is a pause.
_KANA = re.compile("[ぁ-ゖァ-ヶー、]+")
_SOUND = re.compile("[ぁ-ゖァ-ヶ]")


def load_readings(directory: Path) -> tuple[Mapping[str, str] | None, list[Problem]]:
    """Word -> kana, empty without the file; None if it has an error. And what is wrong with it."""
    path = directory / READINGS
    if not path.exists():
        return {}, []
    file = f"{directory.name}/{READINGS}"
    try:
        source = read(file, file_text(path, file))
    except BadDialplan as bad:
        return None, list(bad.problems)
    problems = [*source.problems, *_shape(source)]
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    return _tree(source), problems


def _tree(source: Source) -> dict[str, str]:
    tree = source.tree if isinstance(source.tree, dict) else {}
    return {word: kana for word, kana in tree.items() if isinstance(kana, str)}


def _shape(source: Source) -> list[Problem]:
    if source.tree is None:
        return []  # empty, or no YAML, which has been said
    if not isinstance(source.tree, dict):
        return [source.problem((), "words with their readings belong here, like 髙橋: タカハシ")]
    if len(source.tree) > MOST:
        return [source.problem((), f"too many words; at most {MOST}")]
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for word, kana in source.tree.items():
        if why := _wrong_word(word):
            problems.append(source.problem((word,), why, at="key", where=""))
        elif (before := first.setdefault(meant(word), word)) != word:
            message = f'"{before}" and "{word}" are the same word'
            problems.append(source.problem((word,), message, at="key", where=""))
        if why := _wrong_kana(kana):
            problems.append(source.problem((word,), why, where=""))
    return problems


def meant(word: str) -> str:
    """Full width and half width, capitals and small letters are one word."""
    return unicodedata.normalize("NFKC", word).casefold()


def _wrong_word(word: str) -> str | None:
    if not any(unicodedata.category(character)[0] in "LNS" for character in word):
        return "a word belongs here"
    if word != word.strip() or "\n" in word:
        return "a word without spaces before or after it belongs here"
    if len(word) > LONGEST:
        return f"the word is too long; at most {LONGEST} characters"
    return None


def _wrong_kana(kana: object) -> str | None:
    if not isinstance(kana, str) or not kana:
        return "the reading is missing; write it in kana, like タカハシ"
    if not _KANA.fullmatch(kana) or not _SOUND.search(kana):
        return f'"{kana[:20]}" is no reading; write it in kana alone, like タカハシ'
    if len(kana) > LONGEST:
        return f"the reading is too long; at most {LONGEST} characters"
    return None
