"""The only place that builds objects: one function for each process."""

import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from ivr import heartbeat, publish
from ivr.asterisk import bundle, conf, numbers
from ivr.asterisk.ari import Ari
from ivr.asterisk.caller import TAKEN, Sound, Sounds
from ivr.clock import SystemClock
from ivr.dialplan.model import Dialplan
from ivr.engine import UNKNOWN_NUMBER, Engine
from ivr.errors import DialplanError, IvrError, StoreError
from ivr.fallback import Telephone, bundle_line
from ivr.jobs import Jobs
from ivr.journal import StoreJournal
from ivr.lines import Lines
from ivr.messages.mailbox import StoreMailbox
from ivr.messages.reconciler import Reconciler
from ivr.messages.transcriber import HttpTranscriber
from ivr.messages.transcription import Transcription
from ivr.prompts import tones
from ivr.prompts.library import PromptLibrary
from ivr.queues.queues import Queues
from ivr.queues.roster import StoreRoster
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import agents, health, orders
from ivr.store.database import Store, opened
from ivr.store.migrate import migrate
from ivr.store.tables import AgentRow, Order
from ivr.wake import WakeUp, wake
from ivr.web.app import build_app

log = logging.getLogger("ivr.app")

# What is said on every line: made before any dialplan goes live.
BUILTIN = (*tones.NEUTRAL.values(), TAKEN, UNKNOWN_NUMBER)
DRAIN = 8.0  # seconds that running calls are given at a stop
FROZEN = 2.0  # seconds without a turn of the loop: the calls are not ours any more
ORDERS_EVERY = 2.0  # seconds; a wake-up may be lost
HEALTH_EVERY = 1.0
JAPAN = ZoneInfo("Asia/Tokyo")


def prepare(settings: Settings) -> None:
    """Before any process starts: directories, tables, sounds. Harmless when done again."""
    for directory in (settings.messages, settings.run, settings.logs):
        directory.mkdir(parents=True, exist_ok=True)
    settings.clock_file.write_text(str(settings.clock_offset), "ascii")
    migrate(settings.database_url)
    if not (settings.sounds / "moh" / "hold.wav").exists():
        tones.make_builtin(settings.sounds)


# -- engine ---------------------------------------------------------------------------------


async def engine(settings: Settings) -> None:
    """ARI and calls, nothing else. Returns after SIGTERM, when calls are over or handed over."""
    clock = SystemClock(settings.clock_offset)
    pulse = Pulse()
    async with opened(settings.database_url) as store, asyncio.TaskGroup() as group:
        lines = Lines()
        await lines.reload(store)
        passwords = conf.ari_passwords(settings.asterisk_base)
        ari = Ari(settings.ari, f"ivr-{settings.engine}", "engine", passwords.engine, pulse.check)
        journal = StoreJournal(store, settings.engine, lines.tenants)
        mailbox = StoreMailbox(
            store, settings.recordings, lines.calendar, clock, lambda: wake(settings.run, "jobs")
        )
        async with store.write() as session:
            await agents.release_all(session, clock.now())
        queues = Queues(StoreRoster(store), clock)
        desk = Engine(
            ari, lines, queues, mailbox, journal, sounds(settings), clock, settings.recordings.resolve()
        )

        async def carry_out(order: Order) -> None:
            if order.kind == "reload":
                await lines.reload(store)
            elif order.kind == "asterisk":
                for module in ("res_pjsip.so", "pbx_config.so"):
                    await ari.http("PUT", f"asterisk/modules/{module}")
            queues.changed()

        background = [
            group.create_task(pulse.run(), name="pulse"),
            group.create_task(heartbeat.beat("engine"), name="heartbeat"),
            group.create_task(journal.run(), name="journal"),
            group.create_task(desk.serve(), name="calls"),
            group.create_task(_health(store, clock, desk), name="health"),
            group.create_task(_orders(settings, store, clock, "engine", carry_out), name="orders"),
        ]
        await _stop_signal()
        await desk.drain(DRAIN)
        await mailbox.close()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await journal.flush()


