"""The guard: starts the other processes, watches their heartbeats, starts them again.

It stays so small that it does not fail: what it needs of the store or of the synthesiser it lets a child
do. When the engine is dead or frozen it hands that engine's callers to the fallback (`ivr/rescue.py`).
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ivr import systemd
from ivr.asterisk import conf
from ivr.asterisk.ari import Ari
from ivr.asterisk.instance import private_of, share_recordings
from ivr.asterisk.private import PrivateAsterisk
from ivr.clock import offset_for
from ivr.errors import AsteriskError, IvrError
from ivr.heartbeat import PORT
from ivr.rescue import Rescue
from ivr.settings import Settings

log = logging.getLogger("ivr.guard")

TICK = 0.1  # seconds
SILENT = 2.0  # seconds without a heartbeat after which an engine is frozen
FIRST_BEAT = 30.0  # seconds that an engine may take to start
BACK_OFF = (0.2, 5.0)  # seconds before a restart: first, longest
SETTLED = 30.0  # seconds up after which the back-off begins anew
BAD_SETTINGS = 78  # exit code: only a person can mend it
BAD_SETTINGS_PAUSE = 30.0
STOP_ENGINE = 11.0  # it drains for up to 10 s
STOP_OTHERS = 4.0

ENGINE = "engine"
TRANSCRIBER = "transcriber"


@dataclass
class Child:
    """One process that is kept running until `stop`."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    beats: bool = True  # else it is ready when it runs
    output: Path | None = None  # for one that would fill the terminal
    process: asyncio.subprocess.Process | None = None
    wanted: bool = True
    started: float = 0.0  # loop time
    last_beat: float | None = None  # loop time, of this process; None before the first
    pauses: list[float] = field(default_factory=list)

    async def start(self) -> None:
        self.started, self.last_beat = asyncio.get_running_loop().time(), None
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(self.output.open("ab")) if self.output else None
            self.process = await asyncio.create_subprocess_exec(
                # It ends with us, even when we are killed.
                *("setpriv", "--pdeathsig", "TERM", "--", *self.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environ,
                start_new_session=True,  # Ctrl-C is for us, who stop them in order
            )
        if not self.wanted:
            self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def stop(self, limit: float) -> None:
        self.wanted = False
        if self.process is None:
            return
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), limit)
        except TimeoutError:
            log.warning("a process did not stop and is killed", extra={"child": self.name})
            self.send(signal.SIGKILL)
            await self.process.wait()

    def pause(self, up: float) -> float:
        """Seconds before the next start, after it was up for so long."""
        if self.process is not None and self.process.returncode == BAD_SETTINGS:
            return BAD_SETTINGS_PAUSE
        first, longest = BACK_OFF
        self.pauses = [] if up >= SETTLED else self.pauses
        self.pauses.append(min(self.pauses[-1] * 2, longest) if self.pauses else first)
        return self.pauses[-1]


def commands(settings: Settings, *, transcribers: bool = True) -> dict[str, list[str]]:
    """Name -> command, in the order in which they start. Without `transcribers` somebody else starts these."""
    ours = {name: [sys.executable, "-m", "ivr.cli", "process", name] for name in ("jobs", "web", ENGINE)}
    folders = ["--model", str(settings.model), "--models", str(settings.models)]
    folders += ["--recordings", str(settings.recordings)]
    # Those on other machines are started there.
    local = [str(address) for address in settings.transcriber if address.is_loopback and transcribers]
    listening = {
        TRANSCRIBER + (f"-{number}" if number > 1 else ""): [
            *(sys.executable, "-m", "transcribe", "--listen", address),
            *folders,
        ]
        for number, address in enumerate(local, 1)
    }
    return {"jobs": ours["jobs"], **listening, "web": ours["web"], ENGINE: ours[ENGINE]}


async def run(
    settings: Settings,
    commands: Mapping[str, Sequence[str]],
    *,
    asterisk: bool,
    ready: Callable[[], None],
    before: Sequence[str] = (sys.executable, "-m", "ivr.cli", "prepare"),
) -> None:
    """Runs everything until SIGINT or SIGTERM; a second one kills. `ready` is called when all are up.

    `asterisk`: also a private Asterisk. `before` runs once, before anything else. IvrError if that fails
    or Asterisk does not start; nothing is left running then.
    """
    offset = settings.clock_offset + (offset_for(settings.clock) if settings.clock else 0.0)
    guard = Guard(settings, ready)
    private = None
    if asterisk:
        share_recordings(settings)
        private = private_of(settings, offset)
    with _signals(guard):
        await guard.run(commands, before, offset, private)


