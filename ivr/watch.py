"""Says when the files of the admins changed on disk and have come to rest.

Editors write in odd ways: they truncate and write, write beside and rename, or take the old file away
first. So a change counts when nothing has moved for REST seconds. What the system does not report (a
network file system, a directory that was replaced as a whole) is found by looking every EVERY seconds.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from watchfiles import Change, awatch

log = logging.getLogger("ivr.watch")
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts the changes of every save

REST = 0.2  # seconds
EVERY = 10.0  # seconds
LONGEST_UNREST = 5.0  # seconds; who writes without a pause for longer is taken in as it stands
ENDINGS = (".yaml", ".wav")

State = tuple[tuple[str, int, int, int], ...]


class Watch:
    """`due` is true from a change until `taken`; `wake` is called when it becomes so."""

    def __init__(self, directories: Sequence[Path], wake: Callable[[], None]) -> None:
        self._directories = directories
        self._wake = wake
        self._taken: State | None = None
        self.due = False

    def state(self) -> State:
        """Of all files: path, inode, time, size; what cannot be read is not there."""
        found = []
        for directory in self._directories:
            for path in [*directory.glob("[!.]*.*"), *directory.glob("shared/[!.]*.*")]:
                if path.suffix in ENDINGS:
                    try:
                        about = path.stat()
                    except OSError:
                        continue
                    found.append((str(path), about.st_ino, about.st_mtime_ns, about.st_size))
        return tuple(sorted(found))

    def taken(self, state: State) -> None:
        """What is in `state` has been taken in, or refused; what came later has not."""
        self._taken = state
        self.due = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            there = [directory for directory in self._directories if directory.is_dir()]
            try:
                await self._watch(there)
            except (OSError, RuntimeError) as error:
                log.warning("changes of files are seen late", extra={"reason": str(error)})
                await asyncio.sleep(EVERY)
                await self._look(at_rest=False)

    async def _watch(self, directories: Sequence[Path]) -> None:
        """Returns when the system ought to have reported a change and did not: it watches what is gone."""
        if not directories:
            raise FileNotFoundError("there is no directory to watch")
        reports = awatch(
            *directories,
            watch_filter=_matters,
            step=int(REST * 1000),
            debounce=int(LONGEST_UNREST * 1000),
            rust_timeout=int(EVERY * 1000),
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        async for changes in reports:
            if await self._look(at_rest=bool(changes)) and not changes:
                return

    async def _look(self, *, at_rest: bool) -> bool:
        """True if there is something to take in; waits for the files to come to rest unless they are."""
        state = await asyncio.to_thread(self.state)
        for _ in range(int(LONGEST_UNREST / REST)):
            if at_rest or state == self._taken:
                break
            await asyncio.sleep(REST)
            before, state = state, await asyncio.to_thread(self.state)
            at_rest = state == before
        # An order to publish may have been quicker, and a change may have been taken back.
        if state == self._taken:
            return False
        self.due = True
        self._wake()
        return True


def _matters(change: Change, path: str) -> bool:
    return path.endswith(ENDINGS) or "." not in path.rpartition("/")[2]
