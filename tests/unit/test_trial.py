"""`ivr call` without a telephone: which keys it presses where, what it takes for a beep, who picks up."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ivr.dialplan.load import load
from ivr.keys import KeyTable
from ivr.prompts import music
from ivr.steps import STEPS
from ivr.store.tables import AgentRow
from ivr.trial.call import TrialResult, choose_agents
from ivr.trial.caller import Diary, Ear, keys_asked, next_keys
from tests.speech import from_mulaw, speak, to_mulaw

pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")

DIALPLANS = Path(__file__).parents[2] / "dialplans"
RATE = 8000
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
Samples = npt.NDArray[np.int16]


# -- keys -------------------------------------------------------------------------------------


def pressed(keys: str, *menus: list[str]) -> list[str]:
    """What is pressed at each menu, and then what is left."""
    groups = []
    for menu in menus:
        groups.append(next_keys(keys, KeyTable(menu)))
        keys = keys[len(groups[-1]) :]
    return [*groups, keys]


FIRST, SECOND = ["#1", "#2", "#3"], ["#1", "#2"]


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        ("#1#2", ["#1", "#2", ""]),
        ("12", ["1", "2", ""]),  # as the menu understands it without #
        ("#1#2#9", ["#1", "#2", "#9"]),
        ("#5#1", ["#5", "#1", ""]),  # a wrong key is pressed all the same
        ("51", ["5", "1", ""]),
        ("*1", ["*1", "", ""]),
        ("#", ["#", "", ""]),
        ("", ["", "", ""]),
    ],
)
def test_each_menu_gets_the_keys_that_belong_to_it(keys: str, groups: list[str]) -> None:
    assert pressed(keys, FIRST, SECOND) == groups


def test_a_menu_with_keys_of_two_digits_gets_both() -> None:
    assert pressed("10#2", ["10", "20"], SECOND) == ["10", "#2", ""]


@pytest.mark.parametrize(
    ("line", "step", "keys"),
    [
        ("ecforce", "product", ["#1", "#2"]),
        ("ecforce", "support", ["#9"]),
        ("sakura", "rules", ["1", "2"]),
        ("sakura", "member", []),
        ("sakura", "welcome", []),
    ],
)
def test_keys_are_pressed_where_the_caller_is_asked_for_one(line: str, step: str, keys: list[str]) -> None:
    assert keys_asked(load(DIALPLANS / f"{line}.yaml", STEPS).steps[step]) == keys


# -- the beep: 1 kHz for 0.4 s at -12 dBFS -------------------------------------------------------


def tone(hertz: float, seconds: float, peak: float = 0.25) -> Samples:
    time = np.arange(int(RATE * seconds)) / RATE
    return (32767 * peak * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(int(RATE * seconds), np.int16)


def over_the_line(*parts: Samples) -> bytes:
    return from_mulaw(to_mulaw(np.concatenate(parts))).tobytes()


def beeps(heard: bytes, piece: int = 1000) -> Iterator[float]:
    """When each was noticed, in seconds from the beginning, by somebody who listens every `piece` bytes."""
    ear = Ear()
    for end in range(piece, len(heard) + piece, piece):
        if ear.beeped(heard[:end]):
            yield min(end, len(heard)) / 2 / RATE


PROMPT = "恐れ入りますが、発信音の後に、お名前、お電話番号、ご用件を具体的にお話しください。"


def test_a_beep_right_after_speech_is_heard_before_it_is_over() -> None:
    speech = speak(PROMPT)
    heard = over_the_line(speech, tone(1000, 0.4))
    begin = len(speech) / RATE
    (at,) = beeps(heard)
    assert begin + 0.25 < at <= begin + 0.4 + 0.07  # the last piece that it listened to


@pytest.mark.parametrize("offset", [0, 1, 37, 80, 159])
def test_a_beep_is_heard_wherever_it_begins(offset: int) -> None:
    heard = over_the_line(tone(440, 1.0)[:offset], silence(0.5), tone(1000, 0.4), silence(0.5))
    assert len(list(beeps(heard))) == 1


def test_the_beep_that_we_play_is_heard_once() -> None:
    beep = np.frombuffer(music.beep().narrow, "<i2")
    assert len(list(beeps(over_the_line(speak(PROMPT), beep, silence(1.0))))) == 1


def test_a_lost_packet_in_the_beep_does_not_hide_or_double_it() -> None:
    beep = tone(1000, 0.4)
    for lost in range(0, len(beep), 160):
        holed = beep.copy()
        holed[lost : lost + 160] = 0
        assert len(list(beeps(over_the_line(silence(0.3), holed, silence(0.5))))) == 1, lost


def test_each_of_two_beeps_is_heard() -> None:
    again = speak("お声が聞こえませんでした。")
    heard = over_the_line(speak(PROMPT), tone(1000, 0.4), again, tone(1000, 0.4))
    assert len(list(beeps(heard))) == 2


@pytest.mark.parametrize("piece", [1, 161, 320, 100_000])
def test_it_does_not_matter_how_the_audio_arrives(piece: int) -> None:
    heard = over_the_line(silence(0.1), tone(1000, 0.4), silence(0.2))
    assert len(list(beeps(heard, piece))) == 1


def test_nothing_else_on_a_line_is_taken_for_a_beep() -> None:
    others = {
        "speech": speak(PROMPT),
        "the music on hold": np.frombuffer(music.hold().narrow, "<i2"),
        "ringing": tone(400, 2.0),
        "a key": (tone(697, 0.5) + tone(1209, 0.5)),
        "a click": tone(1000, 0.2),
        "a neighbouring tone": tone(1100, 1.0),
        "a chord with the beep's tone": (tone(1000, 1.0) + tone(650, 1.0)),
        "a tone far away": tone(1000, 1.0, peak=0.01),
        "silence": silence(1.0),
    }
    assert [name for name, sound in others.items() if list(beeps(over_the_line(sound)))] == []


# -- agents -------------------------------------------------------------------------------------


def agent(name: str, *groups: str, state: str = "available", free_in: float | None = None) -> AgentRow:
    until = None if free_in is None else NOW + timedelta(seconds=free_in)
    return AgentRow(name=name, groups=list(groups), state=state, wrap_up_until=until)


def chosen(rows: list[AgentRow], *groups: str) -> list[str]:
    return [row.name for row in choose_agents(rows, groups, "ecforce", NOW)]


def test_one_agent_sits_down_for_each_group() -> None:
    rows = [agent("sato", "billing"), agent("suzuki", "support"), agent("tanaka", "support")]
    assert chosen(rows, "support", "billing") == ["sato", "suzuki"]
    assert chosen(rows, "support") == ["suzuki"]


def test_who_serves_two_groups_sits_down_once() -> None:
    assert chosen([agent("sato", "billing", "support")], "billing", "support") == ["sato"]


def test_who_is_free_first_is_preferred() -> None:
    rows = [
        agent("a", "support", state="talking"),
        agent("b", "support", state="wrap_up", free_in=20),
        agent("c", "support", state="wrap_up", free_in=-1),
        agent("d", "support", state="away", free_in=3),  # whose telephone could not ring
    ]
    assert chosen(rows, "support") == ["c"]
    assert chosen([row for row in rows if row.name != "c"], "support") == ["d"]


def test_nobody_of_another_company_sits_down() -> None:
    rows = [agent("bob", "support"), agent("sato", "support")]
    rows[0].tenant = "sakura"
    assert [row.name for row in choose_agents(rows, {"support"}, "ecforce", NOW)] == ["sato"]
    assert [row.name for row in choose_agents(rows, {"support"}, "sakura", NOW)] == ["bob"]


def test_who_went_away_stays_away() -> None:
    assert chosen([agent("sato", "support", state="away")], "support") == []


# -- what it says -----------------------------------------------------------------------------------


class StandingClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 5.0


def test_the_result_is_json_with_what_programs_rely_on() -> None:
    lines: list[str] = []
    diary = Diary(StandingClock(), lines.append)
    diary.dialled("dials 050-3185-9080")
    result = TrialResult(steps=diary.steps, answered_by="田中")
    assert json.loads(json.dumps(result.as_json())) == {
        "call": None,
        "heard": None,
        "steps": [{"at": "2026-11-24T11:00:00.000+09:00", "what": "dials 050-3185-9080"}],
        "message": None,
        "callback": None,
        "answered_by": "田中",
        "ended": False,
    }
    assert lines == ["   0.0 s  dials 050-3185-9080"]