class Guard:
    def __init__(self, settings: Settings, ready: Callable[[], None]) -> None:
        self.settings = settings
        self.children: dict[str, Child] = {}
        self._ready = ready
        self._stop = asyncio.Event()
        password = conf.ari_passwords(settings.asterisk_base).guard
        self._ari = Ari(settings.ari, f"guard-{settings.engine}", conf.GUARD, password)
        self._rescue = Rescue(self._ari, f"ivr-{settings.engine}", settings.recordings)

    def interrupt(self) -> None:
        """Stops in order; the second time at once."""
        if self._stop.is_set():
            for child in self.children.values():
                child.wanted = False
                child.send(signal.SIGKILL)
        self._stop.set()

    async def run(
        self,
        commands: Mapping[str, Sequence[str]],
        before: Sequence[str],
        offset: float,
        asterisk: PrivateAsterisk | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Ear(self), local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        environ = {**os.environ, PORT: str(port), "IVR_CLOCK": "", "IVR_CLOCK_OFFSET": str(offset)}
        # The transcriber reads no file of settings.
        environ["IVR_TRANSCRIBER_KEY"] = self.settings.transcriber_key
        logs = self.settings.logs
        logs.mkdir(parents=True, exist_ok=True)
        try:
            if not await self._unless_stopped(_prepare(asterisk, before, environ)):
                return
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._ari.run(lambda _: None), name="ari")]
                tasks.append(group.create_task(self._rescue.watch(), name="talks"))
                for name, command in commands.items():
                    ours = not name.startswith(
                        TRANSCRIBER
                    )  # it is no part of `ivr`: no heartbeat, logs of its own
                    output = None if ours else logs / f"{name}.log"
                    self.children[name] = Child(name, command, environ, ours, output)
                    await self.children[name].start()
                    tasks.append(group.create_task(self._keep(self.children[name]), name=name))
                tasks.append(group.create_task(self._watch(asterisk), name="watch"))
                await self._stop.wait()
                systemd.tell("STOPPING=1")
                tasks.pop().cancel()
                await self._stop_children()
                for task in tasks:
                    task.cancel()
        finally:
            await self._stop_children()
            if asterisk is not None:
                await asterisk.stop()
            transport.close()

    async def _unless_stopped(self, work: Coroutine[None, None, None]) -> bool:
        """Whether it was done before somebody wanted us to stop."""
        task, stop = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            stop.cancel()
            await task
            return True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False

    def heard(self, name: str) -> None:
        if name in self.children:
            self.children[name].last_beat = asyncio.get_running_loop().time()

    async def _stop_children(self) -> None:
        children = dict(self.children)
        engine = children.pop(ENGINE, None)
        if engine is not None:
            await engine.stop(STOP_ENGINE)
        await asyncio.gather(*(child.stop(STOP_OTHERS) for child in children.values()))

    async def _keep(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        complained = False
        while True:
            assert child.process is not None
            code = await child.process.wait()
            if not child.wanted:
                return
            if child.name == ENGINE:
                # Before a new engine listens under the same name.
                await self._rescue.run()
            pause = child.pause(loop.time() - child.started)
            if not (complained and code == BAD_SETTINGS):
                log.error(
                    "a process ended and is started again",
                    extra={"child": child.name, "ended": _ending(code), "pause": pause},
                )
                _show_tail(child)
            complained = code == BAD_SETTINGS
            await asyncio.sleep(pause)
            if not child.wanted:
                return
            await child.start()

    async def _watch(self, asterisk: PrivateAsterisk | None) -> None:
        loop = asyncio.get_running_loop()
        announced = False
        last = loop.time()
        signs, told = systemd.signs_every(), 0.0
        while True:
            await asyncio.sleep(TICK)
            now = loop.time()
            if now - last > SILENT / 4:  # it was us who slept: what we have not heard proves nothing
                for child in self.children.values():
                    child.last_beat = child.last_beat and now
            last = now
            if now - told >= signs:
                told = now
                systemd.tell("WATCHDOG=1")
            if ENGINE in self.children:
                self._kill_if_frozen(self.children[ENGINE], now)
            if not announced and all(map(_is_up, self.children.values())):
                announced = True
                systemd.tell("READY=1")
                self._ready()
            if asterisk is not None and asterisk.returncode is not None:
                log.error(
                    "Asterisk ended and is started again", extra={"ended": _ending(asterisk.returncode)}
                )
                await self._start_again(asterisk)

    async def _start_again(self, asterisk: PrivateAsterisk) -> None:
        await asterisk.stop()
        try:
            await asterisk.start()
        except AsteriskError as error:
            log.error("Asterisk does not start", extra={"error": str(error)})
            await asyncio.sleep(BACK_OFF[1])

    def _kill_if_frozen(self, engine: Child, now: float) -> None:
        if engine.last_beat is None:
            frozen = now - engine.started > FIRST_BEAT
        else:
            frozen = now - engine.last_beat > SILENT
        if frozen and engine.process is not None and engine.process.returncode is None:
            log.error("the engine is frozen and is killed", extra={"child": engine.name})
            engine.send(signal.SIGKILL)


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._guard.heard(data.decode("ascii", "replace"))


async def _prepare(
    asterisk: PrivateAsterisk | None, before: Sequence[str], environ: Mapping[str, str]
) -> None:
    # First: it makes the music that Asterisk looks for when it starts.
    await _once(before, environ, "the preparation failed")
    if asterisk is not None:
        await asterisk.start()


async def _once(command: Sequence[str], environ: Mapping[str, str], otherwise: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "TERM", "--", *command), env=environ, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        if await process.wait():
            raise IvrError(f"{otherwise} (exit code {process.returncode})")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.contextmanager
def _signals(guard: Guard) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, guard.interrupt)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _is_up(child: Child) -> bool:
    running = child.process is not None and child.process.returncode is None
    return running and (child.last_beat is not None or not child.beats)


def _ending(code: int) -> str:
    if code == BAD_SETTINGS:
        return "its settings cannot be used"
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _show_tail(child: Child) -> None:
    """The last words of one whose output is a file; the others spoke to the terminal themselves."""
    if child.output is not None:
        lines = child.output.read_text("utf-8", "replace").splitlines()[-5:]
        print("\n".join(f"  {child.name}: {line}" for line in lines), file=sys.stderr)
