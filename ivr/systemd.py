"""What systemd is told of this process (sd_notify), where it asked for it."""

import contextlib
import math
import os
import socket

SOCKET = "NOTIFY_SOCKET"  # environment variables, set by systemd
WATCHDOG = "WATCHDOG_USEC"


def signs_every() -> float:
    """Seconds between two signs of life: a third of what systemd waits for one. Infinite if it waits for none."""
    limit = os.environ.get(WATCHDOG, "")
    return int(limit) / 3e6 if limit.isdecimal() else math.inf


def tell(state: str) -> None:
    """`state` such as READY=1 or WATCHDOG=1. Without systemd nothing; never raises."""
    address = os.environ.get(SOCKET, "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(state.encode(), address.replace("@", "\0", 1))
