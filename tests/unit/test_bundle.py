"""What the fallback knows: the bundle, and how the script reads it. On a telephone: tests/asterisk/test_fallback.py."""

import ast
import importlib.util
import json
import os
import re
import sys
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ivr.asterisk.bundle import LAST_RESORT, PROMPTS, SCRIPT, BundleLine, last_resort, write_bundle
from ivr.call import CallbackPromise
from ivr.dialplan.load import load_all
from ivr.errors import AsteriskError
from ivr.fallback import Telephone, bundle_line
from ivr.messages.sidecar import Sidecar
from ivr.steps import STEPS

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
PROMISE = CallbackPromise("medium", "1 business day", "office")


def line(key: str = "ecforce", **changes: Any) -> BundleLine:
    values = {
        "key": key,
        "tenant": "ecforce",
        "name": "窓口",
        "dialplan": "9f2c",
        "numbers": ["+815031859080"],
        "open": [(datetime(2026, 11, 24, 1, tzinfo=UTC), datetime(2026, 11, 24, 8, tzinfo=UTC))],
        "until": NOW + timedelta(days=732),
        "queues": True,
        "telephones": ["PJSIP/tanaka", "PJSIP/suzuki"],
        "promise_open": PROMISE,
        "promise_closed": PROMISE,
    }
    return BundleLine(**(values | changes))


@pytest.fixture
def prompts(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "made"
    folder.mkdir()
    for name in PROMPTS:
        (folder / f"{name}.wav").write_bytes(name.encode())
    return {name: folder / f"{name}.wav" for name in PROMPTS}


def test_a_bundle_holds_lines_prompts_and_dialplan(tmp_path: Path, prompts: dict[str, Path]) -> None:
    bundle = tmp_path / "bundle"
    text = write_bundle(bundle, [line()], prompts, tmp_path / "messages", 3600.0)
    found = json.loads((bundle / "lines/ecforce.json").read_text())
    assert found["open"] == [[1795482000, 1795507200]]  # 2026-11-24 10:00 and 17:00 in Japan
    assert found["telephones"] == ["PJSIP/tanaka", "PJSIP/suzuki"]
    assert found["clock_offset"] == 3600.0
    assert found["promise"]["closed"] == {"priority": "medium", "due": "1 business day", "hours": "office"}
    assert (bundle / "ivr_fallback.conf").read_text() == text
    for name in ("fallback_open", "fallback_closed", "record", "thanks", "goodbye", "beep"):
        assert (bundle / f"{name}.wav").read_bytes() == name.encode()


def test_a_number_may_be_dialled_in_three_ways_and_a_failure_ends_in_the_last_resort(
    tmp_path: Path, prompts: dict[str, Path]
) -> None:
    numbers = ["+815031859080", "+81312345678"]
    text = write_bundle(tmp_path / "bundle", [line(numbers=numbers)], prompts, tmp_path, 0.0)
    extensions = set(re.findall(r"^exten => ([^,]+),1,", text, re.MULTILINE))
    assert extensions == {
        *("+815031859080", "815031859080", "05031859080"),
        *("+81312345678", "81312345678", "0312345678"),
    }
    agi = re.findall(r"AGI\((.+)\)", text)
    assert agi[0].split(",") == [sys.executable, "-I", str(SCRIPT), str(tmp_path / "bundle"), "ecforce"]
    assert all(Path(path).is_absolute() for path in agi[0].split(",")[:1] + agi[0].split(",")[2:4])
    assert text.count("Goto(ivr-last-resort,s,1)") == 2


def test_a_new_bundle_takes_the_place_of_the_old_one_whole(tmp_path: Path, prompts: dict[str, Path]) -> None:
    bundle = tmp_path / "bundle"
    write_bundle(bundle, [line("first"), line("second", numbers=["+81312345678"])], prompts, tmp_path, 0.0)
    write_bundle(bundle, [line("second", numbers=["+81312345678"])], prompts, tmp_path, 0.0)
    assert [path.name for path in (bundle / "lines").iterdir()] == ["second.json"]
    assert len(list(tmp_path.glob("bundle.*"))) == 1, "the old one is gone"


def test_a_bundle_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, prompts: dict[str, Path]) -> None:
    bundle = tmp_path / "bundle"
    write_bundle(bundle, [line()], prompts, tmp_path, 0.0)
    prompts["goodbye"].unlink()
    with pytest.raises(AsteriskError):
        write_bundle(bundle, [], prompts, tmp_path, 0.0)
    assert (bundle / "lines/ecforce.json").exists()
    assert len(list(tmp_path.glob("bundle.*"))) == 1


def test_the_last_resort_has_prompts_of_its_own(tmp_path: Path, prompts: dict[str, Path]) -> None:
    bundle = tmp_path / "bundle"
    write_bundle(bundle, [line()], prompts, tmp_path, 0.0)
    bundle.unlink()
    assert sorted(path.name for path in last_resort(bundle).iterdir()) == ["record.wav", "thanks.wav"]
    assert LAST_RESORT == ("record", "thanks")