class Pulse:
    """Knows when this process was frozen: then its calls are others', and it leaves at once."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    async def run(self) -> None:
        while True:
            self.check()
            self._last = time.monotonic()
            await asyncio.sleep(FROZEN / 8)

    def check(self) -> None:
        if time.monotonic() - self._last > FROZEN:
            log.error("the engine was frozen and leaves")
            os._exit(75)


def sounds(settings: Settings) -> Sounds:
    """Prompts as files for Asterisk; never synthesises."""
    library = PromptLibrary(settings.prompt_cache, settings.prompts)
    ready: dict[str, Sound] = {}

    def of(text: str) -> Sound | None:
        found = ready.get(text)
        path = library.path(text) if found is None else None
        if path is not None:
            found = ready[text] = Sound(path, library.duration(text) or 0.0)
        return found

    def builtin(text: str) -> Sound:
        # Not made yet at the very first start: Asterisk then plays nothing, and the call goes on.
        return of(text) or Sound((settings.sounds / "silence").resolve(), 1.0)

    return Sounds(
        of=of,
        neutral=lambda: builtin(tones.NEUTRAL["neutral"]),
        beep=Sound((settings.sounds / "beep").resolve(), 0.5),
        taken=lambda: builtin(TAKEN),
    )


async def _health(store: Store, clock: SystemClock, desk: Engine) -> None:
    """The engine's row: `ok` means that Asterisk answered within this second."""
    while True:
        try:
            async with asyncio.timeout(HEALTH_EVERY):
                await desk.ari.http("GET", "asterisk/ping")
            ok = desk.ari.connected
        except (IvrError, TimeoutError):
            ok = False
        detail = {"calls": len(desk.calls), "lines": len(desk.lines), "draining": desk.draining}
        try:
            async with store.write() as session:
                await health.beat(session, "engine", clock.now(), ok=ok and not desk.draining, detail=detail)
        except StoreError as error:
            log.warning("the health row was not written", extra={"error": str(error)})
        await asyncio.sleep(HEALTH_EVERY)


async def _orders(
    settings: Settings,
    store: Store,
    clock: SystemClock,
    recipient: str,
    carry_out: Callable[[Order], Awaitable[None]],
) -> None:
    """Carries out the orders to this process, at a wake-up and every now and then."""
    woken = asyncio.Event()
    ear = WakeUp(settings.run, recipient)
    await ear.listen(woken.set)
    try:
        while True:
            woken.clear()
            try:
                await do_orders(store, clock, recipient, carry_out)
            except StoreError as error:
                log.warning("orders wait for the store", extra={"error": str(error)})
            try:
                async with asyncio.timeout(ORDERS_EVERY):
                    await woken.wait()
            except TimeoutError:
                continue
    finally:
        ear.close()


async def do_orders(
    store: Store, clock: SystemClock, recipient: str, carry_out: Callable[[Order], Awaitable[None]]
) -> None:
    async with store.read() as session:
        pending = await orders.pending(session, recipient)
    for order in pending:
        error: str | None = None
        try:
            await carry_out(order)
        except (IvrError, OSError, TimeoutError) as failure:
            error = str(failure) or repr(failure)
            log.error("an order failed", extra={"order": order.kind, "error": error})
        async with store.write() as session:
            await orders.done(session, order.id, clock.now(), error)


# -- web ------------------------------------------------------------------------------------


async def web_pages(settings: Settings) -> None:
    clock = SystemClock(settings.clock_offset)
    async with opened(settings.database_url) as store, asyncio.TaskGroup() as group:
        app = build_app(store, settings, clock, session_key=session_key(settings))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.http.host, settings.http.port).start()
            beating = group.create_task(heartbeat.beat("web"), name="heartbeat")
            await _stop_signal()
            beating.cancel()
        finally:
            await runner.cleanup()


def session_key(settings: Settings) -> bytes:
    """Made once; the same at every start, or everybody would be logged out."""
    path = settings.session_key
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        draft.replace(path)
    return path.read_bytes()


# -- jobs -----------------------------------------------------------------------------------


async def jobs(settings: Settings) -> None:
    """Durable work, prompts, publishing, the fallback bundle."""
    clock = SystemClock(settings.clock_offset)
    async with opened(settings.database_url) as store, asyncio.TaskGroup() as group:
        desk = JobsDesk(settings, store, clock)
        await desk.lines.reload(store)
        reconciler = Reconciler(
            store, settings.recordings, desk.lines.calendar, clock, to_e164=numbers.to_e164
        )
        transcriber = HttpTranscriber(f"http://{settings.transcriber}")
        transcription = Transcription(store, settings.recordings, transcriber, clock)
        work = Jobs(settings.data, settings.database_url, "jobs-1", transcription, reconciler, desk.look)
        ear = WakeUp(settings.run, "jobs")
        await ear.listen(work.wake)
        tasks = [
            group.create_task(_beat_when(desk.live, "jobs"), name="heartbeat"),
            group.create_task(work.run(), name="jobs"),
        ]
        await _stop_signal()
        ear.close()
        for task in tasks:
            task.cancel()
        desk.voice.shutdown(wait=False, cancel_futures=True)


