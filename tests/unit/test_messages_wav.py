"""The WAV of a message, whole or cut off by a crash."""

import os
import struct
import wave
from pathlib import Path

import pytest

from ivr.messages import wav
from tests.messages_helpers import cut_off, said, unsaid


def frames(path: Path) -> int:
    with wave.open(str(path)) as file:
        return file.getnframes()


def test_a_whole_file_stays_as_it_is(tmp_path: Path) -> None:
    path = unsaid(tmp_path / "a.wav", 2.5)
    before = path.read_bytes()
    assert wav.settle(path) == 2.5
    assert path.read_bytes() == before


def test_a_file_that_a_crash_cut_off_is_mended(tmp_path: Path) -> None:
    path = said(tmp_path / "a.wav")
    length = frames(path)
    whole = path.read_bytes()
    cut_off(path)
    with pytest.raises(wave.Error):
        frames(path)
    assert wav.settle(path) == pytest.approx(length / 8000)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("whole", [True, False])
def test_the_recording_of_another_user_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """As Asterisk leaves it on a PBX that was there: readable, in a folder that both may write."""
    path = unsaid(tmp_path / "a.wav", 2.0)
    if not whole:
        cut_off(path)
    path.chmod(0o444)
    tmp_path.chmod(0o777)
    monkeypatch.chdir(tmp_path)  # the folders above are for nobody else
    child = os.fork()
    if not child:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setuid(65534)
        os._exit(0 if wav.settle(Path("a.wav")) == 2.0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert frames(path) == 16000


def test_half_a_sample_at_the_end_is_dropped(tmp_path: Path) -> None:
    path = cut_off(unsaid(tmp_path / "a.wav", 1.0))
    path.write_bytes(path.read_bytes() + b"\x01")
    assert wav.settle(path) == 1.0
    assert frames(path) == 8000


def test_a_header_that_promises_more_than_there_is_is_mended(tmp_path: Path) -> None:
    path = unsaid(tmp_path / "a.wav", 2.0)
    path.write_bytes(path.read_bytes()[: 44 + 16000])
    assert wav.settle(path) == 1.0
    assert frames(path) == 8000


def test_a_header_alone_holds_no_audio(tmp_path: Path) -> None:
    path = cut_off(unsaid(tmp_path / "a.wav", 0))
    assert wav.settle(path) == 0.0
    assert wav.samples(path) == b""


@pytest.mark.parametrize("content", [b"", b"RIFF", b"nonsense" * 100, b"RIFF" + bytes(8)])
def test_what_is_no_wav_holds_no_audio(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert wav.settle(path) == 0.0
    assert wav.samples(path) == b""


def test_no_file_holds_no_audio(tmp_path: Path) -> None:
    assert wav.settle(tmp_path / "a.wav") == 0.0
    assert wav.samples(tmp_path / "a.wav") == b""


def test_chunks_before_the_samples_are_passed(tmp_path: Path) -> None:
    path = unsaid(tmp_path / "a.wav", 1.0)
    data = path.read_bytes()
    path.write_bytes(data[:36] + b"LIST" + struct.pack("<I", 3) + b"abc\x00" + data[36:])
    assert wav.settle(path) == 1.0
