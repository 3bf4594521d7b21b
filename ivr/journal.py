"""The one batching writer of calls: their path, their state, how they ended, and the alarms they are a sign of.

A power cut may cost the last 50 ms of a path; messages and callbacks never go this way.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ivr import alerts
from ivr.call import BY_DEFAULT, Call
from ivr.clock import Clock
from ivr.errors import StoreError
from ivr.store import calls
from ivr.store.database import Store

log = logging.getLogger("ivr.journal")

BATCH = 0.05  # seconds that a change may wait for others
STORE_IS_AWAY = 1.0  # seconds between tries while the store takes nothing


class StoreJournal:
    """Implements `Journal`; `run` writes until cancelled, `flush` writes what is left.

    `tenants`: line -> tenant. A running call is written as it stands when its batch is: steps are
    re-enterable, so a state from the middle of a step is as good as one from its beginning.
    """

    def __init__(self, store: Store, engine: str, tenants: Mapping[str, str], clock: Clock) -> None:
        self._store = store
        self._engine = engine
        self._tenants = tenants
        self._clock = clock
        self._started: dict[str, datetime] = {}
        self._times: dict[str, list[float]] = {}  # seconds from the start for what is on the path by now
        self._running: dict[str, Call] = {}
        self._ended: dict[str, dict[str, Any]] = {}
        self._unknown: dict[str, str] = {}  # number that no line has, as dialled -> the line that took it
        self._something = asyncio.Event()

    def started(self, call: Call, at: datetime) -> None:
        self._started[call.id] = at
        if BY_DEFAULT in call.state.variables:
            self._unknown[call.dialled] = call.state.line
        self.entered(call)

    def entered(self, call: Call) -> None:
        self._running[call.id] = call
        self._note_times(call, self._clock.now())
        self._something.set()

    def ended(self, call: Call, at: datetime) -> None:
        self._running.pop(call.id, None)
        self._note_times(call, at)
        self._ended[call.id] = self._row(call, at)
        self._started.pop(call.id, None)
        self._times.pop(call.id, None)
        self._something.set()

    async def run(self) -> None:
        while True:
            await self._something.wait()
            await asyncio.sleep(BATCH)
            try:
                await self.flush()
            except StoreError as error:
                log.error("calls wait for the store", extra={"error": str(error), "calls": len(self._ended)})
                await asyncio.sleep(STORE_IS_AWAY)

    async def flush(self) -> None:
        """Raises StoreError and keeps everything if the store does not take it; so when it is cancelled."""
        self._something.clear()
        running, self._running = self._running, {}
        ended, self._ended = self._ended, {}
        unknown, self._unknown = self._unknown, {}
        rows = [self._row(call, None) for call in running.values() if call.id in self._started]
        rows += ended.values()
        try:
            if rows:
                async with self._store.write() as session:
                    await calls.save(session, rows)
                    now = self._clock.now()
                    await alerts.of_calls(session, list(ended.values()), now)
                    await alerts.of_numbers(session, unknown, now)
        except BaseException:  # a stop cancels the writer in the middle, and `flush` is called once more
            self._running = {**running, **self._running}
            self._ended = {**ended, **self._ended}
            self._unknown = {**unknown, **self._unknown}
            self._something.set()
            raise

    def _note_times(self, call: Call, at: datetime) -> None:
        started = self._started.get(call.id)
        if started is None:
            return
        path, times = call.state.path, self._times.setdefault(call.id, [])
        del times[len(path) :]  # the call went back on its path
        passed = round((at - started).total_seconds(), 1)
        times += [passed] * (len(path) - len(times))

    def _row(self, call: Call, ended_at: datetime | None) -> dict[str, Any]:
        state, keys = call.state, call.keys
        return {
            "id": call.id,
            "line": state.line,
            "tenant": self._tenants.get(state.line, ""),
            "dialplan": state.dialplan,
            "number": call.caller.number,
            "withheld": call.caller.withheld,
            "dialled": call.dialled,
            "engine": self._engine,
            "started_at": self._started[call.id],
            "ended_at": ended_at,
            "outcome": state.outcome,
            "cause": state.cause,
            "path": list(state.path),
            "path_times": list(self._times.get(call.id, ())),
            "state": None if ended_at else state.as_json(),
            "keys_received": keys.received,
            "keys_used": keys.used,
            "keys_emptied": keys.emptied,
            "answers": dict(state.answers) or None,
        }
