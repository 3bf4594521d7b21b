"""Calls a second, side by side on one Asterisk: native dialplan, bare ARI app, our engine: `python -m bench.calls`.

One scenario by sipp: answer, a prompt of 100 ms, one key, a second prompt, hang up. A call failed if sipp says so
or if its caller did not hear both prompts whole. Fails if the engine's store is not as shipped, and if the aims are
missed at 200 calls/s. Needs root: sipp sends its keys, and the tap reads RTP, by raw sockets.
"""

import argparse
import asyncio
import csv
import os
import shutil
import socket
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.desk import HERE, NUMBERS, PROMPT, Desk, Unfair, free_port, opened_desk
from bench.rtp import FRAME, Tap, write_key_pcap
from ivr.settings import ROOT

RATES: tuple[int, ...] = (50, 100, 150, 200, 300)
QUICK: tuple[int, ...] = (20, 50)
SECONDS = 8.0
QUICK_SECONDS = 3.0
REST = 1.0  # seconds between two runs
SIPP_RAN = (0, 1, 97)  # exit codes: all calls well, some failed, time over
PACKETS = round(PROMPT / FRAME)

AIM_RATE = 200
AIM_P95 = 5.0  # ms
AIM_P95_RATIO = 3.0  # to the bare app's
AIM_CPU = 2.0  # ms of Python a call


@dataclass
class Run:
    """One system at one rate. Latencies in ms from the end of the key to the first packet of the second prompt."""

    system: str
    rate: int
    offered: int
    failed: int
    median: float
    p95: float
    asterisk_cpu: float  # ms a call
    python_cpu: float
    asterisk_memory: float  # MB
    python_memory: float
    rows: int | None = None  # new ones in the store

    @property
    def served(self) -> float:
        return self.rate * (1 - self.failed / self.offered)


async def measure(desk: Desk, work: Path, system: str, rate: int, seconds: float) -> Run:
    python = desk.processes.get(system)
    watched = [pid for pid in (desk.asterisk.pid, python) if pid is not None]
    media = free_port(socket.SOCK_DGRAM)
    offered = round(rate * seconds)
    rows = await desk.rows()
    before = [desk.cpu(pid) for pid in watched]
    with Tap(media) as tap:
        succeeded = await callers(str(desk.settings.sip), work, NUMBERS[system], rate, offered, media)
        await asyncio.sleep(0.3)
    cpu = [(desk.cpu(pid) - start) * 1000 / offered for pid, start in zip(watched, before, strict=True)]
    memory = [desk.memory(pid) for pid in watched]
    if tap.lost:
        raise Unfair(f"the tap lost {tap.lost} packets")
    calls = tap.calls()
    whole = sum(call.before >= PACKETS and call.after >= PACKETS for call in calls)
    waits = sorted((call.second - call.key) * 1000 for call in calls if call.key and call.second)
    return Run(
        system,
        rate,
        offered,
        failed=offered - min(succeeded, whole),
        median=statistics.median(waits) if waits else float("nan"),
        p95=waits[int(len(waits) * 0.95)] if waits else float("nan"),
        asterisk_cpu=cpu[0],
        python_cpu=cpu[1] if python else 0.0,
        asterisk_memory=memory[0],
        python_memory=memory[1] if python else 0.0,
        rows=await _new_rows(desk, rows, offered) if system == "ivr" else None,
    )


async def callers(sip: str, work: Path, number: str, rate: int, offered: int, media: int) -> int:
    """Calls that sipp saw through to their end."""
    statistics_file = work / "stat.csv"
    statistics_file.unlink(missing_ok=True)
    limit = offered / rate + 20
    command = ["sipp", sip, "-sf", str(HERE / "sipp" / "one_key.xml"), "-s", number]
    command += ["-i", "127.0.0.1", "-p", str(free_port(socket.SOCK_DGRAM)), "-mi", "127.0.0.1"]
    command += ["-mp", str(media), "-r", str(rate), "-m", str(offered), "-l", "10000", "-nostdin"]
    command += ["-timeout", f"{limit:.0f}s", "-trace_stat", "-stf", statistics_file.name, "-fd", "1"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=work, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), limit + 10)
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode not in SIPP_RAN:
        raise Unfair(f"sipp ended with {process.returncode}: {said.decode()}")
    with statistics_file.open() as file:
        return int(list(csv.DictReader(file, delimiter=";"))[-1]["SuccessfulCall(C)"])


