"""How long a line keeps what its callers leave; `ivr/messages/retention.py` deletes it."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from ivr.dialplan.part import Part

_KEEP = re.compile(r"0|(\d{1,4})\s*(h|d|y)")
_PATTERN = r"^(0|\d{1,4} ?[hdy])$"
LONGEST = 100  # years


@dataclass(frozen=True, slots=True)
class Keep:
    """`d` and `y` are whole days of the line's zone, the day itself not counted; `h` goes by the clock."""

    amount: int
    unit: str  # h | d | y

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}" if self.amount else "0"

    def ends(self, now: datetime, zone: ZoneInfo) -> datetime:
        """What came in before this moment is not kept any longer."""
        if not self.amount:
            return now
        if self.unit == "h":
            return now - timedelta(hours=self.amount)
        today = now.astimezone(zone).date()
        first = today - timedelta(days=self.amount) if self.unit == "d" else _years_before(today, self.amount)
        return datetime.combine(first, time(), zone)


def _years_before(today: date, years: int) -> date:
    """29 February, where the year has none: 1 March, for what came in on the 28th has had its year by then."""
    try:
        return today.replace(year=today.year - years)
    except ValueError:
        return date(today.year - years, 3, 1)


def parse_keep(value: object) -> object:
    if isinstance(value, Keep):
        return value
    text = str(value).strip()
    found = _KEEP.fullmatch(text)
    if found is None:
        if re.fullmatch(r"\d+", text):
            raise ValueError(f'"{text}" has no unit; did you mean "{text}d"?')
        raise ValueError(
            f'"{text}" is no time to keep something; write for example "90d", "2y", "12h" or "0"'
        )
    keep = Keep(int(found[1] or 0), found[2] or "d")
    if keep.amount * {"h": 1, "d": 24, "y": 8766}[keep.unit] > LONGEST * 8766:
        raise ValueError(
            f'"{text}" is longer than {LONGEST} years; leave it out to keep it until it is deleted by hand'
        )
    return keep


Kept = Annotated[
    Keep,
    BeforeValidator(
        parse_keep,
        json_schema_input_type=Annotated[str, Field(pattern=_PATTERN, examples=["90d", "1y", "0"])]
        | Literal[0],
    ),
]


class RetentionRules(Part):
    """How long it is kept; what is left out is kept until somebody deletes it."""

    audio: Kept | None = None
    """recordings, the copies made of them and their waveforms"""
    text: Kept | None = None
    """texts of messages, what was read out of them, what is written in callbacks and notices"""
    calls: Kept | None = None
    """callers' numbers; what is left of a call afterwards tells nobody's, and serves the statistics"""

    def any(self) -> bool:
        return any(keep is not None for keep in (self.audio, self.text, self.calls))
