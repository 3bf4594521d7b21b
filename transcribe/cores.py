"""Who decodes now: at most one thread for each core, and those that listen to a caller before those that read a file."""

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager


class Cores:
    def __init__(self, count: int) -> None:
        self._free = count
        self._first = 0  # who wait and go first
        self._changed = threading.Condition()
        self._turns = 0
        self._held: dict[int, int] = {}  # thread -> number of its turn

    def held(self) -> set[int]:
        """Turns that are under way, each with a number of its own."""
        with self._changed:
            return set(self._held.values())

    @contextmanager
    def first(self) -> Iterator[None]:
        """For a piece of what a caller says."""
        with self._changed:
            self._first += 1
            self._changed.wait_for(lambda: self._free)
            self._first -= 1
            self._take()
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
                self._take()
            try:
                yield piece
            finally:
                self._give_back()

    def _take(self) -> None:
        self._free -= 1
        self._turns += 1
        self._held[threading.get_ident()] = self._turns

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1
            del self._held[threading.get_ident()]
            self._changed.notify_all()
