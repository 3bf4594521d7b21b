"""What this room keeps between requests: the live lines, how crowded they are, and who has sent how much."""

import logging
from dataclasses import dataclass, field

from aiohttp import web

from ivr.clock import Clock
from ivr.errors import StoreError
from ivr.lines import Lines, LiveLine
from ivr.store.database import Store
from ivr.web.request.crowd import Crowd
from ivr.web.request.limits import Limits

log = logging.getLogger("ivr.web")

FRESH_FOR = 2.0  # seconds; strangers must not make us read every dialplan at each request


@dataclass
class Door:
    store: Store
    clock: Clock
    crowd: Crowd
    limits: Limits = field(default_factory=Limits)
    lines: Lines = field(default_factory=Lines)
    _read_at: float | None = None

    async def line(self, key: str) -> LiveLine | None:
        """As it is live, at most FRESH_FOR ago, or longer while the store does not answer. StoreError before it ever did."""
        now = self.clock.monotonic()
        if self._read_at is None or now >= self._read_at + FRESH_FOR:
            try:
                await self.lines.reload(self.store)
                self._read_at = now
            except StoreError:
                if self._read_at is None:
                    raise
                log.warning("the store does not answer; the form goes on with the lines that are known")
        return self.lines.get(key)


DOOR = web.AppKey("door", Door)


def opened(store: Store, clock: Clock) -> Door:
    return Door(store, clock, Crowd(store, clock))
