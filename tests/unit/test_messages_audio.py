"""What is made of a recording to listen to, with the real ffmpeg; and what is not made of a file that is none."""

import asyncio
import json
import resource
import struct
import subprocess
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.messages import audio
from ivr.messages.audio import AudioFailed, Playback, normalise
from tests.messages_helpers import cut_off
from tests.speech import Samples, speak, wav

SAID = "もしもし、田中です。折り返しお電話ください。"


def second(count: float) -> Samples:
    return np.zeros(int(8000 * count), np.int16)


def quiet_voice(before: float = 3.0, after: float = 6.0) -> Samples:
    """A sixth of the usual loudness, with silence around it."""
    return np.concatenate([second(before), (speak(SAID) // 6).astype(np.int16), second(after)])


def recorded(path: Path, samples: Samples) -> Path:
    path.write_bytes(wav(samples.tobytes(), 8000))
    return path


def decoded(path: Path) -> Samples:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", "8000", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.int16)


def loudness(samples: Samples) -> float:
    """dBFS of what is louder than -50."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64) / 32768
    power = np.square(frames).mean(axis=1)
    return float(10 * np.log10(power[power > 1e-5].mean()))


async def test_a_quiet_voice_becomes_audible_and_long_silence_goes(tmp_path: Path) -> None:
    original = recorded(tmp_path / "a.wav", quiet_voice())
    before = original.read_bytes()
    made = await normalise(original, tmp_path / "playback" / "a.mp3")
    assert original.read_bytes() == before
    heard = decoded(tmp_path / "playback" / "a.mp3")
    assert made.start == pytest.approx(2.5, abs=0.4), "half a second stays before the voice"
    assert len(heard) / 8000 == pytest.approx(made.seconds, abs=0.2)
    assert made.seconds < len(quiet_voice()) / 8000 - 6
    assert loudness(decoded(original)) < -28 and -23 < loudness(heard) < -15
    assert int(np.abs(heard).max()) < 32000, "distorted"
    assert len(made.peaks) == 400 and 0.05 < max(made.peaks) <= 1 and min(made.peaks) >= 0


async def test_the_copy_is_what_browsers_play(tmp_path: Path) -> None:
    target = tmp_path / "a.mp3"
    await normalise(recorded(tmp_path / "a.wav", quiet_voice()), target)
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(target)]
    said = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: ASYNC221
    found = json.loads(said)["streams"][0]
    assert (found["codec_name"], found["sample_rate"], found["channels"]) == ("mp3", "16000", 1)


async def test_short_silence_and_a_recording_without_a_voice_stay_whole(tmp_path: Path) -> None:
    short = quiet_voice(before=1.5, after=1.5)
    made = await normalise(recorded(tmp_path / "a.wav", short), tmp_path / "a.mp3")
    assert (made.start, made.seconds) == (0.0, pytest.approx(len(short) / 8000, abs=0.02))
    made = await normalise(recorded(tmp_path / "b.wav", second(5)), tmp_path / "b.mp3")
    assert (made.start, made.seconds, made.gain) == (0.0, 5.0, 0.0)


async def test_a_header_that_a_crash_left_is_not_believed(tmp_path: Path) -> None:
    whole = await normalise(recorded(tmp_path / "a.wav", quiet_voice()), tmp_path / "a.mp3")
    crashed = cut_off(recorded(tmp_path / "b.wav", quiet_voice()))
    assert await normalise(crashed, tmp_path / "b.mp3") == whole
    endless = recorded(tmp_path / "c.wav", quiet_voice())
    data = bytearray(endless.read_bytes())
    data[40:44] = b"\xff\xff\xff\xff"
    endless.write_bytes(data)
    assert await normalise(endless, tmp_path / "c.mp3") == whole


def with_rate(path: Path, rate: int) -> Path:
    data = bytearray(recorded(path, quiet_voice()).read_bytes())
    data[24:28] = struct.pack("<I", rate)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_audio"),
        (wav(b"", 8000), "empty_audio"),
        (b"RIFF", "not_audio"),
        (b"\x00" * 5000, "not_audio"),
        (b"<html>" * 900, "not_audio"),
    ],
)
async def test_what_is_no_recording_says_so(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioFailed) as failed:
        await normalise(tmp_path / "a.wav", tmp_path / "a.mp3")
    assert (failed.value.code, failed.value.retryable) == (code, False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]  # noqa: ASYNC240


@pytest.mark.parametrize("rate", [1, 4000, 16000, 44100, 192_000])
async def test_a_false_rate_is_found_out(tmp_path: Path, rate: int) -> None:
    with pytest.raises(AudioFailed) as failed:
        await normalise(with_rate(tmp_path / "a.wav", rate), tmp_path / "a.mp3")
    assert (failed.value.code, failed.value.retryable) == ("not_audio", False)


async def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AudioFailed) as failed:
        await normalise(tmp_path / "none.wav", tmp_path / "a.mp3")
    assert (failed.value.code, failed.value.retryable) == ("not_found", False)


async def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.mp3"
    target.write_bytes(b"the earlier one")
    target.with_suffix(".part").symlink_to("/dev/full")  # whatever is written there finds no room
    with pytest.raises(AudioFailed) as failed:
        await normalise(recorded(tmp_path / "a.wav", quiet_voice()), target)
    assert (failed.value.code, failed.value.retryable) == ("no_room", True)
    assert target.read_bytes() == b"the earlier one"
    assert await normalise(tmp_path / "a.wav", target), "and the next try does it"


async def test_without_ffmpeg_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("nice", "setpriv"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(AudioFailed) as failed:
        await normalise(recorded(tmp_path / "a.wav", quiet_voice()), tmp_path / "a.mp3")
    assert (failed.value.code, failed.value.retryable) == ("no_ffmpeg", True)


async def test_an_ffmpeg_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = tmp_path / "a.wav"
    recorded(original, quiet_voice())
    monkeypatch.setattr(audio, "PATIENCE", 0.0)  # and a second for the ten of the recording
    monkeypatch.setattr(audio, "_RUN", ("tail", "-f", "/dev/null", "--"))
    with pytest.raises(AudioFailed) as failed:
        await normalise(original, tmp_path / "a.mp3")
    assert (failed.value.code, failed.value.retryable) == ("timeout", True)


async def test_an_hour_needs_no_memory(tmp_path: Path) -> None:
    """A voice, then sparse zeros: 57 MB that are not there."""
    original = recorded(tmp_path / "a.wav", quiet_voice())
    with original.open("r+b") as file:
        file.truncate(44 + 3600 * 16000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    blocked, made = await _with_a_watch(normalise(original, tmp_path / "a.mp3"))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert made.seconds < 10 and grown < 35, f"{grown:.0f} MB"
    assert blocked < 0.5, f"the loop stood still for {blocked:.2f} s"


async def _with_a_watch(work: Coroutine[Any, Any, Playback]) -> tuple[float, Playback]:
    """The longest time for which the loop computed and did nothing else; that it was not let run is not counted."""
    longest = 0.0
    task = asyncio.ensure_future(work)
    while not task.done():
        at = time.thread_time()
        await asyncio.wait({task}, timeout=0.02)
        longest = max(longest, time.thread_time() - at)
    return longest, task.result()
