"""Words and how they are spoken: kana to the phones of open_jtalk, in which everything here is labelled."""

from pathlib import Path

SILENCE = "sil"
_HERE = Path(__file__).resolve().parent

_VOWELS = {"ア": "a", "イ": "i", "ウ": "u", "エ": "e", "オ": "o"}
_SMALL = {"ァ": "a", "ィ": "i", "ゥ": "u", "ェ": "e", "ォ": "o", "ャ": "a", "ュ": "u", "ョ": "o"}
# Consonants of the five columns ア イ ウ エ オ.
_ROWS = {
    "カキクケコ": ("k", "k", "k", "k", "k"),
    "ガギグゲゴ": ("g", "g", "g", "g", "g"),
    "サシスセソ": ("s", "sh", "s", "s", "s"),
    "ザジズゼゾ": ("z", "j", "z", "z", "z"),
    "タチツテト": ("t", "ch", "ts", "t", "t"),
    "ダヂヅデド": ("d", "j", "z", "d", "d"),
    "ナニヌネノ": ("n", "n", "n", "n", "n"),
    "ハヒフヘホ": ("h", "h", "f", "h", "h"),
    "バビブベボ": ("b", "b", "b", "b", "b"),
    "パピプペポ": ("p", "p", "p", "p", "p"),
    "マミムメモ": ("m", "m", "m", "m", "m"),
    "ラリルレロ": ("r", "r", "r", "r", "r"),
}
_MORAE = {
    kana: (consonant, vowel)
    for row, consonants in _ROWS.items()
    for kana, consonant, vowel in zip(row, consonants, "aiueo", strict=True)
} | {"ヤ": ("y", "a"), "ユ": ("y", "u"), "ヨ": ("y", "o"), "ワ": ("w", "a")}
_SOFT = {"k": "ky", "g": "gy", "n": "ny", "h": "hy", "b": "by", "p": "py", "m": "my", "r": "ry"}

VOWELS = ("a", "i", "u", "e", "o")
PHONES = (
    *VOWELS,
    *("N", "cl", "k", "ky", "g", "gy", "s", "sh", "z", "j", "t", "ch", "ts", "d"),
    *("n", "ny", "h", "hy", "f", "b", "by", "p", "py", "m", "my", "r", "ry", "y", "w"),
)


def phones(kana: str) -> tuple[str, ...]:
    """Of katakana as it is spoken (ショーヒン, not ショウヒン, where the vowel is long). ValueError for other signs."""
    found: list[str] = []
    for sign in kana:
        if sign in _VOWELS:
            found.append(_VOWELS[sign])
        elif sign in _MORAE:
            found += _MORAE[sign]
        elif sign == "ン":
            found.append("N")
        elif sign == "ッ":
            found.append("cl")
        elif sign == "ー" and found and found[-1] in _VOWELS.values():
            found.append(found[-1])
        elif sign in _SMALL and len(found) > 1:
            _soften(found, sign)
        else:
            raise ValueError(f"{kana}: {sign} cannot be read")
    return tuple(found)


def _soften(found: list[str], sign: str) -> None:
    """キ + ャ is ky a, シ + ャ is sh a, テ + ィ is t i, フ + ォ is f o: the last vowel gives way."""
    consonant = found[-2]
    if sign in "ャュョ" and found[-1] == "i":
        found[-2] = _SOFT.get(consonant, consonant)
    found[-1] = _SMALL[sign]


def read_words(path: Path = _HERE / "words.tsv") -> dict[str, tuple[str, ...]]:
    """Word -> its readings in katakana, the usual one first."""
    words: dict[str, tuple[str, ...]] = {}
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            word, *readings = line.split("\t")
            words[word] = tuple(readings)
    return words


def group(name: str, path: Path = _HERE / "words.tsv") -> tuple[str, ...]:
    """The words below the comment `# name`."""
    part = path.read_text("utf-8").split(f"\n# {name}\n")[1].split("\n#")[0]
    return tuple(line.split("\t")[0] for line in part.splitlines() if line)
