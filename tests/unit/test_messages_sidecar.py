"""The sidecar: durable, locked, readable after a crash, and the format that its docstring promises."""

import fcntl
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.call import CallbackPromise
from ivr.messages import sidecar as module
from ivr.messages.reconciler import Bare
from ivr.messages.sidecar import BrokenSidecar, Facts, Sidecar, id_time, new_id

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
EXTENSIONS = Path(__file__).parents[2] / "asterisk_conf" / "ivr_extensions.conf"


def facts(id: str) -> Facts:
    return Facts(
        id,
        "ecforce",
        "closed",
        "+819012345678",
        "engine",
        AT,
        call_id="ivr-1.1",
        path=("welcome", "#1"),
        promise=CallbackPromise("medium", "1 business day", "office"),
        takes=(f"{id}.wav",),
    )


def documented() -> tuple[dict[str, object], dict[str, object]]:
    """The two examples of the docstring."""
    first, second = re.findall(r"^    (\{.*?\})\n\n", module.__doc__ or "", re.DOTALL | re.MULTILINE)
    return json.loads(first), json.loads(second)


def test_what_is_written_is_what_the_docstring_shows(tmp_path: Path) -> None:
    intent, _ = documented()
    id = new_id(AT)
    written = Sidecar.create(tmp_path, facts(id))
    line = json.loads((tmp_path / f"{id}.json").read_text("utf-8"))
    assert set(line) == set(intent)
    assert line["promise"] == {"priority": "medium", "due": "1 business day", "hours": "office"}
    assert line["created_at"] == "2026-11-24T02:00:00+00:00"
    written.close()


def test_a_sidecar_written_by_the_docstring_alone_is_read(tmp_path: Path) -> None:
    intent, after = documented()
    path = tmp_path / f"{intent['id']}.json"
    path.write_text(json.dumps(intent) + "\n" + json.dumps(after) + "\n", "utf-8")
    found = Sidecar.open(path)
    assert found is not None
    assert found.facts == Facts(
        str(intent["id"]),
        "ecforce",
        "closed",
        "+819012345678",
        "fallback",
        AT,
        call_id="ivr-1763800000.12",
        path=("welcome", "#1"),
        dialplan="9f2c…",
        promise=CallbackPromise("medium", "1 business day", "office"),
        takes=("01KAM3XJ5M8QW5R0T1V2W3X4Y5.wav",),
        state="recorded",
        ended_at=datetime(2026, 11, 24, 2, 0, 41, tzinfo=UTC),
        ended_by="hangup",
    )
    found.close()


def test_it_is_locked_while_its_writer_lives(tmp_path: Path) -> None:
    id = new_id(AT)
    written = Sidecar.create(tmp_path, facts(id))
    assert Sidecar.open(written.path) is None
    with written.path.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    written.close()
    taken = Sidecar.open(written.path)
    assert taken is not None and taken.facts == facts(id)
    taken.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_second_take_is_remembered_after_a_crash(tmp_path: Path) -> None:
    id = new_id(AT)
    written = Sidecar.create(tmp_path, facts(id))
    written.append(takes=[f"{id}.wav", f"{id}-2.wav"])
    written.close()
    again = Sidecar.open(written.path)
    assert again is not None and again.facts.takes == (f"{id}.wav", f"{id}-2.wav")
    again.close()


@pytest.mark.parametrize("torn", ['{"state": "recor', '{"state": "recorded"', "\x00\x00"])
def test_a_torn_last_line_loses_only_itself(tmp_path: Path, torn: str) -> None:
    id = new_id(AT)
    written = Sidecar.create(tmp_path, facts(id))
    written.close()
    with written.path.open("a") as file:
        file.write(torn)
    found = Sidecar.open(written.path)
    assert found is not None and found.facts == facts(id)
    found.append(ended_by="key")
    found.close()
    later = Sidecar.open(written.path)
    assert later is not None and later.facts.ended_by == "key"
    later.close()


@pytest.mark.parametrize(
    "text", ["", "{", "[]\n", '{"id": "x"}\n', '{"id": "a", "line": "l", "cause": "bored"}\n']
)
def test_a_broken_one_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(BrokenSidecar):
        Sidecar.open(path)
    assert path.read_text() == text


def test_why_each_take_was_recorded(tmp_path: Path) -> None:
    """A sidecar of the release before, or of the fallback, does not say it."""
    id = new_id(AT)
    written = Sidecar.create(tmp_path, facts(id))
    assert written.facts.recordings() == [(f"{id}.wav", "first")]
    written.append(takes=[f"{id}.wav", f"{id}-2.wav"])
    assert written.facts.recordings() == [(f"{id}.wav", "first"), (f"{id}-2.wav", "unheard")]
    written.append(takes=[f"{id}.wav", f"{id}-2.wav"], why=["first", "instead"], urgent=True)
    written.close()
    found = Sidecar.open(tmp_path / f"{id}.json")
    assert found is not None
    assert found.facts.recordings() == [(f"{id}.wav", "first"), (f"{id}-2.wav", "instead")]
    assert found.facts.urgent is True
    found.close()


def test_takes_outside_the_folder_are_refused(tmp_path: Path) -> None:
    id = new_id(AT)
    path = tmp_path / f"{id}.json"
    path.write_text(json.dumps({**facts(id).intent(), "takes": ["../../etc/passwd"]}) + "\n")
    with pytest.raises(BrokenSidecar):
        Sidecar.open(path)


def test_no_intent_is_visible_before_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        seen.append(sorted(path.suffix for path in tmp_path.iterdir()))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    Sidecar.create(tmp_path, facts(new_id(AT))).close()
    # the content under a temporary name first, then the folder that holds the name
    assert seen == [[".tmp"], [".json"]]


def test_ids_sort_by_time_and_differ() -> None:
    early, late = new_id(AT), new_id(AT.replace(hour=3))
    assert early < late and len(early) == 26
    assert len({new_id(AT) for _ in range(1000)}) == 1000
    assert id_time(early) == AT
    assert id_time("x") is None and id_time("7" * 26) is None


def test_the_name_without_a_sidecar_is_the_one_the_dialplan_writes() -> None:
    """The order of the facts in asterisk_conf/ivr_extensions.conf, filled in by hand."""
    lines = [line.partition(",Set(IVR_FACTS=")[2] for line in EXTENSIONS.read_text("utf-8").splitlines()]
    name = ""
    for value in filter(None, lines):
        name = value.removesuffix(")").replace("${IVR_FACTS}", name)
    filled = (
        name.replace("$[${EPOCH} + @{CLOCK_OFFSET}]", "1795485600")
        .replace("${FILTER(+0-9,${IVR_DIALLED})}", "05031859080")
        .replace("${FILTER(+0-9,${CALLERID(num)})}", "09012345678")
        .replace("${UNIQUEID}", "ivr-1795485600.12")
    )
    assert "$" not in filled, f"the dialplan writes something new: {filled}"
    found = Bare.read(filled + ".wav")
    assert found is not None
    assert found.at == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert (found.dialled, found.caller) == ("05031859080", "09012345678")
    assert found.call_id == "ivr-1795485600.12"
    assert id_time(found.id) == found.at


def test_names_of_other_files_are_no_recordings_of_the_dialplan() -> None:
    assert Bare.read(f"{new_id(AT)}.wav") is None
    assert Bare.read(f"{new_id(AT)}-2.wav") is None
    withheld = Bare.read("1795485600_05031859080__ivr-1.2.wav")
    assert withheld is not None and withheld.caller == ""
