"""Talks that outlived their engine: nobody leads them, but their agents are not free."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from ivr.clock import Clock
from ivr.errors import AsteriskError, StoreError
from ivr.queues.roster import Roster

log = logging.getLogger("ivr.queues.talks")

LOOK = 1.0  # seconds


class OldTalks:
    """`legs`: the agents' telephones that are in use now, each with its call. `freed`: told when all others are free."""

    def __init__(
        self,
        roster: Roster,
        clock: Clock,
        legs: Callable[[], Awaitable[Mapping[str, str]]],
        freed: Callable[[], None] = lambda: None,
    ) -> None:
        self._freed = freed
        self._roster = roster
        self._clock = clock
        self._legs = legs

    async def adopt(self, running: Collection[str]) -> None:
        """Frees all agents but those of the calls `running` and of old talks, and these when they hang up."""
        legs: dict[str, str] | None = None
        while legs is None or legs:
            try:
                there = await self._legs()
                if legs is None:
                    legs = {leg: call for leg, call in there.items() if call not in running}
                    await self._roster.release_all(self._clock.now(), keep={*running, *legs.values()})
                    self._freed()
                for leg in legs.keys() - there.keys():
                    await self._roster.finish_talk(legs[leg], self._clock.now())
                    del legs[leg]
            except (AsteriskError, StoreError) as error:
                log.warning("old talks are looked at later", extra={"error": str(error)})
            await asyncio.sleep(LOOK)
