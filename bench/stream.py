"""When the text of a message is there: `python -m bench.stream [--seconds 60] [--at-once 1,10]`.

Callers of a real Asterisk speak for a minute and hang up. Either the transcriber listens meanwhile, or the recording goes
through the job queue, which is what one would have otherwise. Both end at the same row in the store; times count from the
first that the engine hears of the hang-up. The engine's call, mailbox and listening run in this process' loop, which a
ticker watches: "blocked" is the longest time between two of its ticks beyond the 2 ms that it sleeps, "busy" the most of
this thread's CPU in one such time (other work on the machine lengthens the first, not the second). Fails when a streamed
text is not in the store within a second, when the loop was busy for more than 20 ms on end, or when something of a call
is left in Asterisk; texts that are not the same are shown.
"""

import argparse
import asyncio
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import select

from bench.transcribe import a_minute
from ivr.asterisk.ari import Ari, Json
from ivr.asterisk.caller import AriCall, Sound, Sounds
from ivr.asterisk.conf import split_address
from ivr.asterisk.ears import Ears
from ivr.asterisk.fetch import find_asterisk
from ivr.asterisk.private import PrivateAsterisk
from ivr.call import CallbackPromise, Caller, CallState
from ivr.clock import SystemClock
from ivr.lines import Lines
from ivr.messages.mailbox import StoreMailbox
from ivr.settings import Address, Settings, load
from ivr.store import dialplans
from ivr.store.database import Store
from ivr.store.migrate import migrate
from ivr.store.tables import MessageRow
from ivr.wake import wake
from tests.asterisk.instances import instance_settings
from tests.messages_helpers import NUMBER
from tests.speech import wav
from tests.transcriber_process import TINY, TranscriberProcess

ECFORCE = Path(__file__).parents[1] / "dialplans" / "ecforce.yaml"
MOST = 1.0  # seconds from the end to the text
BLOCKED = 0.020  # seconds of CPU on end
TICK = 0.002
PROMISE = CallbackPromise("medium", "1 business day", None)
SPEAKER = "[speaker]\nexten => s,1,Answer()\n same => n,Playback({sound})\n same => n,Hangup()\n"


@dataclass
class Loop:
    """What the ticker saw: the longest times, in seconds."""

    blocked: list[float] = field(default_factory=list)
    busy: float = 0.0

    async def tick(self) -> None:
        while True:
            began, cpu = time.monotonic(), time.thread_time()
            await asyncio.sleep(TICK)
            self.blocked.append(time.monotonic() - began - TICK)
            self.busy = max(self.busy, time.thread_time() - cpu)


@dataclass
class Office:
    """An engine's parts on one Asterisk."""

    ari: Ari
    ears: Ears
    mailbox: StoreMailbox
    store: Store
    recordings: Path
    came: dict[str, "asyncio.Future[None]"] = field(default_factory=dict)
    calls: int = 0

    def on_event(self, event: Json) -> None:
        if event["type"] == "StasisStart" and (came := self.came.get(event["channel"]["id"])):
            came.set_result(None)

    async def message(self, *, hear: bool) -> tuple[float, float, str]:
        """Seconds from the hang-up until the engine has the text (or goes on without), until it is in the store; it."""
        self.calls += 1
        id = f"bench-{self.calls}"
        self.came[id] = asyncio.get_running_loop().create_future()
        call = BenchCall(self, id)
        try:
            await self.ari.http(
                "POST", "channels", {"endpoint": "Local/s@speaker", "app": "ivr-1", "channelId": id}
            )
            await call.until(lambda: call.up, 10)
            draft = await self.mailbox.begin(call, PROMISE)
            recorded = await call.record(draft.file, longest=180, silence=10, hear=hear)
            engine = time.monotonic() - call.left
            assert recorded.ended_by == "hangup", recorded
            await self.mailbox.taken(draft, recorded)
            await self.mailbox.finish(draft, recorded)
            text = await self._text(draft.id)
            return engine, time.monotonic() - call.left, text
        finally:
            await call.aclose()

    async def _text(self, id: str) -> str:
        query = select(MessageRow.transcript_text).where(
            MessageRow.id == id, MessageRow.transcript_state == "done"
        )
        while True:
            async with self.store.read() as session:
                if (text := await session.scalar(query)) is not None:
                    return text
            await asyncio.sleep(0.02)


class BenchCall(AriCall):
    """Notes when it first heard of the hang-up."""

    def __init__(self, office: Office, id: str) -> None:
        beep = Sound(Path("beep"), 0.5)
        sounds = Sounds(lambda _: beep, lambda: beep, beep, lambda: beep)
        state = CallState(id, "ecforce", "0" * 64, step="message")
        super().__init__(
            office.ari, id, Caller(NUMBER), "s", state, sounds, office.recordings, ears=office.ears
        )
        self.left = 0.0

    def on_event(self, event: Json) -> None:
        if event["type"] == "ChannelHangupRequest" and not self.left:
            self.left = time.monotonic()
        super().on_event(event)


