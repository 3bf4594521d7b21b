"""Where a call's path goes, in memory. Like ivr/journal.py it writes a running call a moment late and as it
stands then; a kill before that loses the change."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ivr.call import Call
from tests.fakes.virtual_time import Life

BATCH = 0.05  # seconds


@dataclass
class Ledger:
    """What the store knows of all calls; it outlives engines."""

    saved: dict[str, str] = field(default_factory=dict)  # call id -> JSON of its CallState
    entered: list[tuple[float, str, str | None]] = field(default_factory=list)  # loop time, call id, step
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)  # call id -> last state and keys


class FakeJournal:
    def __init__(self, ledger: Ledger, life: Life | None = None) -> None:
        self._ledger = ledger
        self._life = life or Life()

    def started(self, call: Call, at: datetime) -> None:
        self.entered(call)

    def entered(self, call: Call) -> None:
        if not self._life.ended:
            loop = asyncio.get_running_loop()
            self._ledger.entered.append((loop.time(), call.id, call.state.step))
            loop.call_later(BATCH, self._write, call)

    def ended(self, call: Call, at: datetime) -> None:
        if not self._life.ended:
            self._ledger.ended[call.id] = call.state.as_json()

    def _write(self, call: Call) -> None:
        if not self._life.ended and call.id not in self._ledger.ended:
            self._ledger.saved[call.id] = json.dumps(call.state.as_json())
