"""The model that a process uses: tried in a child, loaded, and looked for again while it is missing or broken."""

import asyncio
import logging
import signal
import sys
from concurrent.futures import Executor
from pathlib import Path

from transcribe.protocol import Failure, Health, State
from transcribe.recognizer import TRY_SECONDS, ModelError, Recognizer

log = logging.getLogger("transcribe.model")

_ROOT = Path(__file__).resolve().parent.parent
_AGAIN = "it is looked for again at the next recording"


class ModelSlot:
    def __init__(self, directory: Path, workers: Executor) -> None:
        self._directory = directory.absolute()
        self._workers = workers
        self._recognizer: Recognizer | None = None
        self._loading: asyncio.Task[None] | None = None
        self.health = self._health("loading", "the model is being tried and loaded")

    async def recognizer(self) -> Recognizer:
        """Raises Failure `no_model` or `broken_model`. Those who ask at the same time share one attempt."""
        if self._recognizer is None:
            if self._loading is None or self._loading.done():
                self._loading = asyncio.create_task(self._load(), name="load the model")
            await asyncio.shield(self._loading)
        if self._recognizer is None:
            raise Failure(self.health.state, self.health.detail)
        return self._recognizer

    def give_up(self, recognizer: Recognizer, detail: str) -> None:
        """It was loaded and turned out to be broken: the model is read afresh for the next recording."""
        if self._recognizer is recognizer:
            self._recognizer = None
            self._fail("broken_model", detail)

    async def close(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])

    async def _load(self) -> None:
        if not await asyncio.to_thread(_has_files, self._directory):
            self._fail("no_model", f"put a Vosk model into the directory named by --model; {_AGAIN}")
            return
        trouble = await _try_in_child(self._directory)
        if trouble is None:
            loop = asyncio.get_running_loop()
            try:
                self._recognizer = await loop.run_in_executor(self._workers, Recognizer, self._directory)
            except ModelError as error:
                trouble = str(error)
        if trouble is not None:
            self._fail("broken_model", f"replace the model: {trouble}; {_AGAIN}")
            return
        self.health = self._health("ready", "")
        log.info("the model is loaded", extra={"model": self.health.model})

    def _fail(self, state: State, detail: str) -> None:
        self.health = self._health(state, detail)
        log.error(
            "the model cannot be used", extra={"model": self.health.model, "state": state, "detail": detail}
        )

    def _health(self, state: State, detail: str) -> Health:
        return Health(state, self._directory.name, detail)


def _has_files(directory: Path) -> bool:
    try:
        return any(directory.iterdir())
    except OSError:
        return False


async def _try_in_child(directory: Path) -> str | None:
    """What is the matter with the model, or None if it decodes half a second of silence."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "transcribe.recognizer", str(directory)),
        cwd=_ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == 0:
        return None
    if child.returncode == -signal.SIGALRM:
        return f"it did not load within {TRY_SECONDS} seconds"
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    of_kaldi = [line for line in lines if line.startswith(("ERROR", "ASSERTION_FAILED"))]
    return (of_kaldi or lines or [f"its trial ended with {child.returncode}"])[-1][:300]
