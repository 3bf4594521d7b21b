"""Time that jumps: a loop that never waits, and the clock on its wall.

For calls in memory only: whoever waits for a thread or a socket here would wait for ever, and that is an error.
"""

import asyncio
import selectors
from datetime import UTC, datetime, timedelta


class NothingWillHappen(Exception):
    """Everybody waits and no timer is set."""


class _Jumping(selectors.DefaultSelector):
    """asyncio asks how long it may sleep until its next timer; the clock is put there instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingWillHappen
        if timeout > 0:
            self.now += timeout + 1e-9  # floats: never a hair before the timer
        # Nothing is registered but the loop's own wake-up, which only threads and signals use.
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class VirtualClock:
    """`ivr.clock.Clock` on the running loop; it shows `start` (aware) at the moment it is made."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._loop.time() - self._begun
