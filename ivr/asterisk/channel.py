"""One channel of ours in Asterisk, and the one way to wait for something about it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from ivr.asterisk.ari import Ari, AriRefused, Json
from ivr.call import CallerHungUp
from ivr.errors import AsteriskError

log = logging.getLogger("ivr.asterisk.channel")

AGENT = "-a-"  # in the id of an agent's channel, after the caller's; Asterisk makes no such id itself
GONE = frozenset({"StasisEnd", "ChannelDestroyed"})


class Channel:
    """Listens to the channel `id` until `close`; `changed` wakes whoever waits in `until`."""

    def __init__(self, ari: Ari, id: str) -> None:
        self.id = id
        self.ari = ari
        self.up = False  # entered our application
        self.leaving = False  # somebody hangs up; what fails from now on fails because of that
        self.gone = False
        self.vanished = False  # gone while the link was broken: by a hang-up, or with Asterisk
        self.cause = 0  # why it ended: Q.850, 0 while it lives
        self.status = 0  # with which the other side refused: SIP's, 0 if Asterisk does not tell
        self._waiter: asyncio.Future[None] | None = None
        ari.listen(id, self.on_event)

    def on_event(self, event: Json) -> None:
        kind = event["type"]
        if kind == "StasisStart":
            self.up = True
        elif kind == "ChannelHangupRequest":
            self.leaving = True
        elif kind in GONE:
            self.gone = True
            self.cause = event.get("cause", 0) or self.cause
            self.status = event.get("tech_cause", 0) or self.status
        self.changed()

    def changed(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def until(self, ready: Callable[[], Any], limit: float | None = None) -> bool:
        """True when `ready()`; False after `limit` seconds; CallerHungUp if the channel is gone first."""
        loop = asyncio.get_running_loop()
        deadline = None if limit is None else loop.time() + limit
        while not ready():
            if self.gone:
                raise CallerHungUp
            remaining = None if deadline is None else deadline - loop.time()
            if remaining is not None and remaining <= 0:
                return False
            self._waiter = loop.create_future()
            timer = None if remaining is None else loop.call_later(remaining, self.changed)
            try:
                await self._waiter
            finally:
                if timer is not None:
                    timer.cancel()
        return True

    async def hang_up(self) -> None:
        """Idempotent; a channel that is already gone is what was wanted."""
        if not self.gone:
            try:
                await self.ari.send("DELETE", f"channels/{self.id}")
            except AsteriskError as error:
                log.warning("could not hang up", extra={"channel": self.id, "error": str(error)})

    def close(self) -> None:
        self.ari.forget(self.id)


async def quietly(request: Any, what: str) -> None:
    """Awaits a request of clean-up: the thing being gone is fine, anything else is logged."""
    try:
        await request
    except AriRefused as error:
        if error.status != 404:
            log.warning("clean-up was refused", extra={"what": what, "error": str(error)})
    except (AsteriskError, TimeoutError) as error:
        log.warning("clean-up failed", extra={"what": what, "error": repr(error)})
