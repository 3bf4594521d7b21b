"""A library of prompts without a voice: it remembers what it was asked for, and by which thread."""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from ivr.errors import SynthesisError


class FakePrompts:
    """`unspeakable`: texts that no voice can say; `mute`: those of which only the voice itself knows it."""

    def __init__(self, unspeakable: Iterable[str] = (), readings: Mapping[str, str] | None = None) -> None:
        self.unspeakable = set(unspeakable)
        self.mute: set[str] = set()
        self.readings: Mapping[str, str] = readings or {}
        self.made: list[str] = []
        self.kept: list[Mapping[str, str]] = []
        self.threads: set[str] = set()

    def with_readings(self, readings: Mapping[str, str]) -> "FakePrompts":
        """Of the same cache: what the one made the other has, if it is read alike."""
        other = FakePrompts(self.unspeakable, readings)
        other.made, other.kept, other.threads = self.made, self.kept, self.threads
        return other

    def keep_readings(self) -> None:
        self.kept.append(self.readings)

    def key(self, text: str) -> str:
        return str(abs(hash(self._spoken(text))))

    def _spoken(self, text: str) -> str:
        for word, kana in self.readings.items():
            text = text.replace(word, kana)
        return text

    def why_not(self, text: str) -> str | None:
        return "a prompt without anything that can be read aloud" if text in self.unspeakable else None

    def missing(self, texts: Iterable[str]) -> list[str]:
        self.threads.add(threading.current_thread().name)
        return [text for text in dict.fromkeys(texts) if self._spoken(text) not in self.made]

    def make(self, text: str) -> Path:
        self.threads.add(threading.current_thread().name)
        if text in self.unspeakable | self.mute:
            raise SynthesisError("a prompt without anything that can be read aloud")
        self.made.append(self._spoken(text))
        return Path(self.key(text))