@pytest.mark.parametrize("changes", [{"key": "a,b"}, {"numbers": ["0312345678"]}, {"numbers": ["+81)3"]}])
def test_nothing_that_asterisk_would_misread_gets_into_the_dialplan(
    tmp_path: Path, prompts: dict[str, Path], changes: dict[str, Any]
) -> None:
    with pytest.raises(AsteriskError):
        write_bundle(tmp_path / "bundle", [line(**changes)], prompts, tmp_path, 0.0)
    assert not (tmp_path / "bundle").exists()


def test_the_line_of_the_example(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    dialplans, _ = load_all(root / "dialplans", STEPS)
    (example,) = (one for one in dialplans.values() if one.key == "ecforce")
    telephones = [
        Telephone("PJSIP/sato", ["billing"], None),
        Telephone("PJSIP/tanaka", ["support", "onboarding"], "ecforce"),
        Telephone("PJSIP/else", ["support"], "another tenant"),
        Telephone("PJSIP/other", ["another group"], None),
    ]
    found = bundle_line(example, telephones, NOW)
    assert found.numbers == ["+815031859080"]
    assert found.telephones == ["PJSIP/sato", "PJSIP/tanaka"]
    assert found.promise_open == found.promise_closed == PROMISE
    assert found.queues
    # 2026-11-23 is a public holiday (勤労感謝の日); weekdays 10:00-17:00 in Japan.
    first = [(begin.isoformat(), end.isoformat()) for begin, end in found.open[:2]]
    assert first == [
        ("2026-11-24T01:00:00+00:00", "2026-11-24T08:00:00+00:00"),
        ("2026-11-25T01:00:00+00:00", "2026-11-25T08:00:00+00:00"),
    ]
    assert found.until >= datetime(2028, 11, 22, tzinfo=UTC)
    assert any(begin.date().isoformat() == "2028-11-21" for begin, _ in found.open)
    assert not any(begin.date().isoformat() == "2026-12-30" for begin, _ in found.open)


# -- the script ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ivr_fallback", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_needs_the_standard_library_and_pyst2_alone() -> None:
    tree = ast.parse(SCRIPT.read_text("utf-8"))
    roots = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    roots |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert roots - set(sys.stdlib_module_names) == {"asterisk"}


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [
        ("09012345678", "", ("+819012345678", None)),
        ("+819012345678", "", ("+819012345678", None)),
        ("819012345678", "", ("+819012345678", None)),
        ("03-1234-5678", "Tanaka", ("+81312345678", None)),
        ("1860312345678", "", ("+81312345678", None)),
        ("01012125551234", "", ("+12125551234", None)),
        ("anonymous", "Anonymous", (None, "anonymous")),
        ("unknown", "unknown", (None, "anonymous")),
        ("", "", (None, "anonymous")),
        ("0312345678", "Anonymous", (None, "anonymous")),
        ("anonymous", "Coin line/payphone", (None, "payphone")),
        ("anonymous", "Unavailable", (None, "unavailable")),
        ("tanaka", "", (None, "anonymous")),
    ],
)
def test_who_called(
    script: ModuleType, number: str, name: str, expected: tuple[str | None, str | None]
) -> None:
    assert script.caller(number, name) == expected


