"""From a voice through the telephone and the real Vosk, with the trial model, to what is read out of it."""

import threading
from pathlib import Path

import pytest

from ivr.dialplan.reading import ReadingRules
from ivr.messages.reading import Reading, read_message
from ivr.transcript import Word
from tests.speech import from_mulaw, speak, to_mulaw
from transcribe.recognizer import Recognizer

MODEL = Path(__file__).parents[2] / "transcribe" / "models" / "vosk-tiny-ja"


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(MODEL)


def heard(recognizer: Recognizer, said: str) -> Reading:
    samples = from_mulaw(to_mulaw(speak(said))).tobytes() + bytes(8000)
    found = recognizer.words([samples], threading.Event())
    words = [Word(word.word, word.start, word.end, word.conf) for word in found]
    return read_message(words, ReadingRules(), caller="+819012345678")


@pytest.mark.parametrize(
    ("said", "text", "suggested", "matter"),
    [
        (
            "山田です。番号は、ゼロサン、ゴーゴーゴーゴー、イチニーサンヨンです。",
            "山田です番号は03-5555-1234です",
            {"number": "03-5555-1234", "name": "山田"},
            False,
        ),
        (
            "田中と申します。折り返しお電話ください。",
            "田中と申します折り返しお電話ください",
            {"name": "田中", "reply": "yes"},
            False,
        ),
        (
            "商品が届いていません。至急連絡をお願いします。",
            "商品が届いていません至急連絡をお願いします",
            {"urgent": "至急", "reply": "yes"},
            True,
        ),
        (
            "注文番号は、イチニーサンヨンゴーロクナナハチです。",
            "注文番号は12345678です",
            {"order": "12345678"},
            True,
        ),
    ],
)
def test_a_message_is_read(
    recognizer: Recognizer, said: str, text: str, suggested: dict[str, str], matter: bool
) -> None:
    reading = heard(recognizer, said)
    assert reading.text == text
    assert {one.kind: one.value for one in reading.suggestions} == suggested
    assert reading.matter == matter


def test_a_suggestion_knows_when_it_was_said(recognizer: Recognizer) -> None:
    said = "山田です。番号は、ゼロキューゼロ、イチニーサンヨン、ゴーロクナナハチです。"
    number, name = heard(recognizer, said).suggestions
    assert (number.value, number.compared) == ("090-1234-5678", "same")
    assert 0 < name.start < name.end < number.start < number.end < len(speak(said)) / 8000
