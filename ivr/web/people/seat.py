"""What the bar shows of the user's telephone: its state, and what it may be set to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from ivr.store import agents
from ivr.store.agents import State
from ivr.web.keys import CLOCK, SEAT

WORDS: Final[dict[State, str]] = {
    "available": "受付可",
    "away": "離席",
    "talking": "通話中",
    "wrap_up": "後処理",
}
SHAPES: Final[dict[State, str]] = {"available": "●", "away": "○", "talking": "▶", "wrap_up": "◔"}
REASONS: Final = ("休憩", "食事", "会議", "研修", "ほかの業務")


@dataclass(frozen=True, slots=True)
class Seat:
    """`ends`: seconds since the epoch at which the state is over by itself, and `left` from now to then."""

    state: State
    reason: str | None
    since: datetime
    ends: int | None
    left: int | None
    back: str
    unregistered: bool

    @property
    def word(self) -> str:
        return WORDS[self.state]

    @property
    def shape(self) -> str:
        return SHAPES[self.state]


def seat(request: web.Request) -> Seat | None:
    """None for somebody without a telephone."""
    row = request.get(SEAT)
    if row is None:
        return None
    now = request.app[CLOCK].now()
    found = agents.standing(row, now)
    return Seat(
        found.state,
        found.reason,
        found.since,
        int(found.ends.timestamp()) if found.ends else None,
        max(0, round((found.ends - now).total_seconds())) if found.ends else None,
        request.query.get("next", "") if request.path == "/me/state" else request.path_qs,
        found.reason == agents.UNREGISTERED_REASON,
    )
