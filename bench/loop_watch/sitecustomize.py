"""Found first by an engine that `bench.loop` starts: a ticker in its loop notes how long nothing else got a turn."""

import os
import sys

if "engine" in sys.orig_argv and "LOOP_WATCH" in os.environ:
    import asyncio
    import time
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    import uvloop

    TICK = 0.002
    run = uvloop.run

    async def watched(main: Coroutine[Any, Any, None]) -> None:
        ticker = asyncio.create_task(tick())
        try:
            await main
        finally:
            ticker.cancel()

    async def tick() -> None:
        """One line a second: the longest CPU time between two ticks, the longest wall time beyond the tick, in ms."""
        with (Path(os.environ["LOOP_WATCH"]) / f"{os.getpid()}").open("a", buffering=1) as file:
            busy = blocked = 0.0
            said = time.monotonic()
            while True:
                began, cpu = time.monotonic(), time.thread_time()
                await asyncio.sleep(TICK)
                now = time.monotonic()
                blocked = max(blocked, now - began - TICK)
                busy = max(busy, time.thread_time() - cpu)
                if now - said >= 1:
                    file.write(f"{busy * 1000:.2f} {blocked * 1000:.2f}\n")
                    busy, blocked, said = 0.0, 0.0, now

    uvloop.run = lambda main: run(watched(main))
