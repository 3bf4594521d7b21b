"""Talks that outlived their engine: nobody leads them, but their agents are not free."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from ivr.clock import Clock
from ivr.errors import AsteriskError, StoreError
from ivr.queues.roster import Roster

log = logging.getLogger("ivr.queues.talks")

LOOK = 1.0  # seconds
LEG = "-a-"  # in the id of an agent's channel: CALL-a-AGENT


class OldTalks:
    """`channels`: the ids of all channels there are now."""

    def __init__(
        self, roster: Roster, clock: Clock, channels: Callable[[], Awaitable[Collection[str]]]
    ) -> None:
        self._roster = roster
        self._clock = clock
        self._channels = channels

    async def adopt(self, running: Collection[str]) -> None:
        """Frees all agents but those of the calls `running` and of old talks, and these when they hang up."""
        legs: dict[str, str] | None = None
        while legs is None or legs:
            try:
                there = await self._legs()
                if legs is None:
                    legs = {leg: call for leg, call in there.items() if call not in running}
                    await self._roster.release_all(self._clock.now(), keep={*running, *legs.values()})
                for leg in legs.keys() - there.keys():
                    await self._roster.finish_talk(legs[leg], self._clock.now())
                    del legs[leg]
            except (AsteriskError, StoreError) as error:
                log.warning("old talks are looked at later", extra={"error": str(error)})
            await asyncio.sleep(LOOK)

    async def _legs(self) -> dict[str, str]:
        """Agent's channel -> call."""
        return {id: id.partition(LEG)[0] for id in await self._channels() if LEG in id}
