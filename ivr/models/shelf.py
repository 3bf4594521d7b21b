"""The models of this machine, by name: fetched ones, those of the project, and the one of IVR_MODEL."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ivr.clock import iso
from ivr.errors import ModelFailed, NotFound
from ivr.settings import TINY_MODEL, Settings
from transcribe.trying import ModelError, Trial, model_rate, tried

_TRIALS = ".trials"  # in the directory of models: a model's own is left as it was fetched


@dataclass(frozen=True, slots=True)
class LastTrial:
    at: str  # ISO 8601
    trouble: str | None
    memory: int  # bytes


class Shelf:
    def __init__(self, settings: Settings) -> None:
        self._fetched = settings.models
        self._places = {TINY_MODEL.name: TINY_MODEL}
        self._places = {settings.model.name: settings.model, **self._places}
        self.default = settings.model.name

    def names(self) -> Iterator[str]:
        fetched = (
            [path.name for path in self._fetched.glob("[!.]*") if path.is_dir()]
            if self._fetched.is_dir()
            else []
        )
        yield from sorted({*fetched, *self._places})

    def directory(self, name: str) -> Path:
        """As the transcriber finds it. NotFound, which names those that there are."""
        check_name(name)
        places = (self._fetched / name, self._places.get(name))
        found = next((place for place in places if place is not None and place.is_dir()), None)
        if found is None:
            raise NotFound(f'there is no model "{name}"; there are: {", ".join(self.names())}')
        return found

    def rate(self, name: str) -> int | None:
        """Hz; None if the model does not say."""
        try:
            return model_rate(self.directory(name))
        except ModelError:
            return None

    def is_trial(self, name: str) -> bool:
        """Its texts are marked 試験用モデル."""
        return name.startswith("vosk-tiny") or (self.directory(name) / "TRIAL").exists()

    def size(self, name: str) -> int:
        """Bytes."""
        return sum(path.stat().st_size for path in self.directory(name).rglob("*") if path.is_file())

    async def attempt(self, name: str, at: datetime, wav: Path | None = None) -> Trial:
        """In a child process; what came of it is remembered."""
        trial = await tried(self.directory(name), wav)
        if wav is None or trial.trouble is None:  # else it may be the recording
            last = LastTrial(iso(at) or "", trial.trouble, trial.memory)
            record = self._record(name)
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps(asdict(last), ensure_ascii=False), "utf-8")
        return trial

    def last_trial(self, name: str) -> LastTrial | None:
        try:
            return LastTrial(**json.loads(self._record(name).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _record(self, name: str) -> Path:
        return self._fetched / _TRIALS / f"{name}.json"


def check_name(name: str) -> str:
    """ModelFailed unless it may be a directory's, here and at the transcriber."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ModelFailed(
            f'"{name}" is no name of a model: letters, digits, dots and hyphens make one; give --name'
        )
    return name
