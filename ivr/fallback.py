"""What the fallback must know of a line: a dialplan and its agents, reduced to what a script can follow.

The fallback asks no keys: open, it rings the agents of every queue of the line; closed, or when
nobody answers, it takes a message with the promise that the dialplan makes there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from ivr.asterisk.bundle import BundleLine
from ivr.call import CallbackPromise
from ivr.dialplan.check import line_numbers
from ivr.dialplan.model import Dialplan
from ivr.hours.calendar import Calendar
from ivr.hours.closings import Closing
from ivr.steps.hours import HoursStep
from ivr.steps.queue import Queue
from ivr.steps.voicemail import Voicemail

S = TypeVar("S")

AHEAD = timedelta(days=2 * 366)


@dataclass(frozen=True, slots=True)
class Telephone:
    """An agent's; `tenant` None serves every tenant."""

    endpoint: str
    groups: Sequence[str]
    tenant: str | None


def bundle_line(
    dialplan: Dialplan, telephones: Sequence[Telephone], now: datetime, closings: Sequence[Closing] = ()
) -> BundleLine:
    """`telephones`: of the agents who are not away, in the order in which they shall ring.

    Open is what the first `hours` step says that a caller comes to, without the time of sudden
    `closings`; a line without one is always open.
    CalendarError if its calendar cannot tell two years.
    """
    hours = next(_steps(dialplan, dialplan.start, HoursStep), None)
    queues = list(_steps(dialplan, dialplan.start, Queue))
    groups = {queue.agents for queue in queues}
    until = now + AHEAD
    is_open = [(now - timedelta(days=1), until)]
    if hours is not None:
        calendar = Calendar(dialplan.hours[hours.hours], closings)
        first, last = (at.astimezone(calendar.zone).date() for at in (now - timedelta(days=1), until))
        is_open = calendar.open_intervals(first, last)
    return BundleLine(
        key=dialplan.key,
        tenant=dialplan.line.tenant,
        name=dialplan.line.name,
        dialplan=dialplan.hash,
        numbers=list(line_numbers(dialplan)),
        open=[(begin.astimezone(UTC), end.astimezone(UTC)) for begin, end in is_open],
        until=until,
        queues=bool(queues),
        telephones=[
            one.endpoint
            for one in telephones
            if groups & set(one.groups) and one.tenant in (None, dialplan.line.tenant)
        ],
        promise_open=_promise(dialplan, queues[0].otherwise if queues else dialplan.start, hours),
        promise_closed=_promise(dialplan, hours.closed if hours else dialplan.start, hours),
    )


def _promise(dialplan: Dialplan, start: str, hours: HoursStep | None) -> CallbackPromise:
    """Of the first voicemail that a caller comes to from `start`; else of any; else what is usual."""
    found = next(_steps(dialplan, start, Voicemail), None)
    if found is None:
        found = next((step for step in dialplan.steps.values() if isinstance(step, Voicemail)), None)
    callback = found.callback if found else Voicemail.model_fields["callback"].default
    name = callback.hours or (hours.hours if hours else next(iter(dialplan.hours), None))
    return CallbackPromise(callback.priority, callback.due, name)


def _steps(dialplan: Dialplan, start: str, kind: type[S]) -> Iterator[S]:
    """The steps of this type that can be reached from `start`, the nearest first."""
    seen, waiting = {start}, [start]
    while waiting:
        step = dialplan.steps[waiting.pop(0)]
        if isinstance(step, kind):
            yield step
        new = [name for name in dict.fromkeys(step.exits().values()) if name not in seen]
        seen.update(new)
        waiting += new
