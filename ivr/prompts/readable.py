"""Which characters the voice reads: one that it leaves out in silence would be missed by callers only.

Judged without the voice, which takes long to load and may run in one thread of one process only;
tests/unit/test_prompts_readable.py holds the rules against the real one.
"""

import unicodedata

# Symbols that are read, or that `normalise` makes words of. Punctuation is silent, as it should be.
_SYMBOLS = frozenset("+~¥£×÷〒")
_GREEK = frozenset("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω")


def unreadable(spoken: str) -> str | None:
    """Why `spoken`, a text after `normalise`, cannot be read aloud; None if it can."""
    if not any(unicodedata.category(character)[0] in "LN" for character in spoken):
        return "a prompt without anything that can be read aloud"
    for character in spoken:
        if not _known(character):
            return (
                f"the voice cannot read {_name(character)}; take it out, write it in kana,"
                " or give its reading in readings.yaml"
            )
    return None


def _known(character: str) -> bool:
    kind = unicodedata.category(character)
    if character.isascii():
        return kind[0] != "S" or character in _SYMBOLS
    match kind[0]:
        case "L":
            return _letter(character)
        case "S":
            return character in _SYMBOLS
        case "P" | "Z":
            return True
        case _:
            return kind == "Cf" or unicodedata.name(character, "").startswith("VARIATION SELECTOR")


def _letter(character: str) -> bool:
    """Kana, Greek, and the kanji of Windows' Japanese set: of the others the voice leaves most out."""
    if "ぁ" <= character <= "ヿ":
        return character not in "ヷヸヹヺ"
    if character in "々〆" or character in _GREEK:
        return True
    if not unicodedata.name(character, "").startswith("CJK"):
        return False
    try:
        character.encode("cp932")
    except UnicodeEncodeError:
        return False
    return character not in "墸妛彁挧暃椦槞蟐袮駲"  # ghosts, of which nobody knows a reading


def _name(character: str) -> str:
    if character.isprintable():
        return f'"{character}"'
    return f"the invisible character U+{ord(character):04X}"
