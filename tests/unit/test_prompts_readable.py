"""Which characters are refused before the voice is asked, held against the voice itself."""

import unicodedata

import pyopenjtalk
import pytest

from ivr.prompts.readable import unreadable
from ivr.prompts.reading import normalise

REFUSED = ["♪", "😀", "★", "→", "é", "Привет", "안녕", "你们", "$", "=", "€", "彁", "ヷ"]
READ = [
    "髙橋",
    "﨑",
    "㈱",
    "①",
    "ｱｲｳ",
    "Ω",
    "々",
    "ヶ月",
    "100%",
    "〆切",
    "〒1",
    "+1",
    "¥100",
    "A&B",
    "#1",
    "効果測定〜",
]
SILENT = ["……", "。", "「」", "・", "!?", " ", "()"]


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_voice_leaves_out_is_refused_and_named(text: str) -> None:
    why = unreadable(normalise(f"はい{text}", None))
    assert why is not None
    assert why.endswith("take it out, write it in kana, or give its reading in readings.yaml")
    assert why.removeprefix('the voice cannot read "')[0] in text


def test_an_emoji_is_named() -> None:
    assert unreadable("承りました😀") == (
        'the voice cannot read "😀"; take it out, write it in kana, or give its reading in readings.yaml'
    )


@pytest.mark.parametrize("text", READ)
def test_what_the_voice_reads_is_let_through(text: str) -> None:
    assert unreadable(normalise(text, None)) is None


@pytest.mark.parametrize("text", SILENT)
def test_a_text_of_signs_alone_is_refused(text: str) -> None:
    assert unreadable(normalise(text, None)) == "a prompt without anything that can be read aloud"


@pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")
def test_the_voice_reads_every_letter_and_symbol_that_is_let_through() -> None:
    """From space to the kanji: whatever is let through, but punctuation, changes what is heard."""
    without = pyopenjtalk.g2p("はい")
    silent = []
    for code in [
        *range(0x20, 0x3100),
        *range(0x4E00, 0xA000, 7),
        *range(0xF900, 0x10000),
        *range(0x1F300, 0x1F650),
    ]:
        character = chr(code)
        kind = unicodedata.category(character)
        if kind[0] in "CPZM":
            continue
        spoken = normalise("はい" + character, None)
        if unreadable(spoken) is None and pyopenjtalk.g2p(spoken) == without:
            silent.append(character)
    # They sound in a word: 人々, 一ヶ月, and a ~ between two numbers is から.
    assert set(silent) == set("々ゕゖヵヶ~～")
