"""The beep and the music while holding, made here so that nobody's rights are touched.

8 kHz, mono, 16 bit: what a telephone carries.
"""

import math
import os
import wave
from array import array
from pathlib import Path

RATE = 8000

# Greensleeves (traditional): semitones from A4, and length in eighths.
_GREENSLEEVES = (
    "0:1 3:2 5:1 7:1.5 8:.5 7:1 5:2 2:1 -2:1.5 0:.5 2:1 3:2 0:1 0:1.5 -1:.5 0:1 2:2 -1:1 -5:2 "
    "0:1 3:2 5:1 7:1.5 8:.5 7:1 5:2 2:1 -2:1.5 0:.5 2:1 3:1.5 2:.5 0:1 -1:1.5 -3:.5 -1:1 0:6 "
    "10:3 10:1.5 9:.5 7:1 5:2 2:1 -2:1.5 0:.5 2:1 3:2 0:1 0:1.5 -1:.5 0:1 2:2 -1:1 -5:3 "
    "10:3 10:1.5 9:.5 7:1 5:2 2:1 -2:1.5 0:.5 2:1 3:1.5 2:.5 0:1 -1:1.5 -3:.5 -1:1 0:6"
)
_EIGHTH = 0.3  # seconds


def write_beep(path: Path) -> None:
    """Half a second of 1 kHz, which callers in Japan know as 発信音."""
    samples = array("h", bytes(2 * RATE // 2))
    edge = RATE // 100  # 10 ms, else it clicks
    for i in range(len(samples)):
        level = min(1.0, i / edge, (len(samples) - 1 - i) / edge)
        samples[i] = round(9000 * level * math.sin(2 * math.pi * 1000 * i / RATE))
    _write(path, samples)


def write_hold_music(path: Path) -> None:
    """Half a minute of a plucked melody, quiet enough to speak over."""
    samples = array("h")
    for note in _GREENSLEEVES.split():
        semitones, eighths = note.split(":")
        samples.extend(_pluck(440.0 * 2 ** (int(semitones) / 12), float(eighths) * _EIGHTH))
    _write(path, samples)


def _pluck(frequency: float, seconds: float) -> "array[int]":
    count = round(seconds * RATE)
    step = 2 * math.pi * frequency / RATE
    edge = RATE // 200
    tone = array("h", bytes(2 * count))
    for i in range(count):
        level = min(1.0, i / edge, (count - 1 - i) / edge) * math.exp(-2.0 * i / RATE)
        tone[i] = round(4000 * level * (math.sin(step * i) + 0.3 * math.sin(2 * step * i)))
    return tone


def _write(path: Path, samples: "array[int]") -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with wave.open(str(partial), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    partial.replace(path)