@asynccontextmanager
async def jobs(settings: Settings, environ: dict[str, str]) -> AsyncIterator[None]:
    with (settings.data / "jobs.log").open("wb") as log:
        command = [sys.executable, "-m", "ivr.cli", "process", "jobs"]
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)  # noqa: ASYNC220
        try:
            yield
        finally:
            process.terminate()
            process.wait()


@asynccontextmanager
async def asterisk(base: Path, settings: Settings, seconds: int) -> AsyncIterator[PrivateAsterisk]:
    """Who dials speaker hears, and that is the caller's voice, a minute of speech."""
    instance = instance_settings(base)
    until_the_beep_is_over = bytes(2 * 16000)
    (base / "speech.wav").write_bytes(wav(until_the_beep_is_over + a_minute()[: seconds * 16000], 8000))
    instance.etc.mkdir(parents=True)
    (instance.etc / "ivr_fallback.conf").write_text(SPEAKER.format(sound=base / "speech"))
    instance.spool.mkdir(parents=True)
    instance.recordings.symlink_to(settings.recordings)
    private = PrivateAsterisk(find_asterisk(os.environ.get("IVR_ASTERISK", "")), instance)
    await private.start()
    ahead(private.pid)
    try:
        yield private
    finally:
        await private.stop()


def ahead(pid: int | None) -> None:
    """What else the machine does disturbs less (Linux' autogroups; needs root)."""
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("-15")


async def round_of(office: Office, at_once: int, *, hear: bool) -> tuple[float, float, set[str]]:
    """The slowest of them: until the engine goes on, until the text is in the store; the texts."""
    loop = Loop()
    ticker = asyncio.create_task(loop.tick())
    made = await asyncio.gather(*(office.message(hear=hear) for _ in range(at_once)))
    ticker.cancel()
    engine, store = (sorted(one[part] for one in made) for part in (0, 1))
    blocked = sorted(loop.blocked)
    print(
        f"{'streamed' if hear else 'batch':9} {at_once:3}  {1000 * statistics.median(engine):7.0f} {1000 * engine[-1]:7.0f}"
        f"  {1000 * statistics.median(store):7.0f} {1000 * store[-1]:7.0f}"
        f"  {1000 * blocked[-len(blocked) // 1000]:8.1f} {1000 * blocked[-1]:7.1f} {1000 * loop.busy:6.1f}",
        flush=True,
    )
    return store[-1], loop.busy, {one[2] for one in made}


async def measure(base: Path, seconds: int, counts: list[int]) -> bool:
    environ = {**os.environ, "IVR_DATA": str(base / "var")}
    settings = load(environ)
    settings.messages.mkdir(parents=True)
    settings.run.mkdir()
    migrate(settings.database_url)
    store = await Store.open(settings.database_url)
    live = dialplans.LiveLine("ecforce", "ecforce", "ecforce", (), "0" * 64, ECFORCE.read_text("utf-8"))
    clock, lines = SystemClock(0), Lines()
    async with store.write() as session:
        await dialplans.publish(session, live, at=clock.now(), by="bench")
    await lines.reload(store)
    with TranscriberProcess(base / "transcriber.log", TINY, settings.recordings) as transcriber:
        transcriber.settled()
        address = Address("127.0.0.1", transcriber.port)
        environ["IVR_TRANSCRIBER"] = str(address)
        async with jobs(settings, environ), asterisk(base, settings, seconds) as private:
            link = Address(*split_address("IVR_ARI", private.settings.ari))
            ari = Ari(link, "ivr-1", "ivr-engine", private.passwords.engine)
            mailbox = StoreMailbox(
                store,
                settings.recordings,
                lines.calendar,
                clock,
                partial(wake, settings.run, "jobs"),
            )
            office = Office(ari, Ears([address]), mailbox, store, settings.recordings.resolve())
            serving = asyncio.create_task(ari.run(office.on_event))
            await asyncio.sleep(3)  # the jobs process starts, too
            gc.collect()
            gc.freeze()  # as ivr/app.py does
            good = await compare(office, seconds, counts)
            left = await ari.http("GET", "channels")
            serving.cancel()
            await mailbox.close()
    await store.close()
    return good and not left


async def compare(office: Office, seconds: int, counts: list[int]) -> bool:
    print(
        f"messages of {seconds} s, {os.cpu_count()} cores; ms from the hang-up (median, slowest), and of the loop"
    )
    print("              engine goes on    text in store    blocked p99.9, most   busy")
    good = True
    for count in counts:
        _, _, batch = await round_of(office, count, hear=False)
        slowest, busy, streamed = await round_of(office, count, hear=True)
        if slowest > MOST or busy > BLOCKED:
            good = False
        if len(batch | streamed) > 1:
            print(f"({len(batch | streamed)} different texts: each begins at another sample)")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench stream", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="length of each message")
    parser.add_argument("--at-once", default="1,10", help="callers at once")
    options = parser.parse_args()
    ahead(os.getpid())
    with tempfile.TemporaryDirectory() as directory:
        counts = [int(count) for count in options.at_once.split(",")]
        good = asyncio.run(measure(Path(directory), options.seconds, counts))
    sys.exit(not good)


if __name__ == "__main__":
    main()
