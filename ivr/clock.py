"""The time, and the only place that reads it.

`IVR_CLOCK=2026-11-24T11:00+09:00` moves the wall clock of all processes of an
instance: the guard turns it once into `IVR_CLOCK_OFFSET` (seconds), which its
children inherit, so that a restarted process does not start the day again.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

JAPAN = ZoneInfo("Asia/Tokyo")


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump with the wall clock."""


class SystemClock:
    def __init__(self, offset: float = 0.0) -> None:
        """`offset` in seconds is added to the machine's wall clock."""
        self._offset = timedelta(seconds=offset)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic()


def iso(at: datetime | None) -> str | None:
    """For people and programs: ISO 8601 in Japanese time, to the second."""
    return None if at is None else at.astimezone(JAPAN).isoformat(timespec="seconds")


def offset_for(start: datetime) -> float:
    """Seconds to add to the machine's clock so that it shows `start` (aware) now."""
    return (start - datetime.now(UTC)).total_seconds()