class FakeAgi:
    """Asterisk as the script sees it: telephones' states, what Dial says; what was said is kept."""

    def __init__(self, states: dict[str, str], dial: str = "NOANSWER", key: str = "#") -> None:
        self.env = {"agi_callerid": "09012345678", "agi_calleridname": "", "agi_uniqueid": "ivr-1.2"}
        self.variables = {f"DEVICE_STATE({one})": state for one, state in states.items()}
        self.variables["DIALSTATUS"] = dial
        self.said: list[str] = []
        self.dialled: list[str] = []
        self.messages: Path | None = None
        self.key = key
        self.at_the_beep: list[Path] = []

    def answer(self) -> None:
        pass

    def get_variable(self, name: str) -> str:
        return self.variables[name]

    def execute(self, *words: str) -> None:
        self.dialled.append(words[2])

    def stream_file(self, name: str) -> None:
        self.said.append(Path(name.strip('"')).name)
        if self.said[-1] == "beep":
            assert self.messages is not None
            self.at_the_beep = list(self.messages.glob("*.json"))

    def record_file(self, name: str, *_: object, **__: object) -> str:
        with wave.open(f"{name}.wav", "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(b"\0\x20" * 4000)
        return self.key


@pytest.fixture
def place(tmp_path: Path, prompts: dict[str, Path]) -> Path:
    """A bundle of two lines; `open` is so now, `closed` is not."""
    day = timedelta(days=1)
    now = datetime.now(UTC)
    lines = [
        line("open", open=[(now - day, now + day)], until=now + day),
        line("closed", numbers=["+81312345678"], open=[(now + day, now + 2 * day)], until=now + 2 * day),
        line("old", numbers=["+81312345679"], open=[], until=now - day),
        line(
            "recorder", numbers=["+81312345670"], open=[(now - day, now + day)], until=now + day, queues=False
        ),
    ]
    write_bundle(tmp_path / "bundle", lines, prompts, tmp_path / "messages", 0.0)
    return tmp_path


def serve(script: ModuleType, place: Path, key: str, agi: FakeAgi) -> dict[str, Any]:
    """What the sidecar says in the end; {} without one."""
    agi.messages = place / "messages"
    script.Fallback(agi, place / "bundle", key).serve()
    sidecars = list((place / "messages").glob("*.json")) if agi.messages.exists() else []
    if not sidecars:
        return {}
    assert agi.at_the_beep == sidecars, "the intent is there before the beep"
    values: dict[str, Any] = {}
    for text in sidecars[0].read_text().splitlines():
        values |= json.loads(text)
    return values


FREE, BUSY, AWAY = "NOT_INUSE", "BUSY", "UNAVAILABLE"


@pytest.mark.parametrize(
    ("states", "dial", "rung", "cause"),
    [
        ((FREE, FREE), "NOANSWER", "PJSIP/tanaka&PJSIP/suzuki,30,gm", "no_answer"),
        ((FREE, BUSY), "NOANSWER", "PJSIP/tanaka,30,gm", "no_answer"),
        ((AWAY, FREE), "BUSY", "PJSIP/suzuki,30,gm", "no_answer"),
        ((FREE, AWAY), "CHANUNAVAIL", "PJSIP/tanaka,30,gm", "no_agent"),
        ((BUSY, "INUSE"), "", None, "busy"),
        ((AWAY, BUSY), "", None, "busy"),
        ((AWAY, "INVALID"), "", None, "no_agent"),
    ],
)
def test_open_and_nobody_answers(
    script: ModuleType, place: Path, states: tuple[str, str], dial: str, rung: str | None, cause: str
) -> None:
    agi = FakeAgi(dict(zip(("PJSIP/tanaka", "PJSIP/suzuki"), states, strict=True)), dial)
    assert serve(script, place, "open", agi)["cause"] == cause
    assert agi.dialled == ([f'"{rung}"'] if rung else [])
    assert agi.said == [*(["fallback_open"] if rung else []), "record", "beep", "thanks"]


@pytest.mark.parametrize("status", ["ANSWER", "CANCEL"])
def test_open_and_answered_or_the_caller_left_while_it_rang(
    script: ModuleType, place: Path, status: str
) -> None:
    agi = FakeAgi({"PJSIP/tanaka": FREE, "PJSIP/suzuki": FREE}, status)
    assert serve(script, place, "open", agi) == {}
    assert agi.said == ["fallback_open"]


def test_closed(script: ModuleType, place: Path) -> None:
    agi = FakeAgi({})
    found = serve(script, place, "closed", agi)
    assert agi.said == ["fallback_closed", "beep", "thanks"]
    assert (found["cause"], found["origin"], found["line"]) == ("closed", "fallback", "closed")
    assert (found["number"], found["call_id"], found["state"]) == ("+819012345678", "ivr-1.2", "recorded")
    assert (found["ended_by"], found["seconds"], found["speech"]) == ("key", 0.5, True)


def test_a_line_that_never_rings_anybody(script: ModuleType, place: Path) -> None:
    agi = FakeAgi({})
    assert serve(script, place, "recorder", agi)["cause"] == "asked"
    assert agi.said == ["record", "beep", "thanks"]


def test_the_engine_can_read_what_the_script_left(script: ModuleType, place: Path) -> None:
    serve(script, place, "closed", FakeAgi({}))
    (path,) = (place / "messages").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o660, (
        "Asterisk's user made it, and the engine in its group goes on with it"
    )
    # The lock goes with the process that recorded.
    os.rename(path, moved := path.with_name("moved"))
    path.write_bytes(moved.read_bytes())
    sidecar = Sidecar.open(path)
    assert sidecar is not None
    facts = sidecar.facts
    sidecar.close()
    assert (facts.state, facts.cause, facts.takes) == ("recorded", "closed", (f"{path.stem}.wav",))
    assert facts.promise == PROMISE
    assert abs(facts.created_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("key", ["old", "nobody"])
def test_a_bundle_that_does_not_tell_leaves_the_call_to_the_last_resort(
    script: ModuleType, place: Path, key: str
) -> None:
    with pytest.raises((ValueError, FileNotFoundError)):
        serve(script, place, key, FakeAgi({}))
    assert not (place / "messages").exists()


def test_one_missing_prompt_is_replaced_and_without_any_the_last_resort_speaks(
    script: ModuleType, place: Path
) -> None:
    (place / "bundle/fallback_closed.wav").unlink()
    agi = FakeAgi({})
    serve(script, place, "closed", agi)
    assert agi.said == ["record", "beep", "thanks"]
    (place / "bundle/record.wav").unlink()
    agi = FakeAgi({})
    with pytest.raises(FileNotFoundError):
        serve(script, place, "closed", agi)
    assert agi.said == []
