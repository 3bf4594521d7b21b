"""What the jobs process keeps up to date: published lines, greetings of the coming days, the fallback bundle."""

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ivr import publish
from ivr.asterisk import bundle, conf
from ivr.asterisk.caller import TAKEN
from ivr.clock import Clock
from ivr.dialplan.model import Dialplan
from ivr.engine import UNKNOWN_NUMBER
from ivr.errors import DialplanError
from ivr.fallback import Telephone, bundle_line
from ivr.hours.check import holiday_alarms
from ivr.lines import Lines
from ivr.orders import do_pending
from ivr.outside import Outside
from ivr.prompts import tones
from ivr.prompts.library import PromptLibrary
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import agents, alarms, orders
from ivr.store.database import Store
from ivr.store.tables import AgentRow, Order
from ivr.wake import wake

# What is said on every line: made before any dialplan goes live.
BUILTIN = (*tones.NEUTRAL.values(), TAKEN, UNKNOWN_NUMBER)
JAPAN = ZoneInfo("Asia/Tokyo")


class Upkeep:
    """The orders of the jobs process: publish, and a new bundle when lines, agents or the day change."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
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
            Outside(settings.transfers, settings.outbound),
        )
        self._fresh_until: datetime | None = None  # when what depends on the day is made again

    async def look(self) -> None:
        if self._fresh_until is None:
            await self._begin()
            await self._raise_holiday_alarms()
        elif self._clock.now() >= self._fresh_until:
            await self._publisher.refresh(self._clock.now())
            self._fresh_until = next_midnight(self._clock.now())
            await self._raise_holiday_alarms()
        await do_pending(self._store, self._clock, "jobs", self._carry_out)

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
        elif order.kind == "holidays":
            await self.lines.reload(self._store)
            await self._publisher.refresh(self._clock.now())
            await self._raise_holiday_alarms()

    async def _raise_holiday_alarms(self) -> None:
        now = self._clock.now()
        async with self._store.write() as session:
            for alarm in holiday_alarms(now.astimezone(JAPAN).date()):
                if alarm.text:
                    await alarms.raise_(session, alarm.key, alarm.text, tenant=None, at=now)
                else:
                    await alarms.clear(session, alarm.key, now)

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
    # Who is away for a time only, because the telephone could not ring, is back before it matters.
    staffed = [row for row in rows if row.state != "away" or row.wrap_up_until is not None]
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
