"""The models that a process uses: each tried in a child, loaded, let go when others are used, and looked for again."""

import asyncio
import logging
import re
from concurrent.futures import Executor
from pathlib import Path

from transcribe.protocol import Failure, Health, State
from transcribe.recognizer import Recognizer
from transcribe.trying import ModelError, tried

log = logging.getLogger("transcribe.model")

AT_ONCE = 2  # models in memory; the official small one takes about 200 MB
BUILT_IN = Path(__file__).resolve().parent / "models"

_AGAIN = "it is looked for again at the next recording"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Identity = tuple[int, int, int]  # another one when a directory was put in the place of another, or touched


class Models:
    """By name. The one asked for longest ago leaves the memory first; who still works with it keeps it until the end."""

    def __init__(
        self, default: Path, directory: Path | None, workers: Executor, at_once: int = AT_ONCE
    ) -> None:
        """`directory` holds further models, each in a directory by its name; the built-in ones are there in any case."""
        self._directory = directory
        self._workers = workers
        self._at_once = at_once
        self._default = ModelSlot(default, workers)
        self._slots = {self._default.directory: self._default}  # asked for longest ago first

    @property
    def health(self) -> Health:
        """Of the default one."""
        return self._default.health

    async def recognizer(self, name: str | None = None) -> Recognizer:
        """None: the default one. Raises Failure `no_model`, `broken_model`, and `bad_request` for what is no name."""
        directory = self._default.directory if name is None else await asyncio.to_thread(self._find, name)
        slot = self._slots.pop(directory, None) or ModelSlot(directory, self._workers)
        self._slots[directory] = slot
        if slot.loaded:
            return await slot.recognizer()
        self._make_room(slot)
        try:
            return await slot.recognizer()
        except Failure:
            if slot is not self._default and self._slots.get(directory) is slot:
                del self._slots[directory]
            raise
        finally:
            self._make_room(slot)  # another one may have been loaded at the same time

    def give_up(self, recognizer: Recognizer, detail: str) -> None:
        """It was loaded and turned out to be broken: the model is read afresh for the next recording."""
        for slot in self._slots.values():
            slot.give_up(recognizer, detail)

    async def close(self) -> None:
        for slot in list(self._slots.values()):
            await slot.close()

    def _make_room(self, wanted: "ModelSlot") -> None:
        others = [slot for slot in self._slots.values() if slot.loaded and slot is not wanted]
        for slot in others[: max(0, len(others) + 1 - self._at_once)]:
            slot.let_go()

    def _find(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise Failure("bad_request", "a model is named by its directory: letters, digits, dots, hyphens")
        places = [self._directory / name] if self._directory is not None else []
        places.append(BUILT_IN / name)
        if name == self._default.directory.name:
            places.append(self._default.directory)
        return next((place.absolute() for place in places if place.is_dir()), places[0].absolute())


class ModelSlot:
    def __init__(self, directory: Path, workers: Executor) -> None:
        self.directory = directory.absolute()
        self._workers = workers
        self._recognizer: Recognizer | None = None
        self._tried: Identity | None = None  # passed its trial
        self._refused: Identity | None = None  # did not, and stands in the place of the one in use
        self._loading: asyncio.Task[Recognizer | None] | None = None
        self.health = self._health("loading", "the model is being tried and loaded")

    @property
    def loaded(self) -> bool:
        return self._recognizer is not None

    async def recognizer(self) -> Recognizer:
        """Raises Failure `no_model` or `broken_model`. Those who ask at the same time share one attempt.

        While a model that was put in the place of this one is tried, and if it fails, it is this one still.
        """
        found = self._recognizer
        if found is None:
            found = await asyncio.shield(self._load_once())
        elif await asyncio.to_thread(_identity, self.directory) not in (None, self._tried, self._refused):
            self._load_once()
        if found is None:
            raise Failure(self.health.state, self.health.detail)
        return found  # though it may have been let go of meanwhile

    def let_go(self) -> None:
        self._recognizer = None
        log.info("a model was let go of", extra={"model": self.health.model})

    def give_up(self, recognizer: Recognizer, detail: str) -> None:
        if self._recognizer is recognizer:
            self._recognizer = self._tried = None
            self._fail("broken_model", detail)

    async def close(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])

    def _load_once(self) -> asyncio.Task[Recognizer | None]:
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load(), name="load the model")
        return self._loading

    async def _load(self) -> Recognizer | None:
        """None if it cannot be used; the one in use if that stays."""
        identity = await asyncio.to_thread(_identity, self.directory)
        if not await asyncio.to_thread(_has_files, self.directory):
            return self._fail("no_model", f"put a Vosk model into the directory of that name; {_AGAIN}")
        trouble = None if identity == self._tried else (await tried(self.directory)).trouble
        if trouble is None:
            loop = asyncio.get_running_loop()
            try:
                self._recognizer = await loop.run_in_executor(self._workers, Recognizer, self.directory)
            except ModelError as error:
                trouble = str(error)
        if trouble is not None:
            self._refused = identity
            return self._fail("broken_model", f"replace the model: {trouble}; {_AGAIN}")
        self._tried = identity
        self.health = self._health("ready", "")
        log.info("the model is loaded", extra={"model": self.health.model})
        return self._recognizer

    def _fail(self, state: State, detail: str) -> Recognizer | None:
        extra = {"model": self.health.model, "state": state, "detail": detail}
        if self._recognizer is not None:
            log.error(
                "the model in the place of the loaded one cannot be used, and the old one stays", extra=extra
            )
            self.health = self._health("ready", f"the old one stays: {detail}")
        else:
            self.health = self._health(state, detail)
            log.error("the model cannot be used", extra=extra)
        return self._recognizer

    def _health(self, state: State, detail: str) -> Health:
        return Health(state, self.directory.name, detail)


def _identity(directory: Path) -> Identity | None:
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _has_files(directory: Path) -> bool:
    try:
        return any(directory.iterdir())
    except OSError:
        return False
