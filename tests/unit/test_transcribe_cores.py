"""Whose turn it is to decode: real threads that hold and wait for the cores."""

import threading
from collections.abc import Iterator
from contextlib import closing
from queue import Empty, SimpleQueue

import pytest

from transcribe.cores import Cores

PIECES = [b"one", b"two", b"three"]


def reading(cores: Cores, read: SimpleQueue[bytes], may_go_on: threading.Semaphore) -> threading.Thread:
    """Of a recording: one piece for each time that it may go on."""

    def work() -> None:
        with closing(cores.in_turn(PIECES)) as pieces:
            for piece in pieces:
                read.put(piece)
                may_go_on.acquire()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_who_listens_to_a_caller_goes_before_who_reads_a_file() -> None:
    cores, order, may_go_on = Cores(1), SimpleQueue[bytes](), threading.Semaphore(0)
    thread = reading(cores, order, may_go_on)
    assert order.get(timeout=60) == b"one"

    def listen() -> None:
        with cores.first():
            order.put(b"a caller")

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    with pytest.raises(Empty):
        order.get(timeout=0.1)  # there is one core, and it is in use
    may_go_on.release(3)
    assert [order.get(timeout=60) for _ in range(3)] == [b"a caller", b"two", b"three"]
    thread.join(60)
    listening.join(60)


def test_a_core_is_given_back_when_a_recording_is_given_up() -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise OSError

    cores = Cores(1)
    with closing(cores.in_turn(PIECES)) as pieces:
        next(pieces)
    with pytest.raises(OSError), closing(cores.in_turn(broken())) as pieces:
        list(pieces)
    with pytest.raises(ZeroDivisionError), cores.first():
        raise ZeroDivisionError
    with cores.first():
        pass
