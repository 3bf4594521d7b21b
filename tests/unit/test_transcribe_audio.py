"""WAV files as they come: every width, lying headers, nothing in them, outside of the recordings."""

import io
import itertools
import os
import struct
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.speech import to_mulaw, wav
from transcribe.audio import allowed, pieces, read_header
from transcribe.protocol import Failure

RAMP = (np.arange(-4000, 4000) * 8).astype(np.int16)  # one second at 8 kHz
PLAIN = wav(RAMP.tobytes(), 8000)


def heard(content: bytes, rate: int = 8000) -> np.ndarray:
    file = io.BytesIO(content)
    return np.frombuffer(b"".join(pieces(file, read_header(file), rate)), np.int16)


def failure(content: bytes) -> Failure:
    with pytest.raises(Failure) as caught:
        read_header(io.BytesIO(content))
    return caught.value


def test_telephone_audio_passes_unchanged_in_half_second_pieces() -> None:
    file = io.BytesIO(PLAIN)
    header = read_header(file)
    got = [piece for piece in pieces(file, header, 8000) if piece]
    assert b"".join(got) == RAMP.tobytes()
    assert [len(piece) for piece in got] == [8000, 8000]
    assert header.duration == 1.0


@pytest.mark.parametrize(
    ("content", "tolerance"),
    [
        (wav((RAMP.astype(np.int32) << 16).astype("<i4").tobytes(), 8000, bits=32), 0),
        (
            wav(b"".join(struct.pack("<i", int(s) << 8)[:3] for s in RAMP), 8000, bits=24),
            0,
        ),
        (wav(((RAMP >> 8) + 128).astype(np.uint8).tobytes(), 8000, bits=8), 255),
        (wav((RAMP / 32768).astype("<f4").tobytes(), 8000, bits=32, encoding=3), 1),
        (wav(to_mulaw(RAMP), 8000, bits=8, encoding=7), 1024),
        (wav(np.repeat(RAMP, 2).tobytes(), 8000, channels=2), 0),
        (wav(np.stack([RAMP // 2 * 2, RAMP * 0], axis=1).tobytes(), 8000, channels=2), 32768),
    ],
    ids=["32 bits", "24 bits", "8 bits", "float", "mu-law", "stereo", "one silent side"],
)
def test_other_ways_of_writing_samples(content: bytes, tolerance: int) -> None:
    got = heard(content)
    assert len(got) == len(RAMP)
    assert np.abs(got.astype(int) - RAMP).max() <= tolerance
    assert np.corrcoef(got, RAMP)[0, 1] > 0.999


@pytest.mark.parametrize("stated", [0, 4000, 0xFFFFFFFF], ids=["zero", "an earlier moment", "a pipe"])
def test_the_whole_sound_of_a_file_whose_header_was_never_finished(stated: int) -> None:
    content = PLAIN[:40] + struct.pack("<I", stated) + PLAIN[44:]
    assert np.array_equal(heard(content), RAMP)


def test_a_file_cut_off_in_mid_sample_ends_with_its_last_whole_one() -> None:
    assert np.array_equal(heard(PLAIN[:-1]), RAMP[:-1])


def test_chunks_around_the_samples_are_not_heard() -> None:
    note = b"LIST" + struct.pack("<I", 5) + b"INFOx" + b"\0"
    content = PLAIN[:12] + note + PLAIN[12:] + note
    assert np.array_equal(heard(content), RAMP)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_audio"),
        (PLAIN[:44], "empty_audio"),
        (PLAIN[:45], "empty_audio"),
        (PLAIN[:43], "not_audio"),
        (PLAIN[:30], "not_audio"),
        (PLAIN[:8], "not_audio"),
        (b"ID3\x03 not a WAV file at all", "not_audio"),
        (wav(RAMP.tobytes(), 0), "not_audio"),
        (wav(RAMP.tobytes(), 8000, channels=0), "not_audio"),
        (wav(RAMP.tobytes(), 8000, bits=4, encoding=2), "not_audio"),
    ],
)
def test_what_cannot_be_heard_says_so_and_is_not_to_be_retried(content: bytes, code: str) -> None:
    refused = failure(content)
    assert (refused.code, refused.retryable) == (code, False)


def test_only_paths_under_the_recordings_are_read(tmp_path: Path) -> None:
    recordings, outside = tmp_path / "recordings", tmp_path / "secret.wav"
    recordings.mkdir()
    outside.write_bytes(PLAIN)
    (recordings / "link.wav").symlink_to(outside)
    assert allowed(f"{recordings}/a.wav", (recordings,)) == recordings / "a.wav"
    for path in (outside, recordings / "link.wav", recordings / ".." / "secret.wav", f"{recordings}-2/a.wav"):
        with pytest.raises(Failure) as caught:
            allowed(str(path), (recordings,))
        assert (caught.value.code, caught.value.status) == ("forbidden_path", 403)


def test_three_hours_pass_through_in_small_pieces(tmp_path: Path) -> None:
    path, samples = tmp_path / "long.wav", 3 * 3600 * 8000
    path.write_bytes(wav(b"", 8000)[:40] + (samples * 2).to_bytes(4, "little"))
    os.truncate(path, 44 + samples * 2)  # no disk is used
    with path.open("rb") as file:
        header = read_header(file)
        tracemalloc.start()
        sizes = Counter(len(piece) for piece in itertools.islice(pieces(file, header, 8000), 2000))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert header.duration == 10800.0
    assert sizes == {8000: 2000}
    assert most < 2_000_000
