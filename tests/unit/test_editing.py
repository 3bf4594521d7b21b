"""The files of the dialplans as page and commands change them: nothing bad is written, nobody is overwritten."""

import os
import stat
from datetime import date
from pathlib import Path

import pytest

from ivr import editing
from ivr.dialplan.problems import BadDialplan
from ivr.errors import Conflict, NotFound
from ivr.settings import Settings, load
from tests.dialplans import SHOP, changed

TODAY = date(2026, 11, 24)
OTHER = changed("050-3185-9080", "03-3581-4111")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "dialplans"
    made.mkdir()
    (made / "shop.yaml").write_text(SHOP, "utf-8")
    (made / "other.yaml").write_text(OTHER, "utf-8")
    return made


def of(directory: Path) -> Settings:
    """Settings with this directory of dialplans; recordings lie beside it."""
    environ = {"IVR_DATA": directory.parent / "var", "IVR_DIALPLANS": directory}
    environ["IVR_PROMPTS"] = directory.parent / "prompts"
    return load({name: str(path) for name, path in environ.items()})


def save(directory: Path, key: str, text: str, expected: str | None) -> editing.FileState:
    return editing.save(of(directory), key, text, expected=expected, today=TODAY)


def problems(directory: Path, key: str, text: str) -> list[str]:
    return [str(problem) for problem in editing.check_text(of(directory), key, text, TODAY)]


def test_a_file_is_read_changed_and_saved(directory: Path) -> None:
    before = editing.read(directory, "shop")
    assert before.text == SHOP
    text = changed("capacity: 2", "capacity: 5")
    after = save(directory, "shop", text, before.digest)
    assert (directory / "shop.yaml").read_text("utf-8") == text
    assert editing.read(directory, "shop") == after
    assert sorted(path.name for path in directory.iterdir()) == ["other.yaml", "shop.yaml"]


def test_who_saves_over_somebody_elses_change_is_told(directory: Path) -> None:
    seen = editing.read(directory, "shop").digest
    theirs = save(directory, "shop", changed("capacity: 2", "capacity: 5"), seen)
    with pytest.raises(Conflict, match=r"shop\.yaml was changed by somebody else meanwhile"):
        save(directory, "shop", changed("capacity: 2", "capacity: 9"), seen)
    assert editing.read(directory, "shop") == theirs
    with pytest.raises(Conflict, match=r"there is a file shop\.yaml already"):
        save(directory, "shop", SHOP, None)
    (directory / "shop.yaml").unlink()
    with pytest.raises(Conflict, match=r"shop\.yaml has been removed meanwhile"):
        save(directory, "shop", SHOP, seen)


def test_what_does_not_pass_its_check_is_not_written(directory: Path) -> None:
    seen = editing.read(directory, "shop")
    with pytest.raises(BadDialplan) as refused:
        save(directory, "shop", changed("capacity: 2", "capcity: 2"), seen.digest)
    assert [str(problem) for problem in refused.value.problems] == [
        'dialplans/shop.yaml:5:3: line: unknown key "capcity"; did you mean "capacity"?'
    ]
    assert editing.read(directory, "shop") == seen


def test_a_text_is_checked_together_with_the_other_files(directory: Path) -> None:
    assert problems(directory, "shop", SHOP) == []
    assert problems(directory, "shop", OTHER) == [
        'dialplans/other.yaml:4:13: line: numbers: "03-3581-4111" belongs to the line "shop" too; '
        "a number leads to one line",
        'dialplans/shop.yaml:4:13: line: numbers: "03-3581-4111" belongs to the line "other" too; '
        "a number leads to one line",
    ]


def test_what_is_wrong_in_another_file_holds_nobody_up(directory: Path) -> None:
    (directory / "other.yaml").write_text("start: [", "utf-8")
    assert problems(directory, "shop", SHOP) == []


def test_a_text_that_no_voice_can_say_is_refused_where_it_stands(directory: Path) -> None:
    text = changed("お電話ありがとうございました。", "……")
    assert problems(directory, "shop", text) == [
        'dialplans/shop.yaml:34:10: play "thanks": say: a prompt without anything that can be read aloud'
    ]
    text = changed("お電話ありがとうございました。", "ありがとう😀")
    assert problems(directory, "shop", text) == [
        'dialplans/shop.yaml:34:10: play "thanks": say: the voice cannot read "😀"; take it out, '
        "write it in kana, or give its reading in readings.yaml"
    ]


def test_a_recording_that_is_missing_or_no_recording_is_refused(directory: Path) -> None:
    text = changed("お電話ありがとうございました。", "file:thanks")
    assert problems(directory, "shop", text) == [
        'dialplans/shop.yaml:34:10: play "thanks": say: file:thanks: there is no "thanks.wav" '
        "among the recordings"
    ]
    (directory.parent / "prompts").mkdir()
    (directory.parent / "prompts" / "thanks.wav").write_bytes(b"MP3?")
    (found,) = problems(directory, "shop", text)
    assert found.startswith('dialplans/shop.yaml:34:10: play "thanks": say: the recording of file:thanks: ')


