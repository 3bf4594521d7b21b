"""Where an Asterisk that was there before records for us."""

from pathlib import Path

import pytest

from ivr.asterisk.existing.recordings import share
from ivr.errors import AsteriskError
from ivr.settings import Settings, load


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def settings_of(tmp_path: Path, recordings: Path | None = None) -> Settings:
    (tmp_path / "data").mkdir()
    return load({"IVR_DATA": str(tmp_path / "data"), "IVR_RECORDINGS": str(recordings or "")})


def test_an_empty_directory_becomes_a_link_and_is_put_back(tmp_path: Path, spool: Path) -> None:
    theirs = spool / "recording"
    theirs.mkdir()
    theirs.chmod(0o750)
    link = share(settings_of(tmp_path), spool)
    assert link is not None and theirs.readlink() == tmp_path / "data" / "recordings"
    assert (tmp_path / "data/recordings/messages").stat().st_mode & 0o7777 == 0o2770
    (theirs / "messages" / "a.wav").write_bytes(b"kept")
    link.undo()
    assert not theirs.is_symlink() and list(theirs.iterdir()) == []
    assert theirs.stat().st_mode & 0o7777 == 0o750
    assert (tmp_path / "data/recordings/messages/a.wav").read_bytes() == b"kept"
    link.undo()  # theirs is no link any more


def test_where_there_was_none_there_is_none_again(tmp_path: Path, spool: Path) -> None:
    link = share(settings_of(tmp_path), spool)
    assert link is not None and (spool / "recording" / "messages").is_dir()
    link.undo()
    assert list(spool.iterdir()) == []


def test_recordings_of_others_stay_where_they_are(tmp_path: Path, spool: Path) -> None:
    theirs = spool / "recording"
    theirs.mkdir()
    (theirs / "theirs.wav").write_bytes(b"theirs")
    settings = settings_of(tmp_path)
    with pytest.raises(AsteriskError, match=f"others record into {theirs}: set IVR_RECORDINGS={theirs}"):
        share(settings, spool)
    assert [path.name for path in theirs.iterdir()] == ["theirs.wav"]


def test_beside_them_where_that_is_asked_for(tmp_path: Path, spool: Path) -> None:
    theirs = spool / "recording"
    theirs.mkdir()
    (theirs / "theirs.wav").write_bytes(b"theirs")
    assert share(settings_of(tmp_path, theirs), spool) is None
    assert sorted(path.name for path in theirs.iterdir()) == ["messages", "theirs.wav"]
