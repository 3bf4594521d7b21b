"""What the jobs process keeps up to date: published lines, greetings of the coming days, the fallback bundle."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from ivr import alerts, publish
from ivr.asterisk import bundle, conf
from ivr.asterisk.caller import TAKEN
from ivr.asterisk.trunks import LiveTrunks, outside_of
from ivr.clock import JAPAN, Clock
from ivr.dialplan.greeting import SUDDENLY_CLOSED
from ivr.dialplan.model import Dialplan
from ivr.engine import UNKNOWN_NUMBER
from ivr.errors import DialplanError
from ivr.fallback import Telephone, bundle_line
from ivr.hours.check import holiday_alarms
from ivr.lines import Lines, as_closings
from ivr.orders import do_pending
from ivr.prompts import tones
from ivr.prompts.library import PromptLibrary
from ivr.ringing_back.texts import HEARD
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import agents, alarms, closures, orders
from ivr.store.database import Store
from ivr.store.tables import AgentRow, Closure, Order
from ivr.wake import wake
from ivr.watch import Watch

# What is said on every line: made before any dialplan goes live.
BUILTIN = (*tones.NEUTRAL.values(), TAKEN, UNKNOWN_NUMBER, SUDDENLY_CLOSED, *HEARD)
# Who publishes, and why, when a file was changed by an editor.
BY_FILE = (publish.FILE, "changed on disk")
AT_START = ("start", "found at the start")
DISK_EVERY = timedelta(minutes=1)


class Upkeep:
    """The orders of the jobs process: publish, and a new bundle when lines, agents or the day change.

    `look` does what is due; `watch` calls `wake_up` when files have changed.
    """

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self.lines = Lines()
        self.live = asyncio.Event()  # set when the lines were published for the first time
        self.voice = ThreadPoolExecutor(1, "voice")  # one thread: threads have crashed the synthesiser
        self._settings = settings
        self._store = store
        self._clock = clock
        self.wake_up: Callable[[], None] = lambda: None
        self.watch = Watch([settings.dialplans, settings.prompts], lambda: self.wake_up())
        self._asterisk_knows = False  # what it read at its own start may be of another time
        self._publisher = publish.Publisher(
            settings.dialplans,
            STEPS,
            store,
            PromptLibrary.live(settings.prompt_cache, settings.prompts, settings.readings),
            self.voice,
            self._write_bundle,
            lambda: wake(settings.run, "engine"),
            lambda text: print(f"speaking the {text}", file=sys.stderr, flush=True),
            outside_of(settings, LiveTrunks(settings)),
            BUILTIN,
        )
        self._looked_at_disk: datetime | None = None
        self._fresh_until: datetime | None = None  # when what depends on the day is made again

    async def look(self) -> None:
        await self._look_at_disk()
        if self._fresh_until is None:
            await self._begin()
            await self._raise_holiday_alarms()
        elif self._clock.now() >= self._fresh_until:
            await self._refresh()
            self._fresh_until = next_midnight(self._clock.now())
            await self._raise_holiday_alarms()
        # Before the files: who saves in the page or by a command orders at once, with a name and a reason.
        await do_pending(self._store, self._clock, "jobs", self._carry_out)
        if self.watch.due:
            await self._take_in(BY_FILE)

    async def _look_at_disk(self) -> None:
        now, settings = self._clock.now(), self._settings
        if self._looked_at_disk is not None and now < self._looked_at_disk + DISK_EVERY:
            return
        self._looked_at_disk = now
        folders = (settings.data, settings.recordings)
        free, folder = await asyncio.to_thread(
            lambda: min((shutil.disk_usage(one).free, one) for one in folders)
        )
        async with self._store.write() as session:
            await alerts.of_disk(session, folder, free, now)

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        library = self._publisher.prompts
        for text in await loop.run_in_executor(self.voice, library.missing, BUILTIN):
            await loop.run_in_executor(self.voice, library.make, text)
        await self._take_in(AT_START)
        self._fresh_until = next_midnight(self._clock.now())
        self.live.set()

    async def _take_in(self, who: tuple[str, str]) -> None:
        """The files as they stand. The lines keep their last good versions; who edits a file sees why."""
        try:
            await self._publish(*who)
        except DialplanError as error:
            print(f"not live:\n{error}", file=sys.stderr, flush=True)

    async def _carry_out(self, order: Order) -> None:
        if order.kind == "publish":
            data = order.data
            await self._publish(str(data.get("by", "")), data.get("why"), data.get("line"))
        elif order.kind == "agents":
            await self._refresh()
        elif order.kind == "closings":
            await self.lines.reload(self._store)
            await self._refresh()
        elif order.kind == "holidays":
            await self.lines.reload(self._store)
            await self._refresh()
            await self._raise_holiday_alarms()

    async def _raise_holiday_alarms(self) -> None:
        now = self._clock.now()
        async with self._store.write() as session:
            for alarm in holiday_alarms(now.astimezone(JAPAN).date()):
                if alarm.text:
                    await alarms.raise_(session, alarm.key, alarm.text, tenant=None, at=now)
                else:
                    await alarms.clear(session, alarm.key, now)

    async def _publish(self, by: str, why: str | None, line: str | None = None) -> None:
        """DialplanError if a file was refused; with a `line`, if that one was."""
        files = await asyncio.to_thread(self.watch.state)
        try:
            published = await self._publisher.publish(self._clock.now(), by, why, line)
        except DialplanError as error:
            self.watch.taken(files)
            await self._alert({"": [str(error)]})
            raise
        self.watch.taken(files)  # not if the disk is full: then it is tried again
        await self.lines.reload(self._store)
        errors = [problem for problem in published.problems if problem.severity == "error"]
        wrong: dict[str, list[str]] = {}
        for problem in errors:
            key = problem.file.removeprefix(f"{self._settings.dialplans.name}/").removesuffix(".yaml")
            wrong.setdefault(key, []).append(str(problem))
        await self._alert(wrong)
        if errors and (line is None or line in published.refused):
            raise DialplanError("\n".join(map(str, errors)))

    async def _refresh(self) -> None:
        await self._publisher.refresh(self._clock.now())
        await self._alert_prompts()

    async def _alert(self, wrong: Mapping[str, Sequence[str]]) -> None:
        async with self._store.write() as session:
            await alerts.of_files(session, wrong, self._live_tenants(), self._clock.now())
        await self._alert_prompts()

    def _live_tenants(self) -> dict[str, str]:
        return {line: self.lines.tenants[line] for line in self.lines.keys()}  # noqa: SIM118

    async def _alert_prompts(self) -> None:
        unspoken = self._publisher.unspoken
        async with self._store.write() as session:
            await alerts.of_prompts(session, unspoken, self._live_tenants(), self._clock.now())

    async def _write_bundle(self, dialplans: Sequence[Dialplan]) -> None:
        """The bundle, and what of it Asterisk itself reads; the engine has Asterisk read it again."""
        settings, now = self._settings, self._clock.now()
        async with self._store.read() as session:
            rows = await agents.listing(session)
            closed = await closures.by_line(session)
        library = self._publisher.prompts
        news = await asyncio.to_thread(_write_bundle, settings, dialplans, rows, closed, library, now)
        if news or not self._asterisk_knows:
            async with self._store.write() as session:
                await orders.put(session, "engine", "asterisk", {}, now)
            wake(settings.run, "engine")
            self._asterisk_knows = True


def _write_bundle(
    settings: Settings,
    dialplans: Sequence[Dialplan],
    rows: Sequence[AgentRow],
    closed: Mapping[str, Sequence[Closure]],
    library: publish.Prompts,
    now: datetime,
) -> bool:
    """True if Asterisk has something to read again: to have it do so holds up the next order to the engine."""
    # Who is away for a time only, because the telephone could not ring, is back before it matters.
    staffed = [row for row in rows if row.state != "away" or row.wrap_up_until is not None]
    telephones = [Telephone(row.endpoint, row.groups, row.tenant) for row in staffed]
    lines = [
        bundle_line(dialplan, telephones, now, as_closings(closed.get(dialplan.key, ())))
        for dialplan in dialplans
    ]
    prompts = {
        name: library.make(tones.NEUTRAL[name]).with_suffix(".wav")
        for name in bundle.PROMPTS
        if name != "beep"
    }
    prompts["beep"] = settings.sounds / "beep.wav"
    text = bundle.write_bundle(settings.bundle, lines, prompts, settings.messages, settings.clock_offset)
    accounts = [conf.AgentTelephone(row.name, row.endpoint.partition("/")[2], row.secret) for row in rows]
    files = {conf.AGENTS_FILE: conf.render_agents(accounts), conf.FALLBACK_FILE: text}
    etc = settings.asterisk_base / "etc"
    if all((etc / name).exists() and (etc / name).read_text("utf-8") == text for name, text in files.items()):
        return False
    conf.write(files, etc)
    return True


def next_midnight(now: datetime) -> datetime:
    """The next midnight where a line may be: UTC's would be nine in the morning in Japan."""
    local = now.astimezone(JAPAN)
    return (local + timedelta(days=1)).replace(hour=0, minute=0, second=1, microsecond=0)
