"""`ivr say` and `ivr prompts`: what callers will hear, as a file, and what there is of it."""

import json
import shutil
import wave
from pathlib import Path

import pytest

from ivr.cli import main
from tests.flows.office import ECFORCE
from tests.flows.scenarios import TEXTS


@pytest.fixture(autouse=True)
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dialplans").mkdir()
    (tmp_path / "recorded").mkdir()
    shutil.copy(ECFORCE, tmp_path / "dialplans")
    monkeypatch.setenv("IVR_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("IVR_DIALPLANS", str(tmp_path / "dialplans"))
    monkeypatch.setenv("IVR_PROMPTS", str(tmp_path / "recorded"))
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    capsys.readouterr()
    assert main(["prompts", "--json"]) == 0
    return {row["text"]: row for row in json.loads(capsys.readouterr().out)}


def test_said_text_is_telephone_audio(instance: Path) -> None:
    assert main(["say", TEXTS["CONNECTING"], "--out", str(instance / "said.wav")]) == 0
    with wave.open(str(instance / "said.wav")) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (8000, 1, 2)
        assert 2 < audio.getnframes() / 8000 < 8


def test_what_cannot_be_said(instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "。。。", "--out", str(instance / "said.wav")]) == 1
    assert "without anything that can be read aloud" in capsys.readouterr().err
    assert not (instance / "said.wav").exists()


def test_without_a_player(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["say", TEXTS["CONNECTING"]]) == 1
    assert "save it by --out FILE" in capsys.readouterr().err


def test_player_gets_the_file(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = instance / "paplay"
    player.write_text(f'#!/bin/sh\necho "$1" > {instance}/played\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", str(instance))
    assert main(["say", TEXTS["CONNECTING"]]) == 0
    with wave.open((instance / "played").read_text().strip()) as audio:
        assert audio.getframerate() == 8000


def test_every_text_and_where_its_audio_is_from(instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = listed(capsys)
    texts = set(TEXTS.values()) - {TEXTS["BEEP"]}
    assert {
        TEXTS[name] for name in ("WELCOME", "MENU", "CLOSED", "THANKS", "UNHEARD")
    } <= before.keys() & texts
    assert {row["source"] for row in before.values()} == {"missing"}
    assert {row["line"] for row in before.values()} == {"ecforce"}

    assert main(["say", TEXTS["THANKS"], "--out", str(instance / "said.wav")]) == 0
    shutil.copy(instance / "said.wav", instance / "recorded" / before[TEXTS["WELCOME"]]["record_as"])
    assert main(["say", TEXTS["WELCOME"], "--out", str(instance / "welcome.wav")]) == 0
    after = listed(capsys)
    assert after[TEXTS["THANKS"]]["source"] == "synthesised"
    assert after[TEXTS["WELCOME"]]["source"] == "recorded"
    assert after[TEXTS["MENU"]] == {
        "line": "ecforce",
        "text": TEXTS["MENU"],
        "source": "missing",
        "seconds": None,
        "audio": None,
        "record_as": before[TEXTS["MENU"]]["record_as"],
    }
    with wave.open(str(after[TEXTS["WELCOME"]]["audio"])) as audio:
        seconds = audio.getnframes() / audio.getframerate()
    assert after[TEXTS["WELCOME"]]["seconds"] == pytest.approx(seconds, abs=0.01)


def test_readings_are_heard_before_they_are_live(instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lengths = []
    for readings in ("efo: えふ\n", "efo: えふぉーむのさいてきか\n"):
        (instance / "dialplans" / "readings.yaml").write_text(readings, "utf-8")
        assert main(["say", "efoについて。", "--out", str(instance / "said.wav")]) == 0
        with wave.open(str(instance / "said.wav")) as audio:
            lengths.append(audio.getnframes())
    assert lengths[1] > 1.5 * lengths[0]
    (instance / "dialplans" / "readings.yaml").write_text("efo: EFO\n", "utf-8")
    assert main(["say", "efoについて。", "--out", str(instance / "said.wav")]) == 1
    assert 'dialplans/readings.yaml:1:6: "EFO" is no reading' in capsys.readouterr().err


def test_a_reading_makes_the_prompts_that_hold_the_word_missing_again(
    instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["say", TEXTS["THANKS"], "--out", str(instance / "said.wav")]) == 0
    assert main(["say", TEXTS["CLOSED"], "--out", str(instance / "said.wav")]) == 0
    before = listed(capsys)
    assert (before[TEXTS["THANKS"]]["source"], before[TEXTS["CLOSED"]]["source"]) == ("synthesised",) * 2
    assert "担当者" in TEXTS["THANKS"] and "担当者" not in TEXTS["CLOSED"]
    (instance / "dialplans" / "readings.yaml").write_text("担当者: たんとうのもの\n", "utf-8")
    after = listed(capsys)
    assert (after[TEXTS["THANKS"]]["source"], after[TEXTS["CLOSED"]]["source"]) == ("missing", "synthesised")
