"""What a process orders of another, and carrying it out: rows of the store, looked at on a wake-up and now and then."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr.clock import Clock
from ivr.errors import IvrError, StoreError
from ivr.store import orders
from ivr.store.database import Store
from ivr.store.tables import Order
from ivr.wake import WakeUp, wake

log = logging.getLogger("ivr.orders")

EVERY = 2.0  # seconds; a wake-up may be lost
PATIENCE = 300.0  # seconds: the prompts of a large dialplan are spoken first
START = 20.0  # seconds that a process which does not listen may take to start again
LOOK_EVERY = 0.05  # seconds, while somebody waits for the end of an order

CarryOut = Callable[[Order], Awaitable[None]]


async def ask(
    store: Store, run_dir: Path, recipient: str, kind: str, data: dict[str, Any], now: datetime
) -> str | None:
    """Orders, wakes, and waits for the end: what was refused, or None. IvrError if nobody carries it out."""
    async with store.write() as session:
        order_id = await orders.put(session, recipient, kind, data, now)
    patience = PATIENCE if wake(run_dir, recipient) else START
    try:
        async with asyncio.timeout(patience):
            return await _ended(store, order_id)
    except TimeoutError:
        raise IvrError(
            f"nobody carries out the {kind}: is `ivr run` running on this data directory? It does so when it starts"
        ) from None


async def _ended(store: Store, order_id: int) -> str | None:
    while True:
        async with store.read() as session:
            order = await orders.get(session, order_id)
        if order is not None and order.done_at is not None:
            return order.error
        await asyncio.sleep(LOOK_EVERY)


async def serve(run_dir: Path, store: Store, clock: Clock, recipient: str, carry_out: CarryOut) -> None:
    """Until cancelled. `carry_out` may be given an order twice, and may raise IvrError: the order then failed."""
    woken = asyncio.Event()
    ear = WakeUp(run_dir, recipient)
    await ear.listen(woken.set)
    try:
        while True:
            woken.clear()
            try:
                await do_pending(store, clock, recipient, carry_out)
            except StoreError as error:
                log.warning("orders wait for the store", extra={"error": str(error)})
            try:
                async with asyncio.timeout(EVERY):
                    await woken.wait()
            except TimeoutError:
                continue
    finally:
        ear.close()


async def do_pending(store: Store, clock: Clock, recipient: str, carry_out: CarryOut) -> None:
    """Raises StoreError only; what an order raises becomes its error."""
    async with store.read() as session:
        pending = await orders.pending(session, recipient)
    for order in pending:
        error: str | None = None
        try:
            await carry_out(order)
        except (IvrError, OSError, TimeoutError) as failure:
            error = str(failure) or repr(failure)
            log.error("an order failed", extra={"order": order.kind, "error": error})
        async with store.write() as session:
            await orders.done(session, order.id, clock.now(), error)
