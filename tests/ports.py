"""Ports for processes that tests start and that cannot choose one themselves."""

import random
import socket

# Below those that Linux gives away by itself, or another program has it before the process listens; above those
# of tests/asterisk.
RANGE = range(25000, 32000)


def free_port() -> int:
    for port in random.sample(RANGE, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("none of a hundred ports is free")