async def _new_rows(desk: Desk, before: int, offered: int) -> int:
    """The journal writes within its batch time; what is not there after 5 s is missing."""
    for _ in range(50):
        rows = await desk.rows() - before
        if rows >= offered:
            break
        await asyncio.sleep(0.1)
    return rows


HEADING = (
    "                calls/s          key to prompt, ms    CPU, ms a call     memory, MB      store\n"
    "  rate system   served  failed   median      p95   Asterisk  Python   Asterisk  Python   rows"
)


def _print(run: Run) -> None:
    python = f"{run.python_cpu:8.2f}", f"{run.python_memory:8.0f}"
    cpu, memory = python if run.python_memory else (f"{'-':>8}",) * 2
    print(
        f"{run.rate:6} {run.system:7}{run.served:8.1f}{run.failed:8}{run.median:9.2f}{run.p95:9.2f}"
        f"{run.asterisk_cpu:11.2f}{cpu}{run.asterisk_memory:11.0f}{memory}{'' if run.rows is None else run.rows:>7}",
        flush=True,
    )


def _summary(runs: list[Run]) -> None:
    print()
    for system in NUMBERS:
        good = [run.rate for run in runs if run.system == system and run.failed < run.offered / 100]
        print(f"{system:8} under 1 % failures up to {max(good, default=0)} calls/s of those tried")
    for run in runs:
        if run.system == "ivr":
            bare = _bare(runs, run)
            print(
                f"{run.rate:6}/s  ivr to bare: median {run.median / bare.median:.2f}, p95 {run.p95 / bare.p95:.2f}, "
                f"Python CPU {run.python_cpu / bare.python_cpu:.2f}, Asterisk CPU "
                f"{run.asterisk_cpu / bare.asterisk_cpu:.2f}"
            )


def _bare(runs: list[Run], run: Run) -> Run:
    return next(other for other in runs if (other.system, other.rate) == ("bare", run.rate))


def missed(runs: list[Run]) -> list[str]:
    found = [
        f"{run.rows} rows in the store for {run.offered} calls at {run.rate}/s"
        for run in runs
        if run.rows not in (None, run.offered)
    ]
    for run in runs:
        if run.system == "ivr" and run.rate <= AIM_RATE and run.failed:
            found.append(f"{run.failed} failed calls at {run.rate}/s")
        if (run.system, run.rate) != ("ivr", AIM_RATE):
            continue
        if not run.p95 < AIM_P95:
            found.append(f"p95 of {run.p95:.2f} ms, aim {AIM_P95:g}")
        if not run.p95 < AIM_P95_RATIO * _bare(runs, run).p95:
            found.append(
                f"p95 {run.p95 / _bare(runs, run).p95:.2f} times the bare app's, aim {AIM_P95_RATIO:g}"
            )
        if run.python_cpu > AIM_CPU:
            found.append(f"{run.python_cpu:.2f} ms of Python a call, aim {AIM_CPU:g}")
    return found


async def bench(rates: Sequence[int], seconds: float, profile: Path | None) -> int:
    (ROOT / "var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "var") as directory:
        work = Path(directory)
        write_key_pcap(work / "key.pcap")
        runs: list[Run] = []
        async with opened_desk(work / "data", profile) as desk:
            await measure(desk, work, "native", 10, 1.0)  # what is loaded at a first call
            for system in desk.processes:
                await measure(desk, work, system, 10, 1.0)
            print(HEADING)
            for rate in rates:
                for system in NUMBERS:
                    runs.append(await measure(desk, work, system, rate, seconds))
                    _print(runs[-1])
                    await asyncio.sleep(REST)
    _summary(runs)
    wrong = missed(runs)
    for what in wrong:
        print("missed:", what)
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/bench calls", description=__doc__)
    parser.add_argument("--rates", help="calls/s, such as 50,100,200")
    parser.add_argument("--seconds", type=float, help="of each run")
    parser.add_argument("--quick", action="store_true", help="two low rates, for a first look")
    parser.add_argument("--profile", type=Path, help="have the engine write a cProfile there; slows it")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("script/bench calls: needs root: keys are sent and RTP is read by raw sockets", file=sys.stderr)
        return 2
    if shutil.which("sipp") is None:
        print("script/bench calls: sipp is missing (Debian: sip-tester)", file=sys.stderr)
        return 2
    rates = QUICK if options.quick else RATES
    if options.rates:
        rates = tuple(map(int, options.rates.split(",")))
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    try:
        return asyncio.run(bench(rates, seconds, options.profile and options.profile.absolute()))
    except Unfair as error:
        print(f"script/bench calls: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