def test_the_mode_and_a_link_stay(directory: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(SHOP, "utf-8")
    os.chmod(real, 0o660)
    (directory / "shop.yaml").unlink()
    (directory / "shop.yaml").symlink_to(real)
    save(directory, "shop", changed("capacity: 2", "capacity: 5"), editing.read(directory, "shop").digest)
    assert (directory / "shop.yaml").is_symlink()
    assert "capacity: 5" in real.read_text("utf-8")
    assert stat.S_IMODE(real.stat().st_mode) == 0o660


def test_a_new_file_is_saved_once(directory: Path) -> None:
    (directory / "shop.yaml").unlink()
    save(directory, "shop", SHOP, None)
    assert editing.read(directory, "shop").text == SHOP


def test_lines_of_a_browsers_form_become_lines_of_a_file(directory: Path) -> None:
    save(directory, "shop", SHOP.replace("\n", "\r\n"), editing.read(directory, "shop").digest)
    assert (directory / "shop.yaml").read_bytes() == SHOP.encode()


@pytest.mark.parametrize("key", ["../secrets", "/etc/passwd", "", "shared/../x", "Shop", "shop.yaml"])
def test_a_name_that_leads_elsewhere_is_none(directory: Path, key: str) -> None:
    with pytest.raises(NotFound, match="is no name for a file"):
        editing.read(directory, key)
    with pytest.raises(NotFound, match="is no name for a file"):
        save(directory, key, SHOP, None)


def test_what_is_no_text_is_said_to_be_none(directory: Path) -> None:
    (directory / "shop.yaml").write_bytes("名前".encode("cp932"))
    with pytest.raises(Exception, match=r"shop\.yaml is not UTF-8; save it as UTF-8 in an editor"):
        editing.read(directory, "shop")


def test_a_file_that_is_no_text_can_be_replaced_by_who_knows_it(directory: Path) -> None:
    (directory / "shop.yaml").write_bytes(SHOP.encode("cp932"))
    with pytest.raises(Conflict):
        save(directory, "shop", SHOP, None)
    save(directory, "shop", SHOP, editing.digest(directory, "shop"))
    assert editing.read(directory, "shop").text == SHOP
    assert editing.digest(directory, "shops") is None


def test_the_difference_names_both_and_shows_the_lines() -> None:
    assert editing.difference("a\nb\n", "a\nc\n", "今の版", "新しい版") == (
        "--- 今の版\n+++ 新しい版\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    )
    assert editing.difference("a\n", "a\n", "x", "y") == ""


def test_readings_are_a_file_like_the_others(directory: Path) -> None:
    text = "髙橋: タカハシ\n"
    saved = save(directory, "readings", text, None)
    assert editing.read(directory, "readings") == saved
    assert problems(directory, "readings", "髙橋: 高橋\n") == [
        'dialplans/readings.yaml:1:5: "高橋" is no reading; write it in kana alone, like タカハシ'
    ]
    with pytest.raises(BadDialplan):
        save(directory, "readings", "髙橋: 高橋\n", saved.digest)


def test_a_word_with_a_reading_can_be_said(directory: Path) -> None:
    text = changed("お電話ありがとうございました。", "★ありがとう")
    assert len(problems(directory, "shop", text)) == 1
    save(directory, "readings", '"★": ほし\n', None)
    assert problems(directory, "shop", text) == []


SHARED = """\
hours:
  office:
    zone: Asia/Tokyo
    weekly: {月-金: "10:00-17:00"}
"""
USER = SHOP.replace(SHARED, "use: [japan]\n")


def test_a_shared_file_is_checked_with_the_lines_that_use_it(directory: Path) -> None:
    (directory / "shared").mkdir()
    save(directory, "shared/japan", SHARED, None)
    save(directory, "shop", USER, editing.read(directory, "shop").digest)
    bad = SHARED.replace("Asia/Tokyo", "Asia/Tokio")
    assert any("shared/japan.yaml:3:11" in problem for problem in problems(directory, "shared/japan", bad))
    gone = SHARED.replace("office", "bureau")
    assert any("dialplans/shop.yaml" in problem for problem in problems(directory, "shared/japan", gone))


def test_a_reason_that_no_voice_can_say_is_refused_where_it_stands(directory: Path) -> None:
    text = changed(
        '    weekly: {月-金: "10:00-17:00"}\n',
        '    weekly: {月-金: "10:00-17:00"}\n    closed: {"12/29-1/3": 年末🎍}\n',
    )
    assert problems(directory, "shop", text) == [
        'dialplans/shop.yaml:10:27: hours "office": closed.12/29-1/3: the voice cannot read "🎍"; take it out, '
        "write it in kana, or give its reading in readings.yaml"
    ]
