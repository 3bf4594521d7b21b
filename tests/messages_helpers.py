"""What the tests of messages share: a call as far as a mailbox sees it, recordings, hours, a clock."""

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np

from ivr.call import Call, Caller, CallState, Cause
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.lines import Lines
from ivr.notify.notices import Notices, Ways
from ivr.store import dialplans
from ivr.store.database import Store
from tests.speech import speak, wav

# A Tuesday, 20:00 in Tokyo: closed. One business day later is Wednesday 17:00 in Tokyo, 08:00 UTC.
EVENING = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
NUMBER = "+819012345678"

OFFICE = {"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-17:00"}, "holidays": "JP"}


class ManualClock:
    """Stands still until the test moves it."""

    def __init__(self, now: datetime = EVENING) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


@dataclass
class Visit:
    """The part of a Call that a mailbox reads."""

    id: str
    caller: Caller
    state: CallState
    wakes: list[str] = field(default_factory=list)


def visit(call_id: str = "ivr-1.1", *, number: str | None = NUMBER, cause: Cause | None = "closed") -> Call:
    caller = Caller(number, None if number else "anonymous")
    path = ["welcome", "office", "menu", "#1", "product", "#2", "support", "busy_message"]
    state = CallState(call_id, "ecforce", "0" * 64, step="busy_message", cause=cause, path=path)
    return cast(Call, Visit(call_id, caller, state))


def calendars(line: str, hours: str | None) -> Calendar | None:
    if line != "ecforce" or hours not in (None, "office"):
        return None
    return Calendar(HoursModel.model_validate(OFFICE))


async def publish(store: Store, key: str = "ecforce", number: str = "+815031859080") -> None:
    line = dialplans.LiveLine(key, key, key, (number,), "0" * 64, "line: {}")
    async with store.write() as session:
        await dialplans.publish(session, line, at=EVENING, by="test")


def no_notices(store: Store, recordings: Path) -> Notices:
    """Nobody is told of anything."""
    return Notices(store, Lines(), Ways(None, None, "http://127.0.0.1:8080", recordings), ManualClock())


def said(path: Path, text: str = "もしもし、田中です。折り返しお電話ください。") -> Path:
    """What Asterisk records of somebody who speaks."""
    path.write_bytes(wav(np.concatenate([np.zeros(8000, np.int16), speak(text)]).tobytes(), 8000))
    return path


def unsaid(path: Path, seconds: float = 3.0) -> Path:
    """What Asterisk records of a caller who is silent."""
    path.write_bytes(wav(bytes(int(8000 * seconds) * 2), 8000))
    return path


def cut_off(path: Path) -> Path:
    """As Asterisk leaves a recording when it is killed: the sizes in the header are 0."""
    data = path.read_bytes()
    assert data[36:40] == b"data"
    path.write_bytes(data[:4] + struct.pack("<I", 0) + data[8:40] + struct.pack("<I", 0) + data[44:])
    return path


def e164(number: str) -> str | None:
    return "+81" + number[1:] if number.startswith("0") else None
