"""Several takes of a message become one recording: which ones, and whatever dies in between."""

import resource
import sys
from pathlib import Path
from typing import Any

import pytest

from ivr.messages import filing, wav
from ivr.messages.sidecar import Facts
from tests.messages_helpers import EVENING, cut_off, said, unsaid

ID = "0" * 26
A, B, C = "注文の件です。商品が届きません。", "番号は、ゼロキューゼロです。", "よろしくお願いいたします。"


class Killed(BaseException):
    """As kill -9: no handler of errors sees it."""


class Killer:
    """Dies before the n-th thing that changes files of a folder."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.left = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None or event not in ("open", "os.rename", "os.remove"):
            return
        if not str(arguments[0]).startswith(str(self.folder)) or (event == "open" and arguments[1] == "rb"):
            return
        self.left -= 1
        if self.left < 0:
            self.folder = None
            raise Killed


KILLER = Killer()
sys.addaudithook(KILLER)  # for ever; without a folder it does nothing


def facts(*why: str) -> Facts:
    names = [f"{ID}.wav", *(f"{ID}-{number}.wav" for number in range(2, len(why) + 1))]
    takes, reasons = tuple(names), tuple(why)
    return Facts(ID, "ecforce", "busy", None, "engine", EVENING, takes=takes, why=reasons)  # type: ignore[arg-type]


def settle(folder: Path, of: Facts) -> filing.Ended:
    ended = filing.judge_takes(folder, of, "key")
    filing.keep(folder, of, ended)
    return ended


def record(folder: Path, texts: list[str | None]) -> list[bytes]:
    """The samples of each take; None is silence."""
    made = []
    for number, text in enumerate(texts, 1):
        path = folder / (f"{ID}.wav" if number == 1 else f"{ID}-{number}.wav")
        made.append(wav.samples(said(path, text) if text else unsaid(path)))
    return made


@pytest.mark.parametrize(
    ("why", "texts", "kept"),
    [
        (["first"], [A], [0]),
        (["first", "unheard"], [None, A], [1]),
        (["first", "matter"], [A, B], [0, 1]),
        (["first", "matter"], [A, None], [0]),
        (["first", "more", "more"], [A, B, C], [0, 1, 2]),
        (["first", "instead"], [A, B], [1]),
        (["first", "instead"], [A, None], [0]),
        (["first", "instead"], [A, "あ"], [0, 1]),
        (["first", "instead", "instead"], [A, B, C], [2]),
        (["first", "more", "instead"], [A, B, C], [2]),
        (["first", "instead", "more"], [A, B, C], [1, 2]),
        (["first", "instead", "more"], [A, None, C], [0, 2]),
        (["first", "unheard", "instead", "more"], [None, A, B, C], [2, 3]),
        (["first", "unheard"], [None, None], [1]),
    ],
)
def test_what_was_said_becomes_one_recording_whatever_dies(
    tmp_path: Path, why: list[str], texts: list[str | None], kept: list[int]
) -> None:
    of = facts(*why)
    kills = 0
    while True:
        folder = tmp_path / str(kills)
        folder.mkdir()
        takes = record(folder, texts)
        KILLER.left, KILLER.folder = kills, folder
        try:
            settle(folder, of)
        except Killed:
            settle(folder, of)
            kills += 1
            again = True
        else:
            KILLER.folder = None
            again = False
        assert [path.name for path in folder.iterdir()] == [f"{ID}.wav"], f"after {kills}"
        assert wav.samples(folder / f"{ID}.wav") == b"".join(takes[number] for number in kept), f"{kills}"
        settle(folder, of)
        assert wav.samples(folder / f"{ID}.wav") == b"".join(takes[number] for number in kept), f"{kills}"
        if not again:
            break
    assert kills >= len(kept), "nothing was killed"


def test_a_further_take_after_a_crash_in_the_joining_is_put_behind(tmp_path: Path) -> None:
    takes = record(tmp_path, [A, B])
    joined = tmp_path / f"{ID}-joined.wav"
    wav.join([tmp_path / f"{ID}.wav", tmp_path / f"{ID}-2.wav"], joined)
    of = facts("first", "more", "more")
    filing.resume(tmp_path, of)
    third = wav.samples(said(tmp_path / f"{ID}-3.wav", C))
    settle(tmp_path, of)
    assert wav.samples(tmp_path / f"{ID}.wav") == b"".join([*takes, third])


def test_a_take_that_a_crash_cut_off_is_joined_to_its_last_sample(tmp_path: Path) -> None:
    takes = record(tmp_path, [A, B])
    cut_off(tmp_path / f"{ID}-2.wav")
    ended = settle(tmp_path, facts("first", "more"))
    assert wav.samples(tmp_path / f"{ID}.wav") == b"".join(takes)
    assert ended.seconds == pytest.approx(sum(map(len, takes)) / 16000)


def test_no_room_for_both_leaves_both(tmp_path: Path) -> None:
    """As on a full disk, no file may grow: they are not joined, and the reconciler tries again."""
    record(tmp_path, [A, B])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            settle(tmp_path, facts("first", "more"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{ID}-2.wav", f"{ID}.wav"]
    settle(tmp_path, facts("first", "more"))
    assert [path.name for path in tmp_path.iterdir()] == [f"{ID}.wav"]
