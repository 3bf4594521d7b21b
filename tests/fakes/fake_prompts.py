"""A library of prompts without a voice: it remembers what it was asked for, and by which thread."""

import threading
from collections.abc import Iterable
from pathlib import Path

from ivr.errors import SynthesisError


class FakePrompts:
    """`unspeakable`: texts that no voice can say."""

    def __init__(self, unspeakable: Iterable[str] = ()) -> None:
        self.unspeakable = set(unspeakable)
        self.made: list[str] = []
        self.threads: set[str] = set()

    def key(self, text: str) -> str:
        return str(abs(hash(text)))

    def missing(self, texts: Iterable[str]) -> list[str]:
        self.threads.add(threading.current_thread().name)
        return [text for text in dict.fromkeys(texts) if text not in self.made]

    def make(self, text: str) -> Path:
        self.threads.add(threading.current_thread().name)
        if text in self.unspeakable:
            raise SynthesisError("a prompt without anything that can be read aloud")
        self.made.append(text)
        return Path(self.key(text))
