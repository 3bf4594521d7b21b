"""What bench/calls.py measures: one private Asterisk and, beside it, our engine and the bare ARI app."""

import asyncio
import contextlib
import math
import os
import random
import socket
import struct
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template

import aiohttp
from sqlalchemy import func, select, text

from bench.bare_ari import APP as BARE_APP
from ivr import app, settings
from ivr.asterisk.instance import private_of
from ivr.asterisk.private import PrivateAsterisk
from ivr.prompts.library import PromptLibrary
from ivr.publish import Publisher
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store.database import Store, opened
from ivr.store.tables import CallRow

HERE = Path(__file__).resolve().parent
NUMBERS = {"native": "1001", "bare": "1002", "ivr": "05099990001"}
PROMPT = 0.1  # seconds
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Unfair(Exception):
    """The engine does not run as it is shipped, so what is measured says nothing."""


class _AtTemplate(Template):
    delimiter = "@"


@dataclass
class Desk:
    settings: Settings
    store: Store
    asterisk: PrivateAsterisk
    processes: dict[str, int]
    """System -> process id of its Python; the native dialplan has none."""

    def cpu(self, pid: int) -> float:
        """Seconds that the process has used so far, of all its threads."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self, pid: int) -> float:
        """Resident, in MB."""
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6

    async def rows(self) -> int:
        """Calls in the store that have ended."""
        async with self.store.read() as session:
            counted = select(func.count()).select_from(CallRow).where(CallRow.ended_at.is_not(None))
            return (await session.scalars(counted)).one()


@contextlib.asynccontextmanager
async def opened_desk(data: Path, profile: Path | None) -> AsyncIterator[Desk]:
    """`data` must be on a disk; `profile`: where the engine writes a cProfile of its loop at the end."""
    environ = own_environ(data)
    config = settings.load(environ)
    app.prepare(config)
    write_prompts(config.prompts)
    asterisk = private_of(config, 0.0)
    async with opened(config.database_url) as store, contextlib.AsyncExitStack() as stack:
        await _check_store(store, data)
        sounds = await _publish(config, store)
        await asterisk.start()
        stack.push_async_callback(asterisk.stop)
        await _add_dialplan(asterisk, sounds)
        profiled = ["-m", "cProfile", "-o", str(profile)] if profile else []
        engine = [sys.executable, *profiled, "-m", "ivr.cli", "process", "engine"]
        bare = [sys.executable, "-m", "bench.bare_ari", str(config.ari), asterisk.passwords.engine, *sounds]
        running = {
            "ivr": stack.enter_context(_process(engine, environ)),
            "bare": stack.enter_context(_process(bare, environ)),
        }
        await _until_registered(
            config, asterisk, {f"ivr-{config.engine}": running["ivr"], BARE_APP: running["bare"]}
        )
        for pid in (os.getpid(), asterisk.pid, *(process.pid for process in running.values())):
            _ahead(pid)
        yield Desk(config, store, asterisk, {name: process.pid for name, process in running.items()})


def own_environ(data: Path) -> dict[str, str]:
    """Settings of an instance of its own; those of the machine's user do not reach it."""
    own = {
        "IVR_DATA": str(data),
        "IVR_CONFIG": os.devnull,
        "IVR_DIALPLANS": str(HERE / "dialplans"),
        "IVR_PROMPTS": str(data / "recorded"),
        "IVR_SIP": f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
        "IVR_ARI": f"127.0.0.1:{free_port(socket.SOCK_STREAM)}",
        "IVR_RTP": "40000-59998",
        "IVR_ASTERISK": os.environ.get("IVR_ASTERISK", ""),
        "PYTHONPATH": str(HERE.parent),
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("IVR_")} | own


def free_port(kind: socket.SocketKind) -> int:
    """Below the range of RTP."""
    while True:
        port = random.randrange(20_000, 32_000, 4)
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def _check_store(store: Store, data: Path) -> None:
    """On disk and synchronous, as shipped."""
    stat = await asyncio.create_subprocess_exec("stat", "-f", "-c", "%T", data, stdout=subprocess.PIPE)
    kind = (await stat.communicate())[0].decode().strip()
    if kind in ("", "tmpfs", "ramfs"):
        raise Unfair(f"the store must lie on a disk, not in {kind or 'an unknown file system'}")
    async with store.read() as session:
        synchronous = (await session.execute(text("PRAGMA synchronous"))).scalar_one()
    if synchronous != 2:
        raise Unfair(f"the store is not synchronous: {synchronous}, expected 2 (FULL)")


def write_prompts(directory: Path) -> None:
    directory.mkdir(parents=True)
    for name, hertz in (("first", 440), ("second", 880)):
        samples = (round(8000 * math.sin(math.tau * hertz * n / 8000)) for n in range(int(PROMPT * 8000)))
        with wave.open(str(directory / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


async def _publish(config: Settings, store: Store) -> list[str]:
    """Takes the line live; the two prompts as Asterisk plays them, the same files for all systems."""
    library = PromptLibrary(config.prompt_cache, config.prompts)

    async def no_bundle(dialplans: Sequence[object]) -> None:
        pass

    with ThreadPoolExecutor(1) as voice:
        publisher = Publisher(
            config.dialplans, STEPS, store, library, voice, no_bundle, lambda: None, lambda text: None
        )
        published = await publisher.publish(datetime.now(UTC), "bench")
    if published.live != ("bench",):
        raise Unfair(f"the dialplan did not go live: {published.problems}")
    return [str(library.path(f"file:{name}")) for name in ("first", "second")]


async def _add_dialplan(asterisk: PrivateAsterisk, sounds: Sequence[str]) -> None:
    added = _AtTemplate((HERE / "dialplans" / "extensions.conf").read_text("utf-8"))
    with (asterisk.settings.etc / "extensions.conf").open("a", encoding="utf-8") as file:
        file.write(added.substitute(FIRST=sounds[0], SECOND=sounds[1]))
    await asterisk.cli("dialplan reload")


@contextlib.contextmanager
def _process(command: Sequence[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "--", *command],
        env=environ,
        start_new_session=True,  # as the guard starts it: Linux shares the CPU out by session
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _ahead(pid: int | None) -> None:
    """What else the machine does disturbs less; the same for callers, Asterisk and all that is measured."""
    share = Path(f"/proc/{pid}/autogroup")
    if share.exists():
        share.write_text("-15")


async def _until_registered(
    config: Settings, asterisk: PrivateAsterisk, wanted: dict[str, subprocess.Popen[bytes]]
) -> None:
    """`wanted`: ARI application -> the process that registers it."""
    headers = {"Authorization": aiohttp.encode_basic_auth("guard", asterisk.passwords.guard)}
    async with asyncio.timeout(30), aiohttp.ClientSession(headers=headers) as http:
        while True:
            async with http.get(f"http://{config.ari}/ari/applications") as response:
                if wanted.keys() <= {one["name"] for one in await response.json()}:
                    return
            ended = [name for name, process in wanted.items() if process.poll() is not None]
            if ended:
                raise Unfair(f"{ended[0]} ended at its start")
            await asyncio.sleep(0.1)
