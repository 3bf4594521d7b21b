"""What a process shows its guard: a datagram every half second, from the loop that must not block."""

import asyncio
import contextlib
import os
import socket
from typing import NoReturn

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
