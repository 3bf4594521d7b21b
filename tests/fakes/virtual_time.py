"""Time that jumps: a loop that never waits, and a clock that follows it.

For in-memory fakes only. Whoever waits for a thread or a socket here waits for ever, and that is an error.
"""

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import ParamSpec

P = ParamSpec("P")


class NothingWillHappen(Exception):
    """Everybody waits and no timer is set."""


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """asyncio asks how long it may sleep until its next timer; we put the clock there instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingWillHappen
        if timeout > 0:
            self.now += timeout + 1e-9  # floats: never a hair before the timer
        return super().select(0)  # type: ignore[no-any-return]


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def in_virtual_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Marks an async test, with fixtures or without: it runs on a VirtualLoop that starts at 0."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(main())

    return run


class FakeClock:
    """`ivr.clock.Clock` on the running loop, which was at 0 when it was `start` (aware)."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Life:
    """One engine process. After `end` nothing of it has any effect, as after kill -9: what its fakes are
    asked then, they refuse with CancelledError, so that clean-up code of a dead engine reaches nobody."""

    def __init__(self) -> None:
        self.ended = False

    def end(self) -> None:
        self.ended = True

    def check(self) -> None:
        if self.ended:
            raise asyncio.CancelledError

    async def takes(self, seconds: float) -> None:
        """Work outside the loop, a disk or a database, that the engine waits for."""
        self.check()
        await asyncio.sleep(seconds)
        self.check()
