"""How soon a change is heard: a dialplan published again and again under 50 calls a second: `python -m bench.publish`.

The whole product as `ivr run` starts it, on a real Asterisk. By turns the change is ordered, as `ivr publish` and the page
do it, and saved to the file, as an editor does. The lag is the time from there to the last call that still began on the
version before. Fails if one is longer than 1 s or any call failed. Needs root, as bench/calls.py does.
"""

import asyncio
import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from bench.calls import callers
from bench.desk import HERE, Unfair, free_port, own_environ, write_prompts
from bench.rtp import write_key_pcap
from ivr import orders, settings
from ivr.settings import ROOT
from ivr.store.database import Store, opened
from ivr.store.tables import CallRow

RATE = 50  # calls a second
ROUNDS = 6  # of each way
EVERY = 3.0  # seconds between two publishes
AIM = 1.0  # seconds
STARTS_WITHIN = 180.0  # seconds
UP = b"Ctrl-C stops everything."
NUMBER = "05099990001"


@dataclass
class Published:
    way: str
    at: datetime
    repeat: int  # what is other in this version


def version(number: int) -> str:
    source = (HERE / "dialplans" / "bench.yaml").read_text("utf-8")
    return source.replace("    type: menu\n", f"    type: menu\n    repeat: {number % 6}\n") + f"# {number}\n"


@contextlib.contextmanager
def product(data: Path, dialplans: Path) -> Iterator[settings.Settings]:
    environ = own_environ(data) | {
        "IVR_DIALPLANS": str(dialplans),
        "IVR_HTTP": f"127.0.0.1:{free_port(socket.SOCK_STREAM)}",
        "IVR_TRANSCRIBER": f"127.0.0.1:{free_port(socket.SOCK_STREAM)}",
    }
    config = settings.load(environ)
    write_prompts(config.prompts)
    (dialplans / "bench.yaml").write_text(version(0), "utf-8")
    command = ["setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", "ivr.cli", "run", "--asterisk"]
    log = data.parent / "run.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while UP not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unfair(f"ivr run did not come up: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield config
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


async def publish_all(config: settings.Settings, store: Store, dialplans: Path) -> list[Published]:
    done = []
    for number in range(1, 2 * ROUNDS + 1):
        await asyncio.sleep(EVERY)
        draft = dialplans / "draft"
        draft.write_text(version(number), "utf-8")
        way = ("ordered", "saved")[number % 2]
        at = datetime.now(UTC)
        draft.replace(dialplans / "bench.yaml")
        if way == "ordered":
            refused = await orders.ask(store, config.run, "jobs", "publish", {"by": "bench", "why": None}, at)
            if refused:
                raise Unfair(f"the dialplan was refused: {refused}")
        done.append(Published(way, at, number))
    await asyncio.sleep(EVERY)
    return done


async def lags(store: Store, published: list[Published]) -> dict[str, list[float]]:
    """Seconds for which callers still came to the version before."""
    async with store.read() as session:
        rows = (await session.execute(select(CallRow.started_at, CallRow.dialplan))).all()
    calls = sorted((row.started_at, row.dialplan) for row in rows)
    found: dict[str, list[float]] = {"ordered": [], "saved": []}
    for this, following in zip(published, [*published[1:], None], strict=True):
        until = following.at if following else datetime.max.replace(tzinfo=UTC)
        before = [dialplan for at, dialplan in calls if at < this.at][-1:]
        during = [(at, dialplan) for at, dialplan in calls if this.at <= at < until]
        if not during or during[-1][1] in before:
            raise Unfair(f"version {this.repeat} ({this.way}) was never heard")
        late = [(at - this.at).total_seconds() for at, dialplan in during if dialplan in before]
        found[this.way].append(max(late, default=0.0))
    return found


async def bench() -> int:
    (ROOT / "var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "var") as name:
        work, dialplans = Path(name), Path(name) / "dialplans"
        dialplans.mkdir()
        write_key_pcap(work / "key.pcap")
        offered = round(RATE * EVERY * (2 * ROUNDS + 1))
        with product(work / "data", dialplans) as config:
            async with opened(config.database_url) as store:
                media = free_port(socket.SOCK_DGRAM)
                sipp = asyncio.create_task(callers(str(config.sip), work, NUMBER, RATE, offered, media))
                published = await publish_all(config, store, dialplans)
                failed = offered - await sipp
                found = await lags(store, published)
    print(f"{offered} calls at {RATE}/s, {failed} failed; {len(published)} publishes")
    for way, seconds in found.items():
        print(
            f"{way:8} lag median {statistics.median(seconds) * 1000:5.0f} ms, longest {max(seconds) * 1000:5.0f} ms"
        )
    return int(failed > 0 or max(max(seconds) for seconds in found.values()) > AIM)


def main() -> int:
    if os.geteuid() != 0:
        print("script/bench publish: needs root: keys are sent by raw sockets", file=sys.stderr)
        return 2
    try:
        return asyncio.run(bench())
    except Unfair as error:
        print(f"script/bench publish: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
