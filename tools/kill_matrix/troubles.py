"""What can be wrong besides a dead process, for as long as the body lasts; each says when audio may begin to be lost."""

import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.asterisk.desk import Desk

SIZE = "8m"  # of the disk that gets full; five messages need less than one


class Moment:
    """When it came to that; None: not yet."""

    at: float | None = None


@contextmanager
def locked(desk: Desk, seconds: float = 30.0) -> Iterator[Moment]:
    """Nobody else can write to the database for that long."""
    holder = sqlite3.connect(desk.data / "ivr.db", isolation_level=None, timeout=30)
    holder.execute("BEGIN EXCLUSIVE")
    until = time.monotonic() + seconds
    try:
        yield Moment()
        time.sleep(max(0.0, until - time.monotonic()))
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@contextmanager
def hung(desk: Desk, seconds: float = 30.0) -> Iterator[Moment]:
    """The transcriber stands still, and goes on."""
    process = desk.process("transcriber")
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    until = time.monotonic() + seconds
    try:
        yield Moment()
        time.sleep(max(0.0, until - time.monotonic()))
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def full(desk: Desk, when: Callable[[], bool]) -> Iterator[Moment]:
    """The disk of the recordings (`small_disk`) has no byte left as soon as `when()`."""
    moment, over = Moment(), threading.Event()
    ballast = desk.data / "recordings" / "ballast"

    def fill() -> None:
        while not when():
            if over.wait(0.1):
                return
        moment.at = time.monotonic()
        with ballast.open("wb", buffering=0) as file:
            while not over.is_set():
                try:
                    file.write(bytes(4096))
                except OSError:
                    over.wait(0.02)  # what others free in between is taken too

    filling = threading.Thread(target=fill, name="ballast")
    filling.start()
    try:
        yield moment
    finally:
        over.set()
        filling.join()
        ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """`folder` is a file system of its own. Needs root."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
