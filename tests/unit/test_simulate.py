"""`ivr simulate`: keys and words given or typed, what is printed, what is saved."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.errors import BadArgument
from ivr.keys import KeyTable
from ivr.terminal import command
from ivr.terminal.person import Scripted
from ivr.terminal.virtual import NothingWillHappen, VirtualLoop
from tests.fakes.virtual_time import in_virtual_time
from tests.flows.office import ecforce
from tests.flows.scenarios import TEXTS, heard_names, read

OPEN = ["simulate", "ecforce", "--at", "2026-11-24T11:00"]
CLOSED = ["simulate", "ecforce", "--at", "2026-11-24T18:30"]


def simulated(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert main([*words, "--json"]) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def test_put_through(capsys: pytest.CaptureFixture[str]) -> None:
    told = simulated([*OPEN, "--keys", "#1#2"], capsys)
    assert (told["outcome"], told["cause"], told["answered_by"]) == ("answered", None, "support-1")
    assert told["path"] == ["welcome", "office", "menu", "#1", "product", "#2", "support"]
    steps = told["steps"]
    assert isinstance(steps, list)
    assert [(step["step"], step["type"], step["keys"]) for step in steps] == [
        ("welcome", "play", ""),
        ("office", "hours", ""),
        ("menu", "menu", "#1"),
        ("product", "menu", "#2"),
        ("support", "queue", ""),
    ]
    assert [step["said"] for step in steps[:4]] == [TEXTS["WELCOME"], "", TEXTS["MENU"], TEXTS["PRODUCT"]]
    assert all(set(step) == {"step", "type", "said", "keys", "at"} for step in steps)
    assert steps[0]["at"] == "2026-11-24T11:00:00+09:00" < steps[2]["at"] < steps[4]["at"]


def test_message_while_closed(capsys: pytest.CaptureFixture[str]) -> None:
    told = simulated([*CLOSED, "--say", "請求書の再発行をお願いします"], capsys)
    assert (told["outcome"], told["cause"]) == ("message", "closed")
    assert told["message"] == {
        "words": "請求書の再発行をお願いします",
        "ended_by": "key",
        "due": "2026-11-25T17:00:00+09:00",
    }


def test_who_says_no_matter_is_asked_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    told = simulated([*CLOSED, "--say", "田中です", "--say", "請求書の件です"], capsys)
    assert told["message"]["words"] == "田中です 請求書の件です"
    assert "恐れ入りますが、ご用件を、発信音の後にお話しください。" in told["steps"][-3]["said"]


def test_says_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    told = simulated([*CLOSED, "--keys", ""], capsys)
    assert (told["outcome"], told["message"]) == ("silent", None)


@pytest.mark.parametrize(
    ("words", "cause", "path_end"),
    [
        (["--busy"], "busy", ["busy_message", "thanks", "bye"]),
        (["--nobody"], "no_agent", ["busy_message", "thanks", "bye"]),
        (["--agents", "billing=0"], "no_agent", ["busy_message", "thanks", "bye"]),
        (["--busy", "--keys", "#2#9"], "asked", ["#9", "leave_message", "thanks", "bye"]),
    ],
)
def test_who_is_there(
    words: list[str], cause: str, path_end: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    told = simulated([*OPEN, "--keys", "#2", "--say", "田中です", *words], capsys)
    path = told["path"]
    assert isinstance(path, list)
    assert (told["outcome"], told["cause"], path[-len(path_end) :]) == ("message", cause, path_end)


def test_withheld_number_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    told = simulated([*CLOSED, "--say", "田中です", "--caller", "anonymous"], capsys)
    assert TEXTS["WITHHELD"] in json.dumps(told["steps"], ensure_ascii=False)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("support", "write for example"),
        ("suport=1", 'did you mean "support"?'),
        ("support=-1", "number of agents"),
    ],
)
def test_wrong_agents(spec: str, said: str) -> None:
    with pytest.raises(BadArgument) as error:
        command.agents(ecforce()[0], spec, busy=False, nobody=False)
    assert said in str(error.value)


def test_wrong_caller() -> None:
    with pytest.raises(BadArgument, match="no Japanese telephone number"):
        command.caller("12")


def test_dialplan_with_errors_is_not_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ecforce.yaml").write_text(
        ecforce()[0].source.replace("otherwise: product", "otherwise: produkt")
    )
    monkeypatch.setenv("IVR_DIALPLANS", str(tmp_path))
    assert main([*OPEN, "--keys", "#1"]) == 1
    assert 'there is no step "produkt"; did you mean "product"?' in capsys.readouterr().err


# -- the keyboard ---------------------------------------------------------------------------


def typed(words: list[str], lines: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ivr.cli", *words], input=lines, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_typed_call() -> None:
    said = typed([*OPEN, "--busy"], "\n#2\n\n#9\n田中です\n")
    assert said.count(TEXTS["MENU"]) == 2  # Enter alone: the menu is said again
    assert "「田中です」" in said and "outcome: message (asked)" in said


def test_end_of_input_hangs_up() -> None:
    assert "outcome: abandoned" in typed(OPEN, "#1\n")


# -- keys one menu after the other ----------------------------------------------------------


def test_each_menu_takes_what_it_needs() -> None:
    person = Scripted("#1 2,0#9", [])
    first, second = KeyTable(["#1", "#2"]), KeyTable(["1", "2", "25"])
    assert person.keys(first, waiting=False) == "#1"
    assert person.keys(second, waiting=False) == "2"
    assert person.keys(first, waiting=False) == "0"
    assert person.keys(KeyTable(["#8"]), waiting=True) == ""  # no key of this queue
    assert person.left == "#9"
    assert person.keys(KeyTable(["#9"]), waiting=True) == "#9"
    assert (person.left, person.keys(first, waiting=False)) == ("", "")


def test_digits_take_what_they_need() -> None:
    person = Scripted("1203#1,4821", [])
    assert person.digits(6, "#") == "1203#"
    assert person.keys(KeyTable(["1", "2"]), waiting=False) == "1"
    assert person.digits(3, "#") == "482"
    assert person.left == "1"


def test_comma_presses_nothing_here() -> None:
    person = Scripted(",#1", [])
    assert [person.keys(KeyTable(["#1"]), waiting=False) for _ in range(3)] == ["", "#1", ""]


# -- saved sessions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        [*OPEN, "--keys", "#3"],
        [*OPEN, "--keys", ",0,#2", "--busy", "--say", "田中です"],
        [*OPEN, "--keys", "#1#2"],
        [*OPEN, "--keys", "#2", "--nobody"],
        [*CLOSED, "--say", "", "--say", "田中です", "--caller", "anonymous"],
    ],
)
def test_saved_session_replays(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On FakeCall, the suite's queues and mailbox, it takes the same way."""
    file = tmp_path / "saved.yaml"
    told = simulated([*words, "--save", str(file)], capsys)
    [scenario] = read("saved", file.read_text())
    in_virtual_time(replay)(scenario, told)


async def replay(scenario, told) -> None:  # type: ignore[no-untyped-def]
    office = scenario.office()
    await office.serve()
    [visit], [expected] = office.visits, scenario.expected()
    state = visit.state
    assert (state.outcome, state.cause, state.path) == (told["outcome"], told["cause"], told["path"])
    assert (expected.outcome, expected.cause, expected.path) == (state.outcome, state.cause, state.path)
    assert expected.heard in (None, heard_names(visit))
    assert (expected.heard is None) == ("queue" in [step["type"] for step in told["steps"]])


# -- time that jumps ------------------------------------------------------------------------


def test_hour_passes_at_once() -> None:
    async def sleep() -> float:
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time() - begun

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(sleep()) == pytest.approx(3600)


def test_who_waits_for_nothing_is_told() -> None:
    async def stuck() -> None:
        await asyncio.get_running_loop().create_future()

    runner = asyncio.Runner(loop_factory=VirtualLoop)
    loop = runner.get_loop()
    task = loop.create_task(stuck())
    with pytest.raises(NothingWillHappen):
        loop.run_until_complete(task)
    runner.close()
