"""The cache of prompts: by content, whole files, recordings first, cheap for the engine."""

import json
import logging
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.errors import SynthesisError
from ivr.prompts.library import PromptLibrary, recording_name

# pyopenjtalk-plus calls an old name of SudachiPy's.
pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")

HELLO = "お電話ありがとうございます。"


def record(path: Path, *, rate: int = 8000, channels: int = 1, width: int = 2, hertz: int = 440) -> None:
    """Half a second of a tone, as a person's recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 8000 * np.sin(2 * np.pi * hertz * np.arange(rate // 2) / rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(tone.astype("<i2").tobytes() * channels if width == 2 else bytes(rate // 2))


def read(path: Path) -> tuple[int, int, int, np.ndarray]:
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert len(samples) == file.getnframes()
        return file.getnchannels(), file.getsampwidth(), file.getframerate(), samples


def pitch(samples: np.ndarray, rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


def test_made_once_and_found_by_every_process(tmp_path: Path) -> None:
    jobs, engine = PromptLibrary(tmp_path / "cache", None), PromptLibrary(tmp_path / "cache", None)
    assert engine.path(HELLO) is None
    assert engine.duration(HELLO) is None
    assert jobs.missing([HELLO, HELLO]) == [HELLO]

    made = jobs.make(HELLO)

    assert engine.path(HELLO) == made == (tmp_path / "cache" / jobs.key(HELLO))
    assert made.is_absolute()
    assert jobs.missing([HELLO]) == []
    narrow, wide = read(made.with_suffix(".wav")), read(made.with_suffix(".wav16"))
    assert narrow[:3] == (1, 2, 8000)
    assert wide[:3] == (1, 2, 16000)
    assert engine.duration(HELLO) == pytest.approx(len(narrow[3]) / 8000)
    assert 1.0 < len(wide[3]) / 16000 < 3.0
    about = json.loads(made.with_suffix(".json").read_text())
    assert (about["text"], about["seconds"]) == (HELLO, pytest.approx(len(narrow[3]) / 8000, abs=0.001))
    before = made.with_suffix(".wav").stat().st_mtime_ns
    assert jobs.make(HELLO) == made
    assert made.with_suffix(".wav").stat().st_mtime_ns == before
    assert sorted(p.suffix for p in made.parent.iterdir()) == [".json", ".wav", ".wav16"]


def test_a_relative_cache_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert PromptLibrary(Path("cache"), None).make(HELLO).parent == tmp_path / "cache"


def test_asterisk_may_run_as_another_user(tmp_path: Path) -> None:
    made = PromptLibrary(tmp_path, None).make(HELLO)
    umask = os.umask(0)
    os.umask(umask)
    for kind in (".wav", ".wav16"):
        assert made.with_suffix(kind).stat().st_mode & 0o777 == 0o666 & ~umask


def test_key_is_the_content_as_spoken(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path, None)
    assert len(library.key(HELLO)) == 32
    int(library.key(HELLO), 16)
    assert library.key("シャープと1を") == library.key("＃と１を")
    assert library.key("シャープと1を") != library.key("シャープと2を")
    read_as = PromptLibrary(tmp_path, None, {"ecforce": "イーシーフォース"})
    assert read_as.key("ecforce") == library.key("イーシーフォース") != library.key("ecforce")


def test_a_prompt_with_half_its_files_is_missing(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path, None)
    made = library.make(HELLO)
    for kind in (".wav", ".wav16", ".json"):
        made.with_suffix(kind).unlink()
        assert library.missing([HELLO]) == [HELLO]
        library.make(HELLO)
        assert made.with_suffix(kind).exists()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_recording_is_played_at_both_rates(tmp_path: Path, rate: int) -> None:
    record(tmp_path / "prompts" / "ようこそ.wav", rate=rate)
    library = PromptLibrary(tmp_path / "cache", tmp_path / "prompts")
    assert library.path("file:ようこそ") is None
    made = library.make("file:ようこそ")
    assert library.path("file:ようこそ") == made
    for kind, expected in ((".wav", 8000), (".wav16", 16000)):
        channels, width, got, samples = read(made.with_suffix(kind))
        assert (channels, width, got, len(samples)) == (1, 2, expected, expected // 2)
        assert pitch(samples, got) == pytest.approx(440, abs=2)
        assert np.abs(samples).max() == pytest.approx(8000, rel=0.1)
        # The images of the other rate are gone.
        spectrum = np.abs(np.fft.rfft(samples[500:-500] * np.hanning(len(samples) - 1000)))
        above = spectrum[1000 * len(spectrum) * 2 // got :]
        assert above.max() < spectrum.max() / 300


def test_a_recording_wins_over_the_voice_and_may_come_and_go(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path / "cache", tmp_path / "prompts")
    made = library.make(HELLO)
    by_hand = tmp_path / "prompts" / f"{recording_name(HELLO)}.wav"
    record(by_hand, hertz=440)
    assert library.missing([HELLO]) == [HELLO]
    assert library.make(HELLO) == made
    assert pitch(read(made.with_suffix(".wav"))[3], 8000) == pytest.approx(440, abs=2)

    record(by_hand, hertz=600)  # recorded again
    assert library.missing([HELLO]) == [HELLO]
    library.make(HELLO)
    assert pitch(read(made.with_suffix(".wav"))[3], 8000) == pytest.approx(600, abs=2)

    by_hand.unlink()
    assert library.missing([HELLO]) == [HELLO]
    library.make(HELLO)
    assert library.duration(HELLO) != 0.5
    assert library.missing([HELLO]) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 9}, "file:bad: a kind of WAV file that is not read here; save it as PCM, 16 bits"),
        ({"rate": 4000}, "file:bad: a kind of WAV file that is not read here; save it as PCM, 16 bits"),
    ],
)
def test_an_unfit_recording_is_refused(tmp_path: Path, settings: dict[str, int], message: str) -> None:
    record(tmp_path / "bad.wav", **settings)
    with pytest.raises(SynthesisError, match=message):
        PromptLibrary(tmp_path / "cache", tmp_path).make("file:bad")
    assert PromptLibrary(tmp_path / "cache", tmp_path).path("file:bad") is None


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path / "cache", tmp_path)
    (tmp_path / "text.wav").write_text("これは音声ではありません")
    (tmp_path / "empty.wav").write_bytes(b"")
    record(tmp_path / "cut.wav")
    whole = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:44])
    (tmp_path.parent / "outside.wav").write_bytes(whole)
    for name, message in {
        "text": "file:text: not a WAV file; convert it into one",
        "empty": "file:empty: not a WAV file",
        "cut": "file:cut: it is empty",
        "absent": 'file:absent: there is no "absent.wav" among the recordings',
        "../outside": "named by its file name alone",
        "": "named by its file name alone",
    }.items():
        assert library.missing([f"file:{name}"]) == [f"file:{name}"]
        with pytest.raises(SynthesisError, match=message):
            library.make(f"file:{name}")
    with pytest.raises(SynthesisError, match="there is no folder of recordings"):
        PromptLibrary(tmp_path / "cache", None).make("file:text")


def test_a_text_without_speech_makes_no_file(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path / "cache", None)
    with pytest.raises(SynthesisError):
        library.make("。。。")
    assert library.path("。。。") is None
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_may_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(SynthesisError) as raised:
        PromptLibrary(tmp_path / "cache", None).make(HELLO)
    assert raised.value.retryable


def test_the_log_names_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="ivr"):
        PromptLibrary(tmp_path, None).make("受付番号は、4821です。")
    assert [r.getMessage() for r in caplog.records] == ["prompt made"]
    assert "4821" not in str([vars(r) for r in caplog.records])


MAKE = """
import sys, time
from pathlib import Path
from ivr.prompts import synthesis
from ivr.prompts.library import PromptLibrary, recording_name
synthesis.synthesise("はい", None)
print("ready", flush=True)
sys.stdin.readline()
start = time.monotonic()
PromptLibrary(Path(sys.argv[1]), None).make(sys.argv[2])
print(start, time.monotonic())
"""


def test_two_processes_making_one_prompt_leave_one_good_file(tmp_path: Path) -> None:
    text = HELLO * 12  # half a second of work, so that the two do overlap
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(tmp_path / "both"), text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for maker in makers:
            assert maker.stdout and maker.stdout.readline() == "ready\n"
        for maker in makers:
            assert maker.stdin
            maker.stdin.write("go\n")
            maker.stdin.flush()
        times = [[float(t) for t in maker.communicate(timeout=60)[0].split()] for maker in makers]
        assert [maker.returncode for maker in makers] == [0, 0]
    finally:
        for maker in makers:
            with maker:  # its pipes are closed, too
                maker.kill()
    assert max(start for start, _ in times) < min(end for _, end in times), "they did not overlap"

    alone = PromptLibrary(tmp_path / "alone", None).make(text)
    assert sorted(p.suffix for p in (tmp_path / "both").iterdir()) == [".json", ".wav", ".wav16"]
    for kind in (".wav", ".wav16"):
        assert (tmp_path / "both" / f"{alone.name}{kind}").read_bytes() == alone.with_suffix(
            kind
        ).read_bytes()


REWRITE = """
import sys
from pathlib import Path
from ivr.prompts.audio import Audio, write_pair
sounds = [Audio(bytes([n]) * 400_000, bytes([n]) * 800_000) for n in (1, 2)]
while True:
    for sound in sounds:
        write_pair(Path(sys.argv[1]), sound)
