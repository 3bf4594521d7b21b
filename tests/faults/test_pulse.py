"""An engine that stood still leaves at once; one that was only slow to start does not."""

import subprocess
import sys

import pytest

CHILD = """
import asyncio, sys
from ivr.heartbeat import Pulse

class Clock:
    seconds = 0.0
    def monotonic(self):
        return self.seconds

async def main():
    clock = Clock()
    pulse = Pulse(clock)
    if sys.argv[1] == "start":
        clock.seconds += 60
    beating = asyncio.create_task(pulse.run())
    await asyncio.wait({beating}, timeout=0.6)
    if sys.argv[1] == "later":
        clock.seconds += 2.1
        await asyncio.wait({beating}, timeout=60)

asyncio.run(main())
"""


@pytest.mark.parametrize(("when", "code"), [("start", 0), ("later", 75)])
def test_who_stood_still_leaves_and_who_started_slowly_stays(when: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, when], timeout=120, check=False)
    assert done.returncode == code
