"""The comparison that the other tests of calls listen with: what it must take and what it must refuse."""

import numpy as np
import pytest

from tests.asterisk import sayings
from tests.asterisk.desk import Desk
from tests.asterisk.hearing import Samples, find, speech_of, tone
from tests.asterisk.sayings import CONNECTING, MENU, PRODUCT, WELCOME, WRONG
from tests.speech import from_mulaw, to_mulaw

NUMBER = "05031859080"


@pytest.fixture(scope="module")
def spoken(open_desk: Desk) -> dict[str, Samples]:
    """Every prompt that the instance has spoken."""
    return open_desk.spoken()


def _telephoned(prompt: Samples, level: float = 1.0) -> Samples:
    """With two seconds of another's tone before it and silence behind it, through G.711."""
    pause = np.zeros(4000, np.int16)
    audio = np.concatenate([tone(440, 2), pause, (prompt * level).astype(np.int16), pause])
    return from_mulaw(to_mulaw(audio))


def test_a_prompt_is_found_where_it_was_said(spoken: dict[str, Samples]) -> None:
    for text in (WELCOME, MENU, PRODUCT, CONNECTING, WRONG):
        found = find(spoken[text], _telephoned(spoken[text], 0.7))
        assert found is not None, text
        assert abs(found.begin - 20000) < 4000 and found.likeness > 0.95
        assert abs(found.end - found.begin - len(speech_of(spoken[text]))) == 0


def test_every_other_prompt_is_refused(spoken: dict[str, Samples]) -> None:
    texts = [text for text in vars(sayings).values() if isinstance(text, str) and text in spoken]
    assert len(texts) >= 15
    for text in (WELCOME, MENU, PRODUCT, CONNECTING, WRONG):
        others = [_telephoned(spoken[other]) for other in texts if other != text]
        assert find(spoken[text], np.concatenate(others)) is None, text


def test_silence_is_refused(spoken: dict[str, Samples]) -> None:
    noise = np.random.default_rng(1).integers(-8, 9, 160_000).astype(np.int16)
    for nothing in (np.zeros(160_000, np.int16), noise, np.zeros(0, np.int16)):
        assert find(spoken[WELCOME], nothing) is None


@pytest.mark.parametrize("text", [WELCOME, MENU, CONNECTING])
def test_a_prompt_without_300_ms_of_its_speech_is_refused(spoken: dict[str, Samples], text: str) -> None:
    whole = speech_of(spoken[text])
    for begin in [*range(0, len(whole) - 2400, 1600), len(whole) - 2400]:
        cut = np.concatenate([whole[:begin], whole[begin + 2400 :]])
        assert find(spoken[text], _telephoned(cut)) is None, f"{begin / 8000} s"


@pytest.mark.parametrize("text", [WELCOME, MENU])
def test_packets_that_come_late_all_along_a_prompt_are_taken(spoken: dict[str, Samples], text: str) -> None:
    whole, late = speech_of(spoken[text]), np.zeros(160, np.int16)
    halves = [whole[begin : begin + 4000] for begin in range(0, len(whole), 4000)]
    heard = np.concatenate([packet for half in halves for packet in (half, late)])
    assert len(heard) - len(whole) > 480 or len(halves) <= 3
    assert find(spoken[text], _telephoned(heard)) is not None
