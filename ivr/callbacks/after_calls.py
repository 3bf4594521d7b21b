"""What calls that are over mean for callbacks: read from the calls' own rows, once a minute, so that no crash loses it.

Who gave up waiting is rung back where the line says so; who got through needs that no more; who rang while a
callback is open has asked once more. Twice does no harm.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from ivr.callbacks import abandoned, asking
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.policy import Policies
from ivr.callbacks.states import CLOSED
from ivr.store import calls_and_callbacks as store
from ivr.store.database import Store
from ivr.store.tables import CallRow

BEHIND = timedelta(days=1)  # how old a call may be of which nothing was made yet

Waited = Callable[[CallRow], timedelta | None]
"""How long the caller of an abandoned call had waited for an agent when it ended; None: he did not wait."""


async def look(database: Store, policies: Policies, waited: Waited, now: datetime) -> None:
    since = now - BEHIND
    async with database.read() as session:
        lines = [one for one in await store.lines_left(session, since) if policies(one).rules.abandoned]
        gone = await store.abandoned(session, since, lines)
        through = await store.got_through(session, since, sorted(CLOSED))
    for call in gone:
        policy, wait = policies(call.line), waited(call)
        if policy.rules.abandoned is not None and wait is not None and wait >= policy.rules.abandoned.after:
            async with database.write() as session:
                await abandoned.gave_up(session, _about(call), wait, policy=policy, now=now)
    async with database.read() as session:  # by now without those that were made above
        again = await store.rang_again(session, since, sorted(CLOSED))
    for call in again:
        async with database.write() as session:
            await asking.rang(session, _about(call), now)
    for call in through:
        async with database.write() as session:
            caller = {"tenant": call.tenant, "line": call.line, "number": call.number or ""}
            await abandoned.got_through(session, **caller, now=now)


def _about(call: CallRow) -> MessageFacts:
    return MessageFacts(
        id=call.id,
        line=call.line,
        tenant=call.tenant,
        cause=call.cause or call.outcome,  # somebody answered, or the caller left: nothing stood in the way
        number=call.number,
        received_at=call.ended_at or call.started_at,
        withheld=call.withheld,
        call_id=call.id,
        path=call.path,
    )
