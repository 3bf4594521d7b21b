"""What the engine tells each second: that it lives, who waits, and which agents' telephones are registered.

Asterisk is asked and its events are not listened to: who subscribes to endpoints is sent every channel of theirs, too.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from ivr.asterisk.ari import Ari, AriRefused, Json
from ivr.clock import Clock
from ivr.engine import Engine
from ivr.errors import IvrError, StoreError
from ivr.store import agents, health
from ivr.store.database import Store

log = logging.getLogger("ivr.engine")

EVERY = 1.0  # seconds

Registered = Callable[[str], bool | None]
"""Of "PJSIP/tanaka" whether it can be rung; None: Asterisk does not tell."""


async def report(store: Store, clock: Clock, desk: Engine) -> None:
    """The engine's row, until cancelled: `ok` means that Asterisk answered within this second."""
    while True:
        known, ok = await asked(desk.ari)
        detail = {
            "calls": len(desk.calls),
            "lines": len(desk.lines),
            "draining": desk.draining,
            "queues": desk.queues.crowd(),
        }
        try:
            async with store.write() as session:
                now = clock.now()
                if known is not None:
                    await agents.note_telephones(session, known, now)
                await health.beat(session, "engine", now, ok=ok and not desk.draining, detail=detail)
        except StoreError as error:
            log.warning("the health row was not written", extra={"error": str(error)})
        await asyncio.sleep(EVERY)


async def asked(ari: Ari) -> tuple[Registered | None, bool]:
    """What is known of telephones, None if Asterisk did not answer; and whether it did."""
    try:
        async with asyncio.timeout(EVERY):
            await ari.http("GET", "asterisk/ping")
            return registered(await ari.http("GET", "endpoints")), ari.connected
    except AriRefused as error:  # an Asterisk without res_ari_endpoints still takes calls
        log.debug("Asterisk does not tell its endpoints", extra={"error": str(error)})
        return lambda endpoint: None, ari.connected  # nor does it count what another told before
    except (IvrError, TimeoutError):
        return None, False


def registered(endpoints: Sequence[Json]) -> Registered:
    """None of what Asterisk does not list, such as "Local/100@from-internal"."""
    states: dict[str, str] = {f"{one['technology']}/{one['resource']}": one["state"] for one in endpoints}

    def known(endpoint: str) -> bool | None:
        technology, _, resource = endpoint.partition("/")
        if endpoint not in states and (technology != "PJSIP" or "@" in resource or "/" in resource):
            return None
        return states.get(endpoint, "offline") != "offline"

    return known
