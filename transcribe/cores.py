"""Who decodes now: at most one thread for each core, and those that listen to a caller before those that read a file."""

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager


class Cores:
    def __init__(self, count: int) -> None:
        self._free = count
        self._first = 0  # who wait and go first
        self._changed = threading.Condition()

    @contextmanager
    def first(self) -> Iterator[None]:
        """For a piece of what a caller says."""
        with self._changed:
            self._first += 1
            self._changed.wait_for(lambda: self._free)
            self._first -= 1
            self._free -= 1
        try:
            yield
        finally:
            self._give_back()

    def in_turn(self, pieces: Iterable[bytes]) -> Generator[bytes]:
        """The same pieces of a recording, each when a core is free that nobody else waits for; close it at the end.

        The core is held until the next piece is asked for.
        """
        for piece in pieces:
            with self._changed:
                self._changed.wait_for(lambda: self._free and not self._first)
                self._free -= 1
            try:
                yield piece
            finally:
                self._give_back()

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()
