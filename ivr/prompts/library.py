"""The prompts that are ready to play, cached by content.

A prompt is named by its text, or by `file:NAME` for the recording `NAME.wav`. A recording wins over
the voice: for a text it is the file named by `recording_name(text)`. The cache holds, for each key, `KEY.wav`
(8 kHz), `KEY.wav16` (16 kHz) and `KEY.json` (what it says, how long, where from).
The engine only asks `path` and `duration`; `missing` and `make` belong to the jobs process.
"""

import glob
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from ivr.errors import SynthesisError
from ivr.prompts.audio import Audio, seconds_of, write_pair, write_whole
from ivr.prompts.readable import unreadable
from ivr.prompts.reading import normalise

# Change it when the same text would sound different: another voice, level, or synthesiser.
VOICE = "mei-normal pyopenjtalk-plus 0.4.1 v1"
RECORDED = "file:"

logger = logging.getLogger("ivr.prompts")


class PromptLibrary:
    """`cache` is shared by all processes; `recorded` holds the WAV files made by people."""

    def __init__(
        self,
        cache: Path,
        recorded: Path | None,
        readings: Mapping[str, str] | None = None,
        kept: Path | None = None,
    ) -> None:
        self._cache = cache.absolute()  # Asterisk plays by absolute path
        self._recorded = recorded
        self.readings = readings or {}
        self._kept = kept
        self._ready: set[str] = set()
        # Only a few hundred prompts are alive; those with a ticket number in them come and go.
        self.key = lru_cache(maxsize=4096)(self._key)

    @classmethod
    def live(cls, cache: Path, recorded: Path | None, kept: Path) -> "PromptLibrary":
        """With the readings by which the live prompts were made, kept in that file."""
        try:
            readings = json.loads(kept.read_bytes())
        except FileNotFoundError:
            readings = {}
        return cls(cache, recorded, readings, kept)

    def with_readings(self, readings: Mapping[str, str]) -> "PromptLibrary":
        return PromptLibrary(self._cache, self._recorded, readings, self._kept)

    def keep_readings(self) -> None:
        """From now on `live` has those of this library: make all live prompts with it first."""
        assert self._kept is not None, "not of `live`"
        write_whole(self._kept, json.dumps(dict(self.readings), ensure_ascii=False).encode())

    def _key(self, text: str) -> str:
        """32 hex digits that stand for the text as it is spoken: two spellings of one reading share it."""
        name = text if text.startswith(RECORDED) else normalise(text, self.readings)
        return hashlib.sha256(f"{VOICE}\n{name}".encode()).hexdigest()[:32]

    def path(self, text: str) -> Path | None:
        """The audio without its extension, as Asterisk wants it; None while it is not ready.

        In the hot path of a call: one look into a set, or one stat. The cache only ever grows.
        """
        key = self.key(text)
        base = self._cache / key
        if key in self._ready:
            return base
        if not (self._cache / f"{key}.wav").exists():
            return None
        self._ready.add(key)
        return base

    def duration(self, text: str) -> float | None:
        """Seconds; None while it is not ready."""
        try:
            return seconds_of(self._cache / f"{self.key(text)}.wav")
        except FileNotFoundError:
            return None

    def missing(self, texts: Iterable[str]) -> list[str]:
        """Those to `make`, once each: never made, or a recording came, changed or went since.

        A `file:NAME` that cannot be made is among them; `make` says why.
        """
        return [text for text in dict.fromkeys(texts) if not self._is_made(text)]

    def _is_made(self, text: str) -> bool:
        try:
            return self._is_current(self.key(text), self._recording(text))
        except SynthesisError:
            return False

    def why_not(self, text: str) -> str | None:
        """Why the prompt cannot be made, found out without the voice; None if it can."""
        try:
            recorded = self._recording(text)
            if recorded is None:
                return unreadable(normalise(text, self.readings))
        except SynthesisError as error:
            return str(error)
        from ivr.prompts.recorded import read

        try:
            read(recorded)
        except SynthesisError as error:
            return str(_of_recording(text, error))
        return None

    def make(self, text: str) -> Path:
        """Have the prompt ready and return its `path`. Raises SynthesisError.

        Two processes may make one prompt at once: both write the same, each file whole.
        """
        key = self.key(text)
        base = self._cache / key
        recorded = self._recording(text)
        if self._is_current(key, recorded):
            return base
        audio = self._audio(text, recorded)
        about = {"text": text, "seconds": round(audio.seconds, 3), "source": _source(recorded)}
        try:
            write_pair(base, audio)
            # Last, so that whoever is stopped half-way leaves a prompt that is made again.
            write_whole(self._cache / f"{key}.json", json.dumps(about, ensure_ascii=False).encode())
        except OSError as error:
            raise SynthesisError(f"the prompt cannot be stored: {error.strerror}", retryable=True) from error
        logger.info("prompt made", extra={"prompt": key, "seconds": about["seconds"]})
        return base

    def _audio(self, text: str, recorded: bytes | None) -> Audio:
        # Imported here: the engine asks for paths and must load no synthesiser.
        if recorded is None:
            from ivr.prompts.synthesis import synthesise

            return synthesise(text, self.readings)
        from ivr.prompts.recorded import to_audio

        try:
            return to_audio(recorded)
        except SynthesisError as error:
            raise _of_recording(text, error) from error

    def _recording(self, text: str) -> bytes | None:
        """The WAV to use: it must be there for `file:NAME`, it may be there for a text."""
        if not text.startswith(RECORDED):
            by_hand = self._recorded / f"{recording_name(text)}.wav" if self._recorded else None
            return by_hand.read_bytes() if by_hand and by_hand.exists() else None
        name = text.removeprefix(RECORDED).strip()
        if not name or name != Path(name).name or name.startswith("."):
            raise SynthesisError(f"{text}: a recording is named by its file name alone, without .wav")
        if self._recorded is None:
            raise SynthesisError(f"{text}: there is no folder of recordings")
        try:
            return (self._recorded / f"{name}.wav").read_bytes()
        except FileNotFoundError:
            others = sorted(path.name for path in self._recorded.glob(f"{glob.escape(name)}.*"))
            hint = f"; there is {others[0]}, convert it into a WAV file" if others else ""
            message = f'{text}: there is no "{name}.wav" among the recordings{hint}'
            raise SynthesisError(message) from None
        except OSError as error:
            raise SynthesisError(f"{text}: the recording cannot be read: {error.strerror}") from error

    def _is_current(self, key: str, recorded: bytes | None) -> bool:
        about, wide, narrow = (self._cache / f"{key}.{kind}" for kind in ("json", "wav16", "wav"))
        try:
            made_from = json.loads(about.read_bytes())["source"]
        except (OSError, ValueError, KeyError):
            return False
        return narrow.exists() and wide.exists() and bool(made_from == _source(recorded))


def _of_recording(text: str, error: SynthesisError) -> SynthesisError:
    return SynthesisError(f"the recording of {text}: {error}")


def recording_name(text: str) -> str:
    """Of the WAV, without its ending, that is played instead of the voice; other readings change nothing."""
    return hashlib.sha256(normalise(text, None).encode()).hexdigest()[:16]


def _source(recorded: bytes | None) -> str:
    return "synthesised" if recorded is None else hashlib.sha256(recorded).hexdigest()
