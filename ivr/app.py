"""The only place that builds objects: one function for each process.

What only one process needs is imported in its function: an engine that starts again is waited for.
"""

import asyncio
import gc
import logging
import os
import secrets
import signal
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from ivr import engine_health, heartbeat, orders
from ivr.asterisk import conf, numbers
from ivr.asterisk.ari import Ari
from ivr.asterisk.ears import Ears
from ivr.asterisk.trunks import LiveTrunks, outside_of
from ivr.callbacks.escalation import Escalation
from ivr.clock import SystemClock
from ivr.closings import StoreClosings, announce
from ivr.customers import StoreCustomers
from ivr.duty import Duty, EngineTelephones
from ivr.duty import StoreBook as DutyBook
from ivr.engine import Engine
from ivr.errors import IvrError
from ivr.journal import StoreJournal
from ivr.lines import Lines
from ivr.messages.mailbox import StoreMailbox
from ivr.messages.models import LineModels
from ivr.messages.reader import ThreadReader
from ivr.prompts import tones
from ivr.queues.queues import Queues
from ivr.queues.roster import StoreRoster
from ivr.retrieval import StoreRetrieval
from ivr.ringing_back.book import StoreBook
from ivr.ringing_back.desk import RingingBack
from ivr.settings import Settings
from ivr.sounds import LiveSounds
from ivr.store import calls
from ivr.store.database import Store, opened
from ivr.store.tables import Order
from ivr.wake import WakeUp, wake

if TYPE_CHECKING:
    from ivr.messages.transcriber import Transcribers

log = logging.getLogger("ivr.app")

DRAIN = 8.0  # seconds that running calls are given at a stop
# Kind of an order to the engine -> the modules of Asterisk that read their files again.
_SIP = ("res_pjsip.so", "pbx_config.so")
READ_AGAIN = {
    "asterisk": _SIP,
    "trunks": (*_SIP, "res_pjsip_endpoint_identifier_ip.so", "res_pjsip_outbound_registration.so"),
}


def prepare(settings: Settings) -> None:
    """Before any process starts: directories, tables, sounds. Harmless when done again."""
    from ivr.admin.trunks import write_files
    from ivr.store.migrate import migrate

    for directory in (settings.messages, settings.run, settings.logs):
        directory.mkdir(parents=True, exist_ok=True)
    settings.clock_file.write_text(str(settings.clock_offset), "ascii")
    migrate(settings.database_url)
    for problem in write_files(settings):
        log.error("trunks.yaml was not taken in: ivr check tells why", extra={"problem": str(problem)})
    if not (settings.sounds / "moh" / "hold.wav").exists():
        tones.make_builtin(settings.sounds)


# -- engine ---------------------------------------------------------------------------------


async def engine(settings: Settings) -> None:
    """ARI and calls, nothing else. Returns after SIGTERM, when calls are over or handed over."""
    clock = SystemClock(settings.clock_offset)
    pulse = heartbeat.Pulse(clock)
    async with opened(settings.database_url) as store, asyncio.TaskGroup() as group:
        lines = Lines()
        await lines.reload(store)
        passwords = conf.ari_passwords(settings.asterisk_base)
        ari = Ari(settings.ari, f"ivr-{settings.engine}", conf.ENGINE, passwords.engine, pulse.check)
        journal = StoreJournal(store, settings.engine, lines.tenants, clock)
        mailbox = StoreMailbox(
            store, settings.recordings, lines.calendar, clock, lambda: wake(settings.run, "jobs")
        )
        async with store.write() as session:
            lost = await calls.close_unfinished(session, settings.engine, clock.now())
        if lost:
            log.warning("calls of an engine that died were closed", extra={"calls": lost})
        queues = Queues(StoreRoster(store), clock, lines.tenants.get)
        live_sounds = LiveSounds(settings)
        reader = ThreadReader(lines.reading)
        trunks = LiveTrunks(settings)
        outside = outside_of(settings, trunks)
        desk = Engine(
            ari,
            lines,
            queues,
            mailbox,
            journal,
            live_sounds.sounds(),
            clock,
            settings.recordings.resolve(),
            StoreClosings(store, lines, clock, lambda: announce(settings.run)),
            StoreRetrieval(store, lines, settings.recordings.resolve(), clock, outside, settings.engine),
            outside,
            Ears(settings.transcriber, settings.transcriber_key, LineModels(store, clock).of),
            reader,
            trunks.default_line,
            StoreCustomers(store, lines, clock),
        )
        back = RingingBack(desk, StoreBook(store, lines, settings.engine, clock))
        on_duty = Duty(DutyBook(store, lines, clock), EngineTelephones(desk), lines.model, clock)
        carry_out = partial(_carry_out, store, desk, back, on_duty, live_sounds, trunks)
        # What the start made stays: to look through it again would hold up every caller for 50 ms.
        gc.collect()
        gc.freeze()
        background = [
            group.create_task(pulse.run(), name="pulse"),
            group.create_task(heartbeat.beat("engine"), name="heartbeat"),
            group.create_task(journal.run(), name="journal"),
            group.create_task(desk.serve(), name="calls"),
            group.create_task(back.look_after(), name="dials"),
            group.create_task(engine_health.report(store, clock, desk), name="health"),
            group.create_task(orders.serve(settings.run, store, clock, "engine", carry_out), name="orders"),
        ]
        await _stop_signal()
        await desk.drain(DRAIN)
        await mailbox.close()
        reader.close()
        await _ended(background)
        await journal.flush()


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _carry_out(
    store: Store,
    desk: Engine,
    back: RingingBack,
    on_duty: Duty,
    live_sounds: LiveSounds,
    trunks: LiveTrunks,
    order: Order,
) -> None:
    """An order to the engine."""
    if order.kind == "dial":
        back.dial(order.data["key"], order.data["to"])
    elif order.kind == "now":
        back.now(order.data["ticket"], str(order.id), order.created_at)
    elif order.kind == "duty":
        desk.start(on_duty.lead(order.data["ticket"]), "duty")
    elif order.kind == "reload":
        live_sounds.reload()
        await desk.lines.reload(store)
    elif order.kind == "trunk_test":
        about = order.data
        desk.leave_to_test(about["number"], about["shown"], datetime.fromisoformat(about["until"]))
    elif order.kind == "trunks":
        await asyncio.to_thread(trunks.reload)
    for module in READ_AGAIN.get(order.kind, ()):
        await desk.ari.http("PUT", f"asterisk/modules/{module}")
    desk.queues.changed()


