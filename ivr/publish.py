"""From the YAML that admins edit to the lines that callers reach.

Runs in the jobs process. All or nothing for each line: a dialplan that fails leaves its line
on the last good version, and the others go live all the same. So do the readings.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from ivr.dialplan.check import check_all, line_numbers, taken_numbers, text_problem
from ivr.dialplan.load import READINGS, linked, load_all, load_text
from ivr.dialplan.model import Dialplan, Step
from ivr.dialplan.problems import BadDialplan, Problem
from ivr.dialplan.readings import load_readings
from ivr.dialplan.texts import GREETING_DAYS, all_texts, by_the_clock
from ivr.errors import SynthesisError
from ivr.hours.closings import Closing
from ivr.outside import NOWHERE, Outside
from ivr.store import closures, orders
from ivr.store import dialplans as shelf
from ivr.store.database import Store
from ivr.store.tables import Closure

log = logging.getLogger("ivr.publish")

G = TypeVar("G")
T = TypeVar("T")

# A file that is gone may be one that an editor is replacing: it is looked for again after so many seconds.
GRACE = 1.0
# Who publishes what an editor has saved, until somebody puts a name and a reason to it soon after.
FILE = "file"
SOON_AFTER = timedelta(hours=1)
# Where the line is, the date may be one off from UTC's.
_ELSEWHERE = timedelta(days=1)


class Prompts(Protocol):
    """What publishing needs of `ivr.prompts.library.PromptLibrary`; it blocks."""

    readings: Mapping[str, str]

    def with_readings(self, readings: Mapping[str, str]) -> "Prompts": ...

    def keep_readings(self) -> None: ...

    def key(self, text: str) -> str: ...

    def why_not(self, text: str) -> str | None: ...

    def missing(self, texts: Iterable[str]) -> list[str]: ...

    def make(self, text: str) -> Path: ...


@dataclass(frozen=True)
class Published:
    """Keys of lines: whose version is new, who stays on the last good one, whose file is wrong, who is gone."""

    live: tuple[str, ...]
    kept: tuple[str, ...]
    refused: tuple[str, ...]  # those of `kept`, and those that were never live
    withdrawn: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass
class Publisher:
    """`voice` is the one thread in which the synthesiser may run; `wake` tells the engine of an order."""

    directory: Path
    step_types: Mapping[str, type[Step]]
    store: Store
    prompts: Prompts
    voice: Executor
    write_bundle: Callable[[Sequence[Dialplan]], Awaitable[None]]
    wake: Callable[[], object]
    progress: Callable[[str], None]
    outside: Outside = NOWHERE
    builtin: Sequence[str] = ()  # said on every line
    unspoken: Mapping[str, Sequence[str]] = field(default_factory=dict)  # line -> live texts without audio
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def publish(
        self, now: datetime, by: str, why: str | None = None, line: str | None = None
    ) -> Published:
        """DialplanError if there are no dialplans at all; BadDialplan is never raised, but reported.

        What was taken in from a FILE shortly before, of this `line` or of all, is now by whoever publishes.

        Doing it again changes nothing but completes what an interruption left: prompts, bundle.
        """
        async with self._one_at_a_time:
            found = await self._in_thread(self._read, now)
            if await self._misses(found):
                await asyncio.sleep(GRACE)
                found = await self._in_thread(self._read, now)
            await self._speak(found, now)
            published = await self._go_live(found, now, by, why)
            if by != FILE:
                async with self.store.write() as session:
                    since = now - SOON_AFTER
                    await shelf.sign(session, of=FILE, since=since, by=by, why=why, line=line)
            self.wake()
            _log(published, by)
            await self._settle(now)
        return published

    async def refresh(self, now: datetime) -> None:
        """At midnight: what is live gets the greetings of the coming days and a new bundle."""
        async with self._one_at_a_time:
            await self._settle(now)

    def _read(self, now: datetime) -> "_Found":
        readings, problems = load_readings(self.directory)
        same = readings is None or readings == self.prompts.readings
        prompts = self.prompts if same or readings is None else self.prompts.with_readings(readings)
        keys = {path.stem for path in self.directory.glob("[!.]*.yaml") if path.name != READINGS}
        dialplans, wrong = load_all(self.directory, self.step_types)
        found = _Found(keys | {dialplan.key for dialplan in dialplans.values()}, dialplans, prompts)
        found.refuse([*problems, *wrong])
        found.refuse(check_all(dialplans, now.date(), prompts.why_not, outside=self.outside))
        return found

    async def _misses(self, found: "_Found") -> bool:
        """True if a file is gone by which something is live."""
        async with self.store.read() as session:
            live = await shelf.live(session)
        return bool(
            {line.key for line in live} - found.keys or (self.prompts.readings and not found.prompts.readings)
        )

    async def _speak(self, found: "_Found", now: datetime) -> None:
        """A dialplan with a text that cannot be spoken is refused. Other readings: what is live is spoken anew."""
        texts = list(self.builtin)
        if found.prompts is not self.prompts:
            texts += [text for dialplan in await self._live() for text in _texts(dialplan, now)]
        texts += [text for dialplan in found.good.values() for text in _texts(dialplan, now)]
        found.made, wrong = await self._make(found.prompts, texts)
        for text, why in wrong.items():
            for file, dialplan in list(found.good.items()):
                if text in _texts(dialplan, now):
                    found.refuse([text_problem(file, dialplan, text, why)])

    async def _make(self, prompts: Prompts, texts: Iterable[str]) -> tuple[bool, dict[str, str]]:
        """Synthesises what is missing: if there was any, and the texts that could not be spoken, and why."""
        missing = await self._in_thread(prompts.missing, texts)
        wrong: dict[str, str] = {}
        for number, text in enumerate(missing, 1):
            if number == 1 or number * 10 // len(missing) > (number - 1) * 10 // len(missing):  # each tenth
                self.progress(f"prompts {number}/{len(missing)}")
            try:
                await self._in_thread(prompts.make, text)
            except SynthesisError as error:
                wrong[text] = str(error)
        return bool(missing), wrong

    async def _go_live(self, found: "_Found", now: datetime, by: str, why: str | None) -> Published:
        if found.prompts is not self.prompts:
            await asyncio.to_thread(found.prompts.keep_readings)
            self.prompts = found.prompts
        async with self.store.write() as session:
            before = {line.key: line for line in await shelf.live(session)}
            found.refuse_taken(before)
            gone = sorted(before.keys() - found.keys)
            new = [
                dialplan
                for dialplan in found.good.values()
                if dialplan.key not in before or before[dialplan.key].hash != dialplan.hash
            ]
            # All of them leave before any comes, so that a number can move from line to line.
            for key in [*gone, *(dialplan.key for dialplan in new if dialplan.key in before)]:
                await shelf.withdraw(session, key)
            for dialplan in new:
                await shelf.publish(session, _live_line(dialplan), at=now, by=by, why=why)
            if gone or new or found.made:
                await orders.put(session, "engine", "reload", {}, now)
        good = {dialplan.key for dialplan in found.good.values()}
        return Published(
            live=tuple(dialplan.key for dialplan in new),
            kept=tuple(sorted(before.keys() & found.keys - good)),
            refused=tuple(sorted(found.keys - good)),
            withdrawn=tuple(gone),
            problems=tuple(found.problems),
        )

    async def _live(self) -> list[Dialplan]:
        async with self.store.read() as session:
            lines = await shelf.live(session)
        return await self._in_thread(self._parsed, lines)

    def _parsed(self, lines: Iterable[shelf.LiveLine]) -> list[Dialplan]:
        dialplans = []
        for line in lines:
            try:
                dialplans.append(load_text(f"{line.key}.yaml", line.source, self.step_types))
            except BadDialplan:
                # It was good for the release that published it.
                log.error("a live dialplan is not understood by this release", extra={"line": line.key})
        return list(linked({dialplan.key: dialplan for dialplan in dialplans}).values())

    async def _settle(self, now: datetime) -> None:
        dialplans = await self._live()
        async with self.store.read() as session:
            closed = await closures.listing(session, now)
        # First what is heard of sudden closings: until then callers hear a sentence without the reason.
        texts = [text for dialplan in dialplans for text in _of_closings(dialplan, closed, now)]
        texts += [text for dialplan in dialplans for text in _texts(dialplan, now)]
        _, wrong = await self._make(self.prompts, texts)
        for text in wrong:
            log.error("a live prompt cannot be spoken", extra={"prompt": self.prompts.key(text)})
        self.unspoken = {
            dialplan.key: said
            for dialplan in dialplans
            if (said := [text for text in _texts(dialplan, now) if text in wrong])
        }
        await self.write_bundle(dialplans)

    async def _in_thread(self, work: Callable[[G], T], given: G) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.voice, work, given)


@dataclass
class _Found:
    """What the directory holds: the keys of all its files, the good dialplans by file, the problems."""

    keys: set[str]
    good: dict[str, Dialplan]
    prompts: Prompts  # with the readings of the directory; with the last good ones if those are wrong
    problems: list[Problem] = field(default_factory=list)
    made: bool = False  # a prompt was made that was not there, or was another

    def refuse(self, problems: Iterable[Problem]) -> None:
        """What is wrong in a shared file refuses all who use it."""
        for problem in problems:
            self.problems.append(problem)
            if problem.severity == "error":
                bad = [
                    file for file, dialplan in self.good.items() if problem.file in (file, *dialplan.files)
                ]
                for file in bad:
                    del self.good[file]

    def refuse_taken(self, before: Mapping[str, shelf.LiveLine]) -> None:
        """A line that stays on its last good version holds the numbers of that version."""
        while True:
            good = {dialplan.key for dialplan in self.good.values()}
            held = {number: key for key in before.keys() & self.keys - good for number in before[key].numbers}
            clashes = [
                problem
                for file, dialplan in self.good.items()
                for problem in taken_numbers(file, dialplan, held)
            ]
            if not clashes:
                return
            self.refuse(clashes)


def _texts(dialplan: Dialplan, now: datetime) -> list[str]:
    return all_texts(dialplan, (now - _ELSEWHERE).date(), GREETING_DAYS + 2)


def _of_closings(dialplan: Dialplan, rows: Sequence[Closure], now: datetime) -> list[str]:
    closings = [Closing(row.begins_at, row.ends_at, row.reason) for row in rows if row.line == dialplan.key]
    first = (now - _ELSEWHERE).date()
    return by_the_clock(dialplan, first, GREETING_DAYS + 2, closings) if closings else []


def _live_line(dialplan: Dialplan) -> shelf.LiveLine:
    return shelf.LiveLine(
        key=dialplan.key,
        tenant=dialplan.line.tenant,
        name=dialplan.line.name,
        numbers=tuple(line_numbers(dialplan)),
        hash=dialplan.hash,
        source=dialplan.source,
    )


def _log(published: Published, by: str) -> None:
    for problem in published.problems:
        log.warning("a dialplan has a problem", extra={"problem": str(problem)})
    for line in published.live:
        log.info("a dialplan went live", extra={"line": line, "by": by})
    for line in published.withdrawn:
        log.info("a line was withdrawn", extra={"line": line, "by": by})