"""


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    """A prompt is replaced all the time while it is read; then the writer is killed at any point."""
    base = tmp_path / "prompt"
    writer = subprocess.Popen([sys.executable, "-c", REWRITE, str(base)])
    try:
        seen: set[bytes] = set()
        reads = 0
        while reads < 200 or len(seen) < 2:
            assert writer.poll() is None
            if not base.with_suffix(".wav").exists():
                continue
            data = base.with_suffix(".wav").read_bytes()[44:]
            assert len(data) == 400_000 and len(set(data)) == 1
            seen.add(data[:1])
            reads += 1
    finally:
        writer.kill()
        writer.wait()
    assert seen == {b"\x01", b"\x02"}
    assert len(read(base.with_suffix(".wav"))[3]) == 200_000
    assert len(read(base.with_suffix(".wav16"))[3]) == 400_000


def test_the_engine_loads_no_synthesiser(tmp_path: Path) -> None:
    PromptLibrary(tmp_path, None).make(HELLO)
    asks = (
        "import sys; from pathlib import Path; from ivr.prompts.library import PromptLibrary\n"
        "from ivr.prompts import spoken, tones\n"
        "library = PromptLibrary(Path(sys.argv[1]), None)\n"
        "assert library.path(sys.argv[2]) and library.duration(sys.argv[2])\n"
        "print([m for m in ('pyopenjtalk', 'numpy', 'sudachipy', 'onnxruntime') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", asks, str(tmp_path), HELLO], capture_output=True, text=True)
    assert (out.stdout, out.stderr) == ("[]\n", "")
