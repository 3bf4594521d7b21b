"""The one place that every call to a telephone outside passes: how it is rung, and whether its trunk has a place left."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Container, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from ivr.asterisk.ari import Ari
from ivr.asterisk.channel import AGENT
from ivr.errors import AsteriskError
from ivr.outside import NOWHERE, NoWay, Outside, Way

log = logging.getLogger("ivr.asterisk.ways")

NoPlace = Literal["full", "unknown"]
"""Every channel that was ordered is used; or Asterisk did not say how many are."""


class Ways:
    def __init__(self, ari: Ari, outside: Outside = NOWHERE) -> None:
        self._ari = ari
        self._outside = outside
        self._held: dict[str, Counter[str]] = {}
        self._looking = asyncio.Lock()

    def of_transfer(self, number: str, ours: str) -> Way | None:
        """As `Outside.of_transfer`."""
        return self._outside.of_transfer(number, ours)

    def to_person(self, number: str, ours: str) -> Way | NoWay:
        """As `Outside.to_person`."""
        return self._outside.to_person(number, ours)

    @asynccontextmanager
    async def holding(self, id: str, *ways: Way) -> AsyncIterator[NoPlace | None]:
        """Keeps places on the trunks of `ways` inside, or says why there are none; both ways count there.

        `id`: what the ids of the calls to come have before AGENT. Calls count by what Asterisk has, so those of other engines
        do, too, but for places that another one keeps and rings nobody on yet: then the carrier refuses.
        """
        async with self._looking:
            refused = await self._hold(id, Counter(way.trunk for way in ways if way.channels), ways)
        try:
            yield refused
        finally:
            self._held.pop(id, None)

    async def _hold(self, id: str, wanted: Counter[str], ways: Sequence[Way]) -> NoPlace | None:
        held = {other: places for other, places in self._held.items() if other != id}
        try:
            used = await in_use(self._ari, {*held, id}) if wanted else Counter[str]()
        except AsteriskError as error:
            log.warning("a trunk cannot be looked at", extra={"call_id": id, "error": str(error)})
            return "unknown"
        used += sum(held.values(), Counter[str]())
        if any(used[way.trunk] + wanted[way.trunk] > way.channels for way in ways if way.channels):
            return "full"
        self._held[id] = wanted
        return None


async def in_use(ari: Ari, but: Container[str] = ()) -> Counter[str]:
    """Trunk -> its calls, both ways; without those that belong to a call of `but`, for which places are kept."""
    used: Counter[str] = Counter()
    for channel in await ari.http("GET", "channels"):
        call, belongs, _ = channel["id"].partition(AGENT)
        if not (belongs and call in but):
            used[channel["name"].partition("/")[2].rpartition("-")[0]] += 1
    return used
