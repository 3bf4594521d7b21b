"""Files every message that its writer did not file: crashed, frozen, without a store, or written by the fallback.

Runs in the jobs process at start and every 10 s. It takes only what nobody writes: sidecars it can lock,
and recordings that did not change for QUIET seconds. Two of them at once do no harm.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import select

from ivr.call import CallbackPromise, Cause
from ivr.clock import Clock
from ivr.errors import IvrError
from ivr.messages import filing
from ivr.messages.sidecar import BrokenSidecar, Facts, Sidecar, id_time, new_id
from ivr.store import events
from ivr.store.database import Store
from ivr.store.tables import Line, LineNumber, MessageRow

log = logging.getLogger("ivr.messages")

QUIET = 15.0  # seconds; Asterisk writes its recordings to the disk every 2 s
# Of a message whose dialplan's promise is not known (issue 2: what the example dialplan promises).
PROMISE = CallbackPromise("medium", "1 business day", None)
# asterisk_conf/extensions.conf: epoch_dialled_caller_uniqueid
_BARE = re.compile(r"(\d{9,11})_([+\d]*)_([+\d]*)_(.+)\.wav")


@dataclass(frozen=True, slots=True)
class Bare:
    """A recording whose facts stand in its name, see `sidecar.py`."""

    id: str
    at: datetime
    dialled: str
    caller: str
    call_id: str

    @classmethod
    def read(cls, name: str) -> "Bare | None":
        found = _BARE.fullmatch(name)
        if found is None:
            return None
        at = datetime.fromtimestamp(int(found[1]), UTC)
        id = new_id(at, int.from_bytes(sha256(name.encode()).digest()[:10]))
        return cls(id, at, found[2], found[3], found[4])


class Reconciler:
    def __init__(
        self,
        store: Store,
        recordings: Path,
        calendars: filing.Calendars,
        clock: Clock,
        to_e164: Callable[[str], str | None],
    ) -> None:
        """`to_e164` spells what was dialled, or who called, as the store does; None if it is no number."""
        self._store = store
        self._folder = recordings / "messages"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._calendars = calendars
        self._clock = clock
        self._to_e164 = to_e164
        # Path -> what was seen of it, and since when (monotonic) it has not changed.
        self._seen: dict[Path, tuple[object, float]] = {}

    async def run(self) -> int:
        """How many it filed or cleaned up. What fails is logged and tried again the next time."""
        names = await asyncio.to_thread(lambda: sorted(path.name for path in self._folder.iterdir()))
        filed = 0
        for name in names:
            path = self._folder / name
            if name.endswith(".json"):
                filed += await self._safely(path.stem, self._sidecar(path))
            elif name.startswith(".") and name.endswith(".tmp"):
                filed += await self._safely(name, self._torn(path))
            elif (bare := Bare.read(name)) is not None:
                filed += await self._safely(bare.id, self._bare(path, bare))
        there = set(names)
        self._seen = {path: seen for path, seen in self._seen.items() if path.name in there}
        return filed

    async def _safely(self, message_id: str, work: Awaitable[bool]) -> bool:
        """One that cannot be filed, for whatever reason, must not keep the others from it."""
        try:
            return await work
        except Exception as error:
            # Not the error's text: it may hold the numbers in a file's name or a statement.
            reason = {"message_id": message_id, "reason": type(error).__name__}
            log.error("a message could not be filed and waits for the next time", extra=reason)
            return False

    async def _sidecar(self, path: Path) -> bool:
        try:
            sidecar = await asyncio.to_thread(Sidecar.open, path)
        except BrokenSidecar:
            return await self._broken(path)
        if sidecar is None:
            return False
        try:
            facts = sidecar.facts
            if (
                facts.request is None
                and facts.state != "recorded"
                and not await self._quiet(path, facts.takes)
            ):
                return False
            await self._file(facts)
            await asyncio.to_thread(sidecar.remove)
            return True
        finally:
            sidecar.close()

    async def _file(self, facts: Facts) -> None:
        if facts.notice is not None:
            await filing.file_notice(self._store, facts, self._clock.now())
            log.info("a notice was adopted", extra={"call_id": facts.call_id})
            return
        if facts.request is not None:
            await filing.file_request(self._store, self._calendars, facts, self._clock.now())
            log.info("a callback that was asked for was adopted", extra={"call_id": facts.call_id})
            return
        ended = await asyncio.to_thread(filing.judge_takes, self._folder, facts, facts.ended_by)
        await asyncio.to_thread(filing.keep, self._folder, facts, ended)
        await filing.file(self._store, self._calendars, facts, ended, self._clock.now())
        log.info("a message was adopted", extra={"message_id": facts.id, "action": ended.state})

    async def _quiet(self, path: Path, takes: tuple[str, ...]) -> bool:
        """Whether none of these recordings changed for QUIET seconds that we watched."""

        def look() -> object:
            files = (self._folder / take for take in takes)
            return [(stat.st_size, stat.st_mtime_ns) for stat in (f.stat() for f in files if f.exists())]

        now, looks = self._clock.monotonic(), await asyncio.to_thread(look)
        before, since = self._seen.get(path, (None, now))
        if before != looks:
            since = now
        self._seen[path] = (looks, since)
        return now - since >= QUIET

    async def _torn(self, path: Path) -> bool:
        """An intent whose writer died before anybody heard a beep: there is nothing to file."""
        if not await self._quiet(path, (path.name,)):
            return False
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return True

    # -- without a sidecar ----------------------------------------------------------------

    async def _bare(self, path: Path, bare: Bare) -> bool:
        """The id comes from the name, and the file keeps its name until the row is there: once, whatever dies."""
        if not await self._quiet(path, (path.name,)):
            return False
        id = bare.id
        line = await self._line(bare.dialled)
        number = self._to_e164(bare.caller)
        facts = Facts(
            id=id,
            line=line,
            cause=self._cause_then(line, bare.at),
            number=number,
            origin="fallback",
            created_at=bare.at,
            call_id=bare.call_id,
            withheld=None if number else "anonymous",
            promise=PROMISE,
            takes=(f"{id}.wav",),
        )
        await asyncio.to_thread(_link, path, self._folder / f"{id}.wav")
        await self._file(facts)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return True

    async def _line(self, dialled: str | None) -> str:
        """The key of the line with this number; else the only line there is; else "", which the operator sees."""
        number = self._to_e164(dialled) if dialled else None
        async with self._store.read() as session:
            found = await session.scalar(select(LineNumber.line).where(LineNumber.number == number))
            lines = (await session.scalars(select(Line.key).limit(2))).all()
        if found is None:
            log.error("a recording does not tell its line")
        return found or (lines[0] if len(lines) == 1 else "")

    def _cause_then(self, line: str, at: datetime) -> Cause:
        """Open, and yet nobody answered; or closed. Unknown hours count as open: somebody should look."""
        try:
            calendar = self._calendars(line, None)
            return "no_agent" if calendar is None or calendar.state(at).open else "closed"
        except IvrError:
            log.exception("no calendar for a recording", extra={"line": line})
            return "no_agent"

    async def _broken(self, path: Path) -> bool:
        """What is left of a message: its row, its recording, the time in its id."""
        if not await self._quiet(path, (path.name, f"{path.stem}.wav")):
            return False
        log.error("a sidecar is broken and was put aside", extra={"message_id": path.stem})
        async with self._store.read() as session:
            row = await session.get(MessageRow, path.stem)
        if row is not None or (self._folder / f"{path.stem}.wav").exists():
            await self._file(await self._remains(path.stem, row))
        async with self._store.write() as session:
            data = {"what": "broken sidecar"}
            await events.put(session, "alarm", path.stem, data, self._clock.now())
        await asyncio.to_thread(path.replace, path.with_suffix(".json.broken"))
        return True

    async def _remains(self, id: str, row: MessageRow | None) -> Facts:
        takes = (f"{id}.wav", *(f"{id}-{number}.wav" for number in range(2, 10)))
        if row is None:
            at = id_time(id) or self._clock.now()
            line = await self._line(None)
            return Facts(id, line, "no_agent", None, "adopted", at, promise=PROMISE, takes=takes)
        return Facts(
            id,
            row.line,
            row.cause,  # type: ignore[arg-type]  # was one when it was written
            row.number,
            row.origin,
            row.created_at,
            call_id=row.call_id,
            withheld=row.withheld,
            promise=PROMISE,
            takes=takes,
        )


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return  # by the other reconciler, or before a crash