async def _beat_when(ready: asyncio.Event, name: str) -> None:
    await ready.wait()
    await heartbeat.beat(name)


class JobsDesk:
    """The orders of the jobs process: publish, and a new bundle when lines, agents or the day change."""

    def __init__(self, settings: Settings, store: Store, clock: SystemClock) -> None:
        self.lines = Lines()
        self.live = asyncio.Event()  # set when the lines were published for the first time
        self.voice = ThreadPoolExecutor(1, "voice")  # one thread: threads have crashed the synthesiser
        self._settings = settings
        self._store = store
        self._clock = clock
        self._library = PromptLibrary(settings.prompt_cache, settings.prompts)
        self._publisher = publish.Publisher(
            settings.dialplans,
            STEPS,
            store,
            self._library,
            self.voice,
            self._write_bundle,
            lambda: wake(settings.run, "engine"),
            lambda text: print(f"speaking the {text}", file=sys.stderr, flush=True),
        )
        self._fresh_until: datetime | None = None  # when what depends on the day is made again

    async def look(self) -> None:
        if self._fresh_until is None:
            await self._begin()
        elif self._clock.now() >= self._fresh_until:
            await self._publisher.refresh(self._clock.now())
            self._fresh_until = next_midnight(self._clock.now())
        await do_orders(self._store, self._clock, "jobs", self._carry_out)

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        for text in self._library.missing(BUILTIN):
            await loop.run_in_executor(self.voice, self._library.make, text)
        try:
            await self._publish("start")
        except DialplanError as error:
            # The lines keep their last good versions; who edits the file sees why.
            print(f"not live:\n{error}", file=sys.stderr, flush=True)
        self._fresh_until = next_midnight(self._clock.now())
        self.live.set()

    async def _carry_out(self, order: Order) -> None:
        if order.kind == "publish":
            await self._publish(str(order.data.get("by", "")))
        elif order.kind == "agents":
            await self._publisher.refresh(self._clock.now())

    async def _publish(self, by: str) -> None:
        published = await self._publisher.publish(self._clock.now(), by)
        await self.lines.reload(self._store)
        errors = [str(problem) for problem in published.problems if problem.severity == "error"]
        if errors:
            raise DialplanError("\n".join(errors))

    async def _write_bundle(self, dialplans: Sequence[Dialplan]) -> None:
        """The bundle, and what of it Asterisk itself reads; the engine has Asterisk read it again."""
        settings, now = self._settings, self._clock.now()
        async with self._store.read() as session:
            rows = await agents.listing(session)
        await asyncio.to_thread(_write_bundle, settings, dialplans, rows, self._library, now)
        async with self._store.write() as session:
            await orders.put(session, "engine", "asterisk", {}, now)
        wake(settings.run, "engine")


def _write_bundle(
    settings: Settings,
    dialplans: Sequence[Dialplan],
    rows: Sequence[AgentRow],
    library: PromptLibrary,
    now: datetime,
) -> None:
    staffed = [row for row in rows if agents.state_at(row, now) != "away"]
    telephones = [Telephone(row.endpoint, row.groups, row.tenant) for row in staffed]
    lines = [bundle_line(dialplan, telephones, now) for dialplan in dialplans]
    prompts = {
        name: library.make(tones.NEUTRAL[name]).with_suffix(".wav")
        for name in bundle.PROMPTS
        if name != "beep"
    }
    prompts["beep"] = settings.sounds / "beep.wav"
    text = bundle.write_bundle(settings.bundle, lines, prompts, settings.messages, settings.clock_offset)
    accounts = [conf.AgentTelephone(row.name, row.endpoint.partition("/")[2], row.secret) for row in rows]
    files = {conf.AGENTS_FILE: conf.render_agents(accounts), conf.FALLBACK_FILE: text}
    conf.write(files, settings.asterisk_base / "etc")


def next_midnight(now: datetime) -> datetime:
    """The next midnight where a line may be: UTC's would be nine in the morning in Japan."""
    local = now.astimezone(JAPAN)
    return (local + timedelta(days=1)).replace(hour=0, minute=0, second=1, microsecond=0)


# -- all ------------------------------------------------------------------------------------


async def _stop_signal() -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
