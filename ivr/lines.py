"""The live lines as a process of calls sees them: who answers which number, by which version.

A set is swapped whole; a running call keeps the version that it began with.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from ivr.call import CallbackPromise, since_goto
from ivr.callbacks.policy import Policy
from ivr.clock import JAPAN
from ivr.dialplan.callbacks import CallbackRules
from ivr.dialplan.form import CustomerMails
from ivr.dialplan.load import load_text
from ivr.dialplan.model import CallbackModel, Dialplan, LineModel
from ivr.dialplan.notices import NoticeRule
from ivr.dialplan.reading import ReadingRules
from ivr.dialplan.retention import RetentionRules
from ivr.errors import IvrError
from ivr.hours import official
from ivr.hours.calendar import Calendar
from ivr.hours.closings import Closing
from ivr.steps import STEPS
from ivr.steps.queue import Queue
from ivr.steps.voicemail import Voicemail
from ivr.store import closures, dialplans
from ivr.store.database import Store
from ivr.store.tables import CallRow, Closure, Line

log = logging.getLogger("ivr.lines")


@dataclass(frozen=True)
class LiveLine:
    """`usual` are the calendars of the dialplan, `calendars` those without the time of sudden closings."""

    dialplan: Dialplan
    usual: Mapping[str, Calendar]
    calendars: Mapping[str, Calendar]
    closings: tuple[Closing, ...] = ()

    @classmethod
    def read(cls, key: str, source: str) -> "LiveLine":
        dialplan = load_text(f"{key}.yaml", source, STEPS)
        calendars = {name: Calendar(hours) for name, hours in dialplan.hours.items()}
        return cls(dialplan, calendars, calendars)

    def closed(self, closings: tuple[Closing, ...]) -> "LiveLine":
        """Itself if these are its closings."""
        if closings == self.closings:
            return self
        calendars = {name: Calendar(hours, closings) for name, hours in self.dialplan.hours.items()}
        return replace(self, calendars=calendars if closings else self.usual, closings=closings)


def as_closings(rows: Sequence[Closure]) -> tuple[Closing, ...]:
    return tuple(Closing(row.begins_at, row.ends_at, row.reason) for row in rows)


def groups_of(dialplan: Dialplan) -> set[str]:
    return {step.agents for step in dialplan.steps.values() if isinstance(step, Queue)}


class Lines:
    def __init__(self) -> None:
        self.tenants: dict[str, str] = {}  # line -> tenant; never shrinks, old calls still need theirs
        self._by_key: dict[str, LiveLine] = {}
        self._holidays: official.OfficialList | None = None  # by which the calendars were made
        self._by_number: dict[str, LiveLine] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def answering(self, number: str | None) -> LiveLine | None:
        """The line of a dialled number (E.164)."""
        return self._by_number.get(number) if number else None

    def get(self, key: str) -> LiveLine | None:
        return self._by_key.get(key)

    def keys(self) -> list[str]:
        return sorted(self._by_key)

    def calendar(self, line: str, hours: str | None) -> Calendar | None:
        """None if the line does not live or has no such hours; `hours` None means its first."""
        live = self._by_key.get(line)
        if live is None:
            return None
        return live.calendars.get(hours or next(iter(live.calendars), ""))

    def notices(self, line: str) -> Sequence[NoticeRule]:
        """Who is told of what; nobody, if the line does not live."""
        live = self._by_key.get(line)
        return live.dialplan.line.notify if live else ()

    def customers(self) -> dict[str, CustomerMails]:
        """Line -> what its customers are told of; of lines that tell them anything."""
        told = {key: live.dialplan.line.customers for key, live in self._by_key.items()}
        return {key: rules for key, rules in told.items() if rules is not None}

    def closings(self, line: str) -> Sequence[Closing]:
        """臨時休業 that are not over."""
        live = self._by_key.get(line)
        return live.closings if live else ()

    def reading(self, line: str) -> ReadingRules:
        """How texts of its messages are read; as usual, if the line does not live."""
        live = self._by_key.get(line)
        return live.dialplan.line.reading if live else ReadingRules()

    def retention(self) -> dict[str, tuple[RetentionRules, ZoneInfo]]:
        """Line -> what it keeps how long, and the zone by whose days that is counted; of lines that delete anything."""
        return {
            key: (live.dialplan.line.retention, next((c.zone for c in live.usual.values()), JAPAN))
            for key, live in self._by_key.items()
            if live.dialplan.line.retention.any()
        }

    def promise(self, line: str, path: Sequence[str]) -> CallbackPromise:
        """What the last voicemail on `path` promises; what is usual if there was none."""
        live = self._by_key.get(line)
        steps = [live.dialplan.steps.get(name) for name in reversed(since_goto(path))] if live else []
        callback = next((step.callback for step in steps if isinstance(step, Voicemail)), CallbackModel())
        rules = self.callbacks(line)
        due = callback.due or rules.response(callback.priority, is_open=True)
        return CallbackPromise(callback.priority, due, callback.hours or rules.hours)

    def callbacks(self, line: str) -> CallbackRules:
        """As usual, if the line does not live."""
        live = self._by_key.get(line)
        return live.dialplan.line.callbacks if live else CallbackRules()

    def model(self, line: str) -> LineModel | None:
        """What its owner wrote under `line`; None if it does not live."""
        live = self._by_key.get(line)
        return live.dialplan.line if live else None

    def policy(self, line: str) -> Policy:
        """What its owner wrote about callbacks, with its calendars."""
        return Policy(self.callbacks(line), lambda hours: self.calendar(line, hours))

    def in_queue(self, line: str, path: Sequence[str]) -> bool:
        """Whether this path ends where a caller waits for an agent, as far as the live version of the line knows."""
        live = self._by_key.get(line)
        return live is not None and isinstance(live.dialplan.steps.get(since_goto(path)[-1]), Queue)

    def waited(self, call: CallRow) -> timedelta | None:
        """How long the caller stood in a queue when the call ended; None if that was not where it ended."""
        if not call.path or not call.path_times or call.ended_at is None:
            return None
        if not self.in_queue(call.line, call.path):
            return None
        return call.ended_at - call.started_at - timedelta(seconds=call.path_times[-1])

    def groups(self) -> list[str]:
        """Every group of agents that a live line rings."""
        return sorted({group for live in self._by_key.values() for group in groups_of(live.dialplan)})

    def knows(self, row: Line, closed: Sequence[Closure]) -> bool:
        """Whether a reload would change nothing of this line, which is so in the store."""
        live = self._by_key.get(row.key)
        same = live is not None and (live.dialplan.hash, live.closings) == (row.dialplan, as_closings(closed))
        return same and official.refresh() is self._holidays

    async def reload(self, store: Store) -> None:
        """Takes in what is live in the store; a line that cannot be read keeps its last good version."""
        async with store.read() as session:
            rows = await dialplans.live(session)
            closed = await closures.by_line(session)
        holidays = official.refresh()
        by_key: dict[str, LiveLine] = {}
        by_number: dict[str, LiveLine] = {}
        for row in rows:
            old = self._by_key.get(row.key)
            try:
                same = old is not None and old.dialplan.hash == row.hash and holidays is self._holidays
                # In a thread: a long file takes its time, and callers must not wait for it.
                line = (
                    old
                    if old is not None and same
                    else await asyncio.to_thread(LiveLine.read, row.key, row.source)
                )
            except IvrError as error:
                log.error("a live line cannot be read", extra={"line": row.key, "error": str(error)})
                if old is None:
                    continue
                line = old
            line = line.closed(as_closings(closed.get(row.key, ())))
            by_key[row.key] = line
            by_number |= dict.fromkeys(row.numbers, line)
            self.tenants[row.key] = row.tenant
        self._by_key, self._by_number, self._holidays = by_key, by_number, holidays
