"""WAV files made by people: any usual kind of PCM, brought to what the telephone needs."""

import struct

import numpy as np

from ivr.errors import SynthesisError
from ivr.prompts.audio import NARROW, WIDE, Audio
from ivr.prompts.dsp import Samples, decimate, interpolate, resample, to_pcm

LARGEST = 30_000_000  # bytes: five minutes in the quality of a CD
RATES = range(8000, 192_001)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_OTHERS = {
    b"ID3": "an MP3 file",
    b"\xff\xfb": "an MP3 file",
    b"\xff\xf3": "an MP3 file",
    b"OggS": "an Ogg file",
    b"fLaC": "a FLAC file",
}


def to_audio(wav: bytes) -> Audio:
    """Level and silences stay as the person recorded them. SynthesisError says what to change in the file."""
    samples, rate = read(wav)
    if rate == NARROW:
        return Audio(narrow=to_pcm(samples), wide=to_pcm(interpolate(samples, 2)))
    wide = samples if rate == WIDE else resample(samples, rate, WIDE)
    return Audio(narrow=to_pcm(decimate(wide, 2)), wide=to_pcm(wide))


def read(wav: bytes) -> tuple[Samples, int]:
    """Samples of one channel, and their rate. Raises SynthesisError."""
    if len(wav) > LARGEST:
        raise SynthesisError(f"it is larger than {LARGEST // 1_000_000} MB")
    kind, channels, rate, bits, data = _parts(wav)
    if kind not in (_PCM, _FLOAT) or not 1 <= channels <= 8 or rate not in RATES:
        raise SynthesisError("a kind of WAV file that is not read here; save it as PCM, 16 bits")
    samples = _numbers(data, kind, bits)
    whole = samples[: len(samples) // channels * channels].reshape(-1, channels)
    if not len(whole):
        raise SynthesisError("it is empty")
    return whole.mean(axis=1), rate


def _parts(wav: bytes) -> tuple[int, int, int, int, bytes]:
    """Kind of samples, channels, rate, bits of a sample, and the samples."""
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        found = next((f" but {name}" for head, name in _OTHERS.items() if wav.startswith(head)), "")
        found = found or (" but an MP4 file" if wav[4:8] == b"ftyp" else "")
        raise SynthesisError(f"not a WAV file{found}; convert it into one (PCM)")
    described: tuple[int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(wav):
        name, size = wav[at : at + 4], struct.unpack_from("<I", wav, at + 4)[0]
        body = wav[at + 8 : at + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            if kind == _EXTENSIBLE and len(body) >= 26:
                kind = struct.unpack_from("<H", body, 24)[0]
            described = (kind, channels, rate, bits)
        elif name == b"data" and described is not None:
            return (*described, body)
        at += 8 + size + size % 2
    raise SynthesisError("a WAV file that is cut off or damaged; save it again")


def _numbers(data: bytes, kind: int, bits: int) -> Samples:
    """Full scale is 1.0."""
    if kind == _FLOAT and bits == 32:
        numbers = np.frombuffer(data[: len(data) // 4 * 4], "<f4").astype(np.float64)
        return np.nan_to_num(numbers, nan=0.0, posinf=1.0, neginf=-1.0)
    match kind, bits:
        case (1, 8):
            return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
        case (1, 16):
            return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float64) / 32767
        case (1, 24):
            three = np.frombuffer(data[: len(data) // 3 * 3], np.uint8).reshape(-1, 3)
            four = np.concatenate([np.zeros((len(three), 1), np.uint8), three], axis=1)
            return four.reshape(-1).view("<i4").astype(np.float64) / 2**31
        case (1, 32):
            return np.frombuffer(data[: len(data) // 4 * 4], "<i4").astype(np.float64) / 2**31
    raise SynthesisError("a kind of WAV file that is not read here; save it as PCM, 16 bits")
