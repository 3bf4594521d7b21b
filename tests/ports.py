"""Ports for processes that tests start and that cannot choose one themselves."""

import random
import socket

# Below those that Linux gives away by itself, or another program has it before the process listens; above those
# of tests/asterisk.
RANGE = range(25000, 32000)
_held: list[
    socket.socket
] = []  # until this process ends: what tells those of the other lanes which ports it gave away


def free_port() -> int:
    """A TCP port that nobody listens on; the UDP port of the same number is held for it."""
    for port in random.sample(RANGE, 100):
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                held.close()
                continue
        _held.append(held)
        return port
    raise AssertionError("none of a hundred ports is free")
