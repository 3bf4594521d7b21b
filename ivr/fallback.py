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
    starts = [(dialplan, dialplan.start)]
    there, hours = next(_steps(starts, HoursStep), (dialplan, None))
    queues = list(_steps(starts, Queue))
    groups = {queue.agents for _, queue in queues}
    until = now + AHEAD
    is_open = [(now - timedelta(days=1), until)]
    if hours is not None:
        calendar = Calendar(there.hours[hours.hours], closings)
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
        promise_open=_promise(
            dialplan, [(each, queue.otherwise) for each, queue in queues[:1]] or starts, hours
        ),
        promise_closed=_promise(dialplan, [(there, hours.closed)] if hours else starts, hours, is_open=False),
    )


Place = tuple[Dialplan, str]  # a step by name


def _promise(
    dialplan: Dialplan, starts: Sequence[Place], hours: HoursStep | None, *, is_open: bool = True
) -> CallbackPromise:
    """Of the first voicemail that a caller comes to from there; else of any of the line; else what is usual.

    The message will be one of `dialplan`, whose hours alone can be named.
    """
    found = [step for _, step in _steps(starts, Voicemail)]
    found += [step for step in dialplan.steps.values() if isinstance(step, Voicemail)]
    callback = found[0].callback if found else Voicemail.model_fields["callback"].default
    rules = dialplan.line.callbacks
    names = (callback.hours, rules.hours, hours.hours if hours else None, next(iter(dialplan.hours), None))
    name = next((name for name in names if name in dialplan.hours), None)
    due = callback.due or rules.response(callback.priority, is_open=is_open)
    return CallbackPromise(callback.priority, due, name)


def _steps(starts: Sequence[Place], kind: type[S]) -> Iterator[tuple[Dialplan, S]]:
    """The steps of this type that can be reached, the nearest first, also in lines that a goto leads to."""
    waiting = [*starts]
    seen = {(dialplan.key, name) for dialplan, name in waiting}
    for dialplan, name in waiting:
        step = dialplan.steps[name]
        if isinstance(step, kind):
            yield dialplan, step
        following = [(dialplan, target) for target in step.exits().values()]
        where = step.leads_out()
        there = dialplan.beside.by_key.get(where.line) if where and dialplan.beside else None
        if where and there:
            following.append((there, there.entry(where)))
        for each, target in following:
            if (each.key, target) not in seen:
                seen.add((each.key, target))
                waiting.append((each, target))
