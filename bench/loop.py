"""How long the engine's loop is kept from its callers: `python -m bench.loop [tests/asterisk/test_calls_….py …]`.

The scenarios of the test suite that leave, review and fetch messages, type PINs, answer aloud and are asked again run
on the real Asterisk with the whole product; a ticker stands in each engine's loop (`loop_watch/sitecustomize.py`). Of
each second the longest CPU time on end counts: other work on the machine lengthens the wall time, not this. The first
seconds of an engine are its start, when no call is led, and are left out. Fails over 20 ms, or when a scenario fails.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCENARIOS = ("test_calls_messages", "test_calls_spoken", "test_calls_closings", "test_calls_agents")
START = 5  # seconds
MOST = 20.0  # ms


def main() -> int:
    files = sys.argv[1:] or [f"tests/asterisk/{name}.py" for name in SCENARIOS]
    with tempfile.TemporaryDirectory() as notes:
        environ = {**os.environ, "LOOP_WATCH": notes, "PYTHONPATH": str(Path(__file__).parent / "loop_watch")}
        command = [sys.executable, "-m", "pytest", "-q", *files]
        passed = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode == 0
        seconds = [
            tuple(map(float, line.split()))
            for file in Path(notes).iterdir()
            for line in file.read_text().splitlines()[START:]
        ]
    if not seconds:
        print("no engine ran for more than its start", file=sys.stderr)
        return 1
    busy, blocked = sorted(one[0] for one in seconds), sorted(one[1] for one in seconds)
    print(f"{len(seconds)} seconds of engines; longest time of each second, in ms:")
    for name, values in (("CPU on end", busy), ("wall beyond the tick", blocked)):
        p99 = values[int(len(values) * 0.99)]
        print(f"  {name}: median {statistics.median(values):.1f}, p99 {p99:.1f}, longest {values[-1]:.1f}")
    return 0 if passed and busy[-1] <= MOST else 1


if __name__ == "__main__":
    raise SystemExit(main())
