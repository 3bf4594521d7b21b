"""The user dictionary: words are read as the admin says, and a wrong entry is named with its place."""

from pathlib import Path

import pyopenjtalk
import pytest

from ivr.dialplan.readings import load_readings
from ivr.prompts.library import PromptLibrary
from ivr.prompts.reading import normalise

WORDS = """\
# read as we say them
髙橋: タカハシ
ecforce: イーシーフォース
efo: イーエフオー
"""


def given(folder: Path, text: str) -> tuple[dict[str, str] | None, list[str]]:
    (folder / "readings.yaml").write_text(text, "utf-8")
    readings, problems = load_readings(folder)
    return None if readings is None else dict(readings), [str(problem) for problem in problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dialplans"
    made.mkdir()
    return made


def test_words_and_their_kana(folder: Path) -> None:
    words = {"髙橋": "タカハシ", "ecforce": "イーシーフォース", "efo": "イーエフオー"}
    assert given(folder, WORDS) == (words, [])


def test_without_the_file_or_in_an_empty_one_there_are_none(folder: Path) -> None:
    assert load_readings(folder) == ({}, [])
    assert given(folder, "") == ({}, [])
    assert given(folder, "# nothing yet\n") == ({}, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "髙橋: たかはし\nefo: EFO\n",
            'readings.yaml:2:6: "EFO" is no reading; write it in kana alone, like タカハシ',
        ),
        ("髙橋: 高橋\n", 'readings.yaml:1:5: "高橋" is no reading; write it in kana alone, like タカハシ'),
        ("efo: ー、\n", 'readings.yaml:1:6: "ー、" is no reading; write it in kana alone, like タカハシ'),
        ("efo:\n", "readings.yaml:1:1: the reading is missing; write it in kana, like タカハシ"),
        ("efo: [イー]\n", "readings.yaml:1:1: the reading is missing; write it in kana, like タカハシ"),
        ("efo: イー\nefo: エフ\n", 'readings.yaml:2:1: "efo" is given twice; the first one is on line 1'),
        ("efo: イー\nＥＦＯ: エフ\n", 'readings.yaml:2:1: "efo" and "ＥＦＯ" are the same word'),
        ("- efo\n", "readings.yaml:1:1: words with their readings belong here, like 髙橋: タカハシ"),
        ("efo\n", "readings.yaml:1:1: words with their readings belong here, like 髙橋: タカハシ"),
        ('"": イー\n', "readings.yaml:1:1: a word belongs here"),
        ('" efo": イー\n', "readings.yaml:1:1: a word without spaces before or after it belongs here"),
        (f"{'長' * 65}: イー\n", "readings.yaml:1:1: the word is too long; at most 64 characters"),
        (f"efo: {'イ' * 65}\n", "readings.yaml:1:6: the reading is too long; at most 64 characters"),
        ("efo: イー\n bad: [", "readings.yaml:2:5: "),
    ],
)
def test_a_wrong_entry_is_named_with_its_place(folder: Path, text: str, said: str) -> None:
    readings, problems = given(folder, text)
    assert readings is None
    assert len(problems) == 1
    assert problems[0].startswith(f"dialplans/{said}")


def test_all_wrong_entries_are_named_at_once(folder: Path) -> None:
    assert len(given(folder, "髙橋: 高橋\nefo: EFO\n")[1]) == 2


def test_what_is_no_utf8_is_named(folder: Path) -> None:
    (folder / "readings.yaml").write_bytes("髙橋: タカハシ".encode("cp932"))
    readings, problems = load_readings(folder)
    assert readings is None
    assert "not UTF-8 but Shift_JIS" in str(problems[0])


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("髙橋", "タカハシ"),
        ("髙橋でございます。", "タカハシデゴザイマス。"),
        ("担当の髙橋は席を外しております。", "タントーノタカハシワセキヲハズシテオリマス。"),
        ("ecforce", "イーシーフォース"),
        ("ecforceカスタマーサポート", "イーシーフォースカスタマーサポート"),
        ("ＥＣＦＯＲＣＥ", "イーシーフォース"),
        ("Ecforceのご契約", "イーシーフォースノゴケーヤク"),
        ("efo", "イーエフオー"),
        ("EFOについて", "イーエフオーニツイテ"),
    ],
)
@pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")
def test_the_voice_reads_them_as_told(folder: Path, text: str, heard: str) -> None:
    readings, _ = given(folder, WORDS)
    assert pyopenjtalk.g2p(normalise(text, readings), kana=True).replace("’", "") == heard


@pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")
def test_a_reading_wins_over_what_the_voice_would_say_by_itself(folder: Path) -> None:
    readings, _ = given(folder, "髙橋: こうきょう\nefo: エフォ\n")
    assert pyopenjtalk.g2p("髙橋", kana=True) == "タカハシ"
    assert pyopenjtalk.g2p(normalise("髙橋", readings), kana=True) == "コーキョー"
    assert pyopenjtalk.g2p("efo", kana=True) == "イーエフオー"
    assert pyopenjtalk.g2p(normalise("efo", readings), kana=True) == "エフォ"


def test_a_latin_word_is_not_found_inside_a_longer_one() -> None:
    assert normalise("before efo2 efo", {"efo": "イーエフオー"}) == "before efo2 イーエフオー"


def test_only_prompts_that_hold_a_word_are_other_prompts(tmp_path: Path) -> None:
    without = PromptLibrary(tmp_path, None, {})
    told = PromptLibrary(tmp_path, None, {"髙橋": "タカハシ"})
    assert without.key("髙橋です。") != told.key("髙橋です。")
    assert without.key("田中です。") == told.key("田中です。")
