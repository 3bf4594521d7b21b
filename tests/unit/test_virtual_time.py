"""The clock of the flow tests: it jumps, keeps the order of timers, and says when nothing will happen."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.virtual_time import FakeClock, Life, NothingWillHappen, VirtualLoop, in_virtual_time

START = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


def test_a_day_passes_at_once() -> None:
    @in_virtual_time
    async def wait() -> None:
        clock = FakeClock(START)
        await asyncio.sleep(86_400)
        assert clock.now() - START == pytest.approx(timedelta(days=1), abs=timedelta(milliseconds=1))
        assert clock.monotonic() == pytest.approx(86_400)

    begun = time.monotonic()
    wait()
    assert time.monotonic() - begun < 60


@in_virtual_time
async def test_timers_fire_in_their_order() -> None:
    loop, fired = asyncio.get_running_loop(), []
    for delay in (3.0, 1.0, 2.0, 1.0):
        loop.call_later(delay, fired.append, delay)
    await asyncio.sleep(10)
    assert fired == [1.0, 1.0, 2.0, 3.0]


@in_virtual_time
async def test_time_reaches_every_deadline() -> None:
    """Floats: after sleeping until a deadline the clock never stands a hair before it."""
    loop = asyncio.get_running_loop()
    for step in (0.1, 0.3, 0.7, 1e-3, 1e-6):
        for _ in range(100):
            deadline = loop.time() + step
            await asyncio.sleep(step)
            assert loop.time() >= deadline


def test_waiting_for_nothing_is_an_error() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(NothingWillHappen):
        runner.run(asyncio.Event().wait())  # type: ignore[arg-type]


@in_virtual_time
async def test_what_is_asked_of_a_dead_engine_has_no_effect() -> None:
    life = Life()
    work = asyncio.create_task(life.takes(1.0))
    await asyncio.sleep(0.5)
    life.end()
    await asyncio.wait({work})
    assert work.cancelled()
    with pytest.raises(asyncio.CancelledError):
        life.check()
