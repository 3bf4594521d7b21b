"""Wake-ups between the processes of one machine: "look into the store now".

A datagram on loopback carries no content and may be lost; whoever listens also looks at start and now and
then. On PostgreSQL, LISTEN/NOTIFY between machines is a later step.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("ivr.wake")

HOST = "127.0.0.1"


class WakeUp(asyncio.DatagramProtocol):
    """The ear of process `name`; its port stands in `<run_dir>/<name>.port`."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self._file = _port_file(run_dir, name)
        self._callback: Callable[[], None] | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def listen(self, callback: Callable[[], None]) -> None:
        """`callback` runs in the loop, once for each wake-up; let it set an event."""
        self._callback = callback
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        port = self._transport.get_extra_info("sockname")[1]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(f".{os.getpid()}")
        draft.write_text(str(port), "ascii")
        draft.replace(self._file)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self._callback is not None:
            self._callback()

    def error_received(self, exc: Exception) -> None:
        log.warning("wake-up socket reported an error", extra={"reason": str(exc)})

    def close(self) -> None:
        """The file stays: a port that nobody listens on does no harm, and the next start replaces it."""
        self._callback = None
        if self._transport is not None:
            self._transport.close()


def wake(run_dir: Path, name: str) -> bool:
    """Wakes process `name`; False if it does not listen. Never blocks, never raises."""
    try:
        port = int(_port_file(run_dir, name).read_text("ascii"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect((HOST, port))
            sock.send(b"wake")
            # Loopback refuses at once what nobody takes.
            return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    except (OSError, ValueError, OverflowError) as error:
        log.debug("nobody to wake", extra={"recipient": name, "reason": str(error)})
        return False


def _port_file(run_dir: Path, name: str) -> Path:
    return run_dir / f"{name}.port"