# -- web ------------------------------------------------------------------------------------


async def web_pages(settings: Settings) -> None:
    from aiohttp import web

    from ivr.web.app import build_app

    clock = SystemClock(settings.clock_offset)
    async with opened(settings.database_url) as store:
        app = build_app(store, settings, clock, session_key=session_key(settings))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, settings.http.host, settings.http.port).start()
            except OSError as error:
                why = os.strerror(error.errno or 0)
                raise IvrError(
                    f"IVR_HTTP={settings.http}: {why}; end what uses it, or take another"
                ) from error
            async with asyncio.TaskGroup() as group:
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
    from ivr.admin.trunks import Watching
    from ivr.asterisk.existing.admin import recorded
    from ivr.auditing import Keeper
    from ivr.jobs import Jobs
    from ivr.messages.pipeline import Normalising, Reading
    from ivr.messages.reconciler import Reconciler
    from ivr.messages.retention import Retention
    from ivr.messages.transcription import Transcription
    from ivr.notify.notices import Notices, ways
    from ivr.upkeep import Upkeep

    clock = SystemClock(settings.clock_offset)
    async with opened(settings.database_url) as store, asyncio.TaskGroup() as group:
        desk = Upkeep(settings, store, clock)
        await desk.lines.reload(store)
        reconciler = Reconciler(
            store, settings.recordings, desk.lines.calendar, clock, to_e164=numbers.to_e164
        )
        stages = (
            Transcription(
                store, settings.recordings, _transcribers(settings), clock, len(settings.transcriber)
            ),
            Normalising(store, settings.recordings, clock),
            Reading(store, clock, desk.lines),
        )
        notices = Notices(store, desk.lines, ways(settings), clock)
        first = settings.jobs == "1"  # the others only work on messages and notices, by what is live
        orders = desk.look if first else partial(desk.lines.reload, store)
        executor = f"jobs-{settings.jobs}"
        retention = Retention(store, settings.recordings, clock, desk.lines.retention)
        by_the_clock = (retention, Escalation(store, desk.lines.policy, desk.lines.waited, clock))
        place = (settings.data, settings.database_url, executor)
        work = Jobs(*place, stages, reconciler, orders, notices, *by_the_clock)
        desk.wake_up = work.wake
        ear = WakeUp(settings.run, "jobs")
        await ear.listen(work.wake)
        tasks = [
            group.create_task(work.run(), name="jobs"),
        ]
        if first:
            tasks.append(group.create_task(_beat_when(desk.live, "jobs"), name="heartbeat"))
            tasks.append(group.create_task(desk.watch.run(), name="watch"))
            keeper = Keeper(store, clock, settings.audit_days)
            tasks.append(group.create_task(keeper.run(), name="audit"))
            if recorded(settings) or (settings.asterisk_base / "etc" / "asterisk.conf").exists():
                tasks.append(group.create_task(Watching(settings, store, clock).run(), name="trunks"))
        else:
            tasks.append(group.create_task(heartbeat.beat("jobs"), name="heartbeat"))
        await _stop_signal()
        ear.close()
        for task in tasks:
            task.cancel()
        desk.voice.shutdown(wait=False, cancel_futures=True)


def _transcribers(settings: Settings) -> "Transcribers":
    from ivr.messages.transcriber import HttpTranscriber, Transcribers

    key = settings.transcriber_key
    return Transcribers([HttpTranscriber(f"http://{at}", key=key) for at in settings.transcriber])


async def _beat_when(ready: asyncio.Event, name: str) -> None:
    await ready.wait()
    await heartbeat.beat(name)


# -- all ------------------------------------------------------------------------------------


async def _stop_signal() -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
