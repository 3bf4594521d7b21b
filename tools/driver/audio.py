"""Telephone audio: G.711, speech by open_jtalk, and comparing what was heard with what was said."""

import io
import threading
import wave
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

RATE = 8000
FRAME = 160  # samples: 20 ms
FULL_WAVE = np.exp(-2j * np.pi * 1000 / RATE * np.arange(FRAME))  # an answering machine's beep: 1 kHz
BEEP_FRAMES = 12  # 240 ms of nothing else: speech and music do not do that

Samples = npt.NDArray[np.int16]

_one_at_a_time = threading.Lock()  # open_jtalk crashes in threads


@cache
def speech(text: str) -> Samples:
    """Spoken by open_jtalk's voice Mei, without what a telephone cannot carry."""
    import pyopenjtalk

    with _one_at_a_time:
        wide, rate = pyopenjtalk.tts(text)
    length = len(wide) * RATE // rate
    spectrum = np.fft.rfft(wide)[: length // 2 + 1]
    spectrum[int(3600 * length / RATE) :] = 0
    narrow = np.fft.irfft(spectrum, length) * (length / len(wide))
    return np.asarray((narrow * (16000 / np.abs(narrow).max())).astype(np.int16))


def tone(frequency: float, seconds: float) -> Samples:
    moments = np.arange(round(seconds * RATE)) / RATE
    return np.asarray((8000 * np.sin(2 * np.pi * frequency * moments)).astype(np.int16))


def to_mulaw(samples: Samples) -> bytes:
    """ITU-T G.711: 13 bits in one byte, sign and exponent and four bits, all inverted."""
    size = np.minimum(np.abs(samples.astype(np.int32)) + 132, 32767)
    exponent = np.maximum(np.frexp(size.astype(np.float64))[1] - 8, 0)
    byte = (samples < 0) * 128 + exponent * 16 + (size >> (exponent + 3)) % 16
    return bytes((255 - byte).astype(np.uint8))


def from_mulaw(coded: bytes) -> Samples:
    byte = 255 - np.frombuffer(coded, np.uint8).astype(np.int32)
    size = ((byte % 16 * 8 + 132) << (byte // 16 % 8)) - 132
    return np.where(byte >= 128, -size, size).astype(np.int16)


def is_beep(frame: Samples) -> bool:
    """Whether these 20 ms are 1 kHz and hardly anything else."""
    power = float(np.mean(frame.astype(np.float64) ** 2))
    there = 2 * abs(complex(frame.astype(np.float64) @ FULL_WAVE)) ** 2 / FRAME**2
    return power > 500**2 and there > 0.9 * power


def share_of(frequency: float, heard: Samples) -> float:
    """How much of the loudest second of `heard` lies within 8 Hz of `frequency`, 0 to 1."""
    best = 0.0
    for begin in range(0, max(1, len(heard) - RATE + 1), RATE // 4):
        second = heard[begin : begin + RATE].astype(np.float64)
        power = np.abs(np.fft.rfft(second, RATE)) ** 2
        if power.sum() > 300.0**2 * RATE:
            best = max(best, float(power[round(frequency) - 8 : round(frequency) + 9].sum() / power.sum()))
    return best


def likeness(said: Samples, heard: Samples) -> float:
    """How like `said` the most like part of `heard` is, 0 to 1.

    In pieces of 0.4 s, each of which may lie 60 ms off its place (a packet that came late), weighed by
    their energy; a piece that is missing counts as 0.
    """
    said_, heard_ = said.astype(np.float64), heard.astype(np.float64)
    if len(heard_) < RATE // 2:
        return 0.0
    padded = np.concatenate([np.zeros(len(said_)), heard_, np.zeros(len(said_))])
    begin = int(np.argmax(_correlation(said_, padded)))
    size, drift = RATE * 2 // 5, RATE * 3 // 50
    whole = weight = 0.0
    for start in range(0, len(said_) - size + 1, size):
        piece = said_[start : start + size]
        there = padded[max(0, begin + start - drift) : begin + start + size + drift]
        energy = float(np.sum(piece**2))
        whole += energy * max(0.0, float(np.max(_correlation(piece, there))))
        weight += energy
    return whole / weight


def _correlation(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Normalised, for every place of `part` in `whole`."""
    size = 1 << (len(whole) + len(part)).bit_length()
    product = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    sums = np.concatenate([[0.0], np.cumsum(whole**2)])
    energy: Any = np.sqrt(np.maximum(sums[len(part) :] - sums[: -len(part)], 1.0) * np.sum(part**2))
    return np.asarray(product[: len(whole) - len(part) + 1] / np.maximum(energy, 1.0))


def read_wav(content: bytes) -> Samples:
    with wave.open(io.BytesIO(content)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"the recording is no 8 kHz, 16 bit, mono WAV: {file.getparams()}")
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)
