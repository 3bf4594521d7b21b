"""WAV files as studios and telephones deliver them become telephone audio; what is none is named."""

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.errors import SynthesisError
from ivr.prompts.library import PromptLibrary, recording_name
from ivr.prompts.recorded import read, to_audio

SECONDS = 1.0


def tone(rate: int, hertz: float = 440.0, level: float = 0.25) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(rate * SECONDS)) / rate)


def riff(kind: int, channels: int, rate: int, bits: int, data: bytes, extra: bytes = b"") -> bytes:
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits) + extra
    # A chunk that nobody needs stands before the samples, as editors write it; odd, so padded.
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def of_kind(kind: str, rate: int) -> bytes:
    samples = tone(rate)
    both = np.repeat(samples, 2)  # the same left and right
    whole = (samples * 32767).astype("<i2")
    match kind:
        case "16 bits":
            return riff(1, 1, rate, 16, whole.tobytes())
        case "stereo":
            return riff(1, 2, rate, 16, (both * 32767).astype("<i2").tobytes())
        case "8 bits":
            return riff(1, 1, rate, 8, (samples * 127 + 128).astype(np.uint8).tobytes())
        case "24 bits":
            return riff(
                1, 1, rate, 24, b"".join(v.tobytes()[1:] for v in (samples * 2147483647).astype("<i4"))
            )
        case "32 bits":
            return riff(1, 1, rate, 32, (samples * 2147483647).astype("<i4").tobytes())
        case "float":
            return riff(3, 1, rate, 32, samples.astype("<f4").tobytes())
    extra = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    return riff(0xFFFE, 1, rate, 16, whole.tobytes(), extra)


def levels(pcm: bytes, rate: int) -> tuple[float, float, float]:
    """Seconds, strongest frequency, peak."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return len(samples) / rate, float(np.argmax(spectrum) * rate / len(samples)), float(np.abs(samples).max())


@pytest.mark.parametrize("kind", ["16 bits", "stereo", "8 bits", "24 bits", "32 bits", "float", "extensible"])
@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_every_usual_kind_becomes_telephone_audio(kind: str, rate: int) -> None:
    audio = to_audio(of_kind(kind, rate))
    for pcm, narrow_or_wide in ((audio.narrow, 8000), (audio.wide, 16000)):
        seconds, hertz, peak = levels(pcm, narrow_or_wide)
        assert seconds == pytest.approx(1.0, abs=0.001)
        assert hertz == pytest.approx(440, abs=2)
        assert peak == pytest.approx(8192, rel=0.05)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_what_fits_already_is_taken_as_it_is(rate: int) -> None:
    wav = riff(1, 1, rate, 16, (tone(rate, level=0.9) * 32767).astype("<i2").tobytes())
    audio = to_audio(wav)
    assert (audio.narrow if rate == 8000 else audio.wide) == wav[-rate * 2 :]


def test_what_a_telephone_cannot_carry_folds_nothing_back() -> None:
    high = riff(1, 1, 44100, 16, (tone(44100, 7000) * 32767).astype("<i2").tobytes())
    audio = to_audio(high)
    assert levels(audio.wide, 16000)[1] == pytest.approx(7000, abs=2)
    assert levels(audio.narrow[2000:-2000], 8000)[2] < 20  # at 1 kHz a mirror would stand


def test_two_channels_are_mixed() -> None:
    left = (tone(16000) * 32767).astype("<i2")
    pair = np.stack([left, np.zeros_like(left)], axis=1)
    assert levels(to_audio(riff(1, 2, 16000, 16, pair.tobytes())).wide, 16000)[2] == pytest.approx(
        4096, rel=0.05
    )


@pytest.mark.parametrize(
    ("wav", "why"),
    [
        (b"", "not a WAV file; convert it into one (PCM)"),
        (b"ID3\x03" + bytes(200), "not a WAV file but an MP3 file; convert it into one (PCM)"),
        (b"\xff\xfb\x90" + bytes(200), "not a WAV file but an MP3 file; convert it into one (PCM)"),
        (b"\0\0\0\x20ftypM4A " + bytes(200), "not a WAV file but an MP4 file; convert it into one (PCM)"),
        (b"OggS" + bytes(200), "not a WAV file but an Ogg file; convert it into one (PCM)"),
        (riff(1, 1, 8000, 16, b""), "it is empty"),
        (riff(7, 1, 8000, 8, bytes(80)), "a kind of WAV file that is not read here; save it as PCM, 16 bits"),
        (
            riff(1, 1, 4000, 16, bytes(80)),
            "a kind of WAV file that is not read here; save it as PCM, 16 bits",
        ),
        (
            riff(1, 1, 8000, 12, bytes(80)),
            "a kind of WAV file that is not read here; save it as PCM, 16 bits",
        ),
        (
            riff(1, 0, 8000, 16, bytes(80)),
            "a kind of WAV file that is not read here; save it as PCM, 16 bits",
        ),
        (riff(1, 1, 8000, 16, bytes(80))[:30], "a WAV file that is cut off or damaged; save it again"),
        (bytes(30_000_001), "it is larger than 30 MB"),
    ],
)
def test_what_cannot_be_taken_says_what_to_do(wav: bytes, why: str) -> None:
    with pytest.raises(SynthesisError) as refused:
        read(wav)
    assert str(refused.value) == why


@pytest.mark.parametrize("end", range(0, 120, 7))
def test_a_file_that_is_cut_anywhere_is_refused_or_shorter(end: int) -> None:
    whole = riff(3, 2, 48000, 32, bytes(range(256)) * 8)
    try:
        samples, _ = read(whole[:end])
    except SynthesisError:
        return
    assert np.isfinite(samples).all()


def test_an_mp3_beside_is_named(tmp_path: Path) -> None:
    (tmp_path / "welcome.mp3").write_bytes(b"ID3")
    library = PromptLibrary(tmp_path / "cache", tmp_path)
    assert library.why_not("file:welcome") == (
        'file:welcome: there is no "welcome.wav" among the recordings; '
        "there is welcome.mp3, convert it into a WAV file"
    )


def test_a_recording_of_a_text_stays_its_own_when_readings_change(tmp_path: Path) -> None:
    text = "髙橋でございます。"
    with wave.open(str(tmp_path / f"{recording_name(text)}.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))
    for readings in ({}, {"髙橋": "タカハシ"}):
        library = PromptLibrary(tmp_path / "cache", tmp_path, readings)
        assert library.why_not(text) is None
        made = library.make(text).with_suffix(".wav")
        with wave.open(io.BytesIO(made.read_bytes())) as heard:
            assert (heard.getframerate(), heard.getnframes()) == (8000, 8000)


def test_a_text_that_no_voice_can_say_may_be_recorded(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path / "cache", tmp_path)
    assert library.why_not("♪") is not None
    with wave.open(str(tmp_path / f"{recording_name('♪')}.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))
    assert library.why_not("♪") is None
