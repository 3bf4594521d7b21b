"""Speech with the times of its phones: open_jtalk's voice Mei, and espeak-ng.

open_jtalk is run as a program (`-ot` writes what it did when); espeak-ng through its library, whose events tell
when a phoneme began.
"""

import ctypes
import re
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.tiny_model.lexicon import SILENCE, phones

Samples = npt.NDArray[np.float32]
RATE = 8000
DICTIONARY = Path("/var/lib/mecab/dic/open-jtalk/naist-jdic")


@dataclass(frozen=True, slots=True)
class Utterance:
    """`samples` at 8000 Hz, about -1 to 1; `labels` are (phone, start, end) in seconds, one after the other."""

    samples: Samples
    labels: tuple[tuple[str, float, float], ...]


def to_8khz(wide: npt.NDArray[np.float64], rate: int) -> Samples:
    """Band-limited by cutting its spectrum."""
    length = len(wide) * RATE // rate
    spectrum = np.fft.rfft(wide)[: length // 2 + 1]
    return np.asarray(np.fft.irfft(spectrum, length) * (length / len(wide)), np.float32)


def read_trace(trace: str) -> tuple[tuple[str, float, float], ...]:
    """Of `open_jtalk -ot`: lines "start end ...-phone+...", in units of 100 ns. Devoiced vowels are vowels."""
    found = []
    for start, end, phone in re.findall(r"^(\d+) (\d+) \S+?-(\w+)\+", trace, re.MULTILINE):
        phone = {"pau": SILENCE, "v": "b", "dy": "j", "ty": "ch"}.get(phone, phone)
        phone = phone.lower() if phone in "AIUEO" else phone
        found.append((phone, int(start) / 1e7, int(end) / 1e7))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class MeiStyle:
    """`speed` 1 is the voice's own, `tract` its all-pass constant (0.55 is the voice's own), `half_tones` shift it."""

    speed: float
    tract: float
    half_tones: float


def mei(text: str, voice: Path, style: MeiStyle) -> Utterance | None:
    """None for a text that open_jtalk cannot say, such as ッ alone."""
    with tempfile.TemporaryDirectory() as name:
        sound, trace = Path(name, "a.wav"), Path(name, "a.txt")
        command = ["open_jtalk", "-x", DICTIONARY, "-m", voice, "-ow", sound, "-ot", trace]
        command += ["-r", style.speed, "-a", style.tract, "-fm", style.half_tones]
        done = subprocess.run(
            [str(part) for part in command], input=text, encoding="utf-8", capture_output=True
        )
        if done.returncode:
            return None
        with wave.open(str(sound)) as file:
            rate = file.getframerate()
            wide = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64)
        return Utterance(to_8khz(wide / 32768, rate), read_trace(trace.read_text("utf-8", errors="replace")))


_SIGNS = {
    "s\\": "sh",
    "t_s\\": "ch",
    "t_s": "ts",
    "d_z\\": "j",
    "p\\": "f",
    "r`": "r",
    "j": "y",
    "C": "h",
    "u~": "N",
}
_SIGNS |= {"N\\": "N", "_": SILENCE, "_:": SILENCE}
_SOFT = {"k": "ky", "g": "gy", "n": "ny", "h": "hy", "b": "by", "p": "py", "m": "my", "r": "ry"}


def read_events(
    events: list[tuple[float, str]], end: float, wanted: list[str]
) -> list[tuple[str, float, float]] | None:
    """(second, espeak's sign) to labels, led by the phones that were `wanted`; None if something else was said.

    espeak writes "k _j" for ky, one vowel for a long one (it is halved), n or m for N, and many signs for a cl.
    """
    starts: list[tuple[float, str]] = []
    for at, sign in events:
        if sign == "_j":
            starts[-1] = (starts[-1][0], _SOFT.get(starts[-1][1], ""))
        else:
            starts.append((at, _SIGNS.get(sign, sign)))
    ends = [at for at, _ in starts[1:]] + [end]
    labels: list[tuple[str, float, float]] = []
    expected = list(reversed(wanted))
    for (start, said), stop in zip(starts, ends, strict=True):
        phone = expected[-1] if expected else ""
        if said == SILENCE:
            labels.append((SILENCE, start, stop))
            continue
        if said != phone and labels and phone == labels[-1][0] and phone in "aiueo":
            labels[-1:] = _halves(*labels[-1])
            expected.pop()
            phone = expected[-1] if expected else ""
        if (
            (said == "h" and phone == "hy")
            or (said in "nm" and phone == "N")
            or (phone == "cl" and said not in "aiueoN")
        ):
            said = phone
        if said != phone:
            return None
        labels.append((phone, start, stop))
        expected.pop()
    while expected and labels:  # a long vowel at the very end
        spoken = max(at for at, label in enumerate(labels) if label[0] != SILENCE)
        if labels[spoken][0] != expected[-1] or expected[-1] not in "aiueo":
            return None
        labels[spoken : spoken + 1] = _halves(*labels[spoken])
        expected.pop()
    return labels


def _halves(phone: str, start: float, stop: float) -> list[tuple[str, float, float]]:
    return [(phone, start, (start + stop) / 2), (phone, (start + stop) / 2, stop)]


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h; times in milliseconds."""

    _fields_ = (
        *(("type", ctypes.c_int), ("unique", ctypes.c_uint), ("text_position", ctypes.c_int)),
        *(("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int)),
        *(("user_data", ctypes.c_void_p), ("phoneme", ctypes.c_char * 8)),
    )


_SYNCHRONOUS, _PHONEME_EVENTS, _PHONEME, _UTF8 = 2, 1, 7, 1
_SPEED, _PITCH = 1, 3  # espeak_PARAMETER


class Espeak:
    """One a process: the library keeps its state in globals."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        self._samples: list[npt.NDArray[np.int16]] = []
        self._events: list[tuple[float, str]] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self._heard = kind(self._hear)  # kept: the library calls it
        self._library.espeak_SetSynthCallback(self._heard)

    def _hear(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        at = 0
        while events[at].type:
            if events[at].type == _PHONEME:
                self._events.append((events[at].audio_position / 1000, events[at].phoneme.decode()))
            at += 1
        return 0

    def say(self, kana: list[str], voice: str, speed: int, pitch: int) -> Utterance | None:
        """`kana` are words as they are spoken, "" a pause; `speed` in words a minute, `pitch` 0 to 99.

        None if the library said something else than the kana (it reads a few runs of kana its own way).
        """
        self._samples.clear()
        self._events.clear()
        if self._library.espeak_SetVoiceByName(f"ja+{voice}".encode()):
            raise ValueError(f"espeak-ng has no voice {voice}")
        self._library.espeak_SetParameter(_SPEED, speed, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        text = " ".join(_no_long_sign(word) or "、" for word in kana).encode() + b"\0"
        self._library.espeak_Synth(text, len(text), 0, 1, 0, _UTF8, None, None)
        if not self._samples:
            return None
        sound = np.concatenate(self._samples).astype(np.float64) / 32768
        wanted = [phone for word in kana for phone in phones(word)]
        labels = read_events(self._events, len(sound) / self._rate, wanted)
        if labels is None:
            return None
        return Utterance(to_8khz(sound, self._rate), tuple(labels))


def _no_long_sign(word: str) -> str:
    """ショーヒン as ショオヒン: espeak-ng passes over the sign."""
    found = ""
    for sign in word:
        vowel = {"a": "ア", "i": "イ", "u": "ウ", "e": "エ", "o": "オ"}.get((phones(found) or ("",))[-1])
        found += vowel if sign == "ー" and vowel else sign
    return found
