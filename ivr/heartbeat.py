"""What a process shows its guard: a datagram every half second, from the loop that must not block."""

import asyncio
import contextlib
import logging
import os
import socket
from typing import NoReturn

from ivr.clock import Clock

log = logging.getLogger("ivr.heartbeat")

FROZEN = 2.0  # seconds without a turn of the loop: the guard has given our calls to others
EVERY = 0.5  # seconds
PORT = "IVR_GUARD_PORT"  # environment variable, set by the guard for its children


async def beat(name: str) -> NoReturn:
    """Runs until cancelled; start it when `name` is ready to work. Without a guard it does nothing."""
    port = int(os.environ.get(PORT, "0"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        while True:
            if port:
                # A guard that is gone, or a full buffer: the next one counts as well.
                with contextlib.suppress(OSError):
                    sender.sendto(name.encode(), ("127.0.0.1", port))
            await asyncio.sleep(EVERY)


class Pulse:
    """Knows when this process was frozen: then it leaves at once, without a word to Asterisk."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()

    async def run(self) -> NoReturn:
        # However long the start took, nobody had given us a call before.
        while True:
            self._last = self._clock.monotonic()
            await asyncio.sleep(FROZEN / 8)
            self.check()

    def check(self) -> None:
        if self._clock.monotonic() - self._last > FROZEN:
            log.error("this process was frozen and leaves")
            os._exit(75)
