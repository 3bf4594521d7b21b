"""A caller's data deleted at their request: audio, text, names and numbers. Anonymous calls stay for the statistics.

Every piece has its proof. It may be done again: what a killed command had begun is finished, by the jobs process, too.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import service
from ivr.callbacks.states import CLOSED, ON_THE_LINE
from ivr.callbacks.who import Who
from ivr.clock import JAPAN
from ivr.disclosure.find import AT_ONCE, Found, named
from ivr.errors import BadArgument, Conflict
from ivr.messages.retention import Retention, day
from ivr.store import deletions
from ivr.store.database import Store
from ivr.store.deletions import SENT, Cause
from ivr.store.tables import CallbackRow, CallRow, Delivery, MessageRow


def require(found: Found, *, cancel_open: bool) -> Sequence[str]:
    """Tickets that are to be cancelled first. Conflict that says what stands in the way."""
    running = [row.id for row in found.calls if row.ended_at is None]
    recording = [row.id for row in found.messages if row.state == "recording"]
    if running or recording:
        raise Conflict(
            "this number is on the line now, or its message is still being recorded; try again in a few minutes"
        )
    found.require_apart()
    busy = [row.ticket for row in found.callbacks if row.state in ON_THE_LINE]
    if busy:
        raise Conflict(f"somebody is on the telephone for {named(busy)}; try again afterwards")
    open_ = [row.ticket for row in found.callbacks if row.state not in CLOSED]
    if open_ and not cancel_open:
        raise Conflict(
            f"{named(open_)} is still to be rung back; finish it on the page, or cancel it with --cancel-open"
        )
    return open_


def require_no_number(found: Found, *texts: str) -> None:
    """The proofs must not hold what they prove the deletion of."""
    digits = found.number.removeprefix("+81").removeprefix("+")
    for text in texts:
        if digits in re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", text)):
            raise BadArgument("--why and --by go into the proof of the deletion and must not hold the number")


async def delete(
    store: Store,
    retention: Retention,
    found: Found,
    *,
    by: str,
    why: str,
    cancel: Sequence[str],
    now: datetime,
) -> dict[str, int]:
    """How much of each kind. `cancel`: from `require`."""
    cause = Cause(now, by, why, f"お客様のご依頼により削除しました（{day(now, JAPAN)}）")
    async with store.write() as session:
        for ticket in cancel:
            who = Who(by, found.tenant, supervisor=True)
            await service.cancel(session, ticket, who=who, why=why, now=now)
        await _stop_notices(session, found)
    count = dict.fromkeys(("audio", "texts", "remarks", "notices", "numbers"), 0)
    for ids in _parts([row.id for row in found.messages]):
        theirs = [MessageRow.id.in_(ids)]
        count["audio"] += await retention.delete_audio(theirs, cause)
        async with store.write() as session:
            count["texts"] += await deletions.texts(session, theirs, AT_ONCE, cause)
            count["numbers"] += await deletions.numbers(session, MessageRow, theirs, AT_ONCE, cause)
    for ids in _parts([row.ticket for row in found.callbacks]):
        about = [CallbackRow.ticket.in_(ids)]
        async with store.write() as session:
            count["remarks"] += await deletions.remarks(session, about, AT_ONCE, cause)
            count["numbers"] += await deletions.callback_numbers(session, about, AT_ONCE, cause)
    for notices in _parts([str(row.id) for row in found.deliveries]):
        async with store.write() as session:
            told = [Delivery.id.in_([int(id) for id in notices])]
            count["notices"] += await deletions.told(session, told, AT_ONCE, cause)
    for ids in _parts([row.id for row in found.calls]):
        async with store.write() as session:
            calls = [CallRow.id.in_(ids)]
            count["numbers"] += await deletions.numbers(session, CallRow, calls, AT_ONCE, cause)
    return count


async def _stop_notices(session: AsyncSession, found: Found) -> None:
    """Nobody is told any more; what is on its way at this instant arrives."""
    for ids in _parts([str(row.id) for row in found.deliveries if row.state not in SENT]):
        theirs = [Delivery.id.in_([int(id) for id in ids]), Delivery.state.not_in(SENT)]
        await session.execute(update(Delivery).where(*theirs).values(state="spared", next_at=None))


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE)]
