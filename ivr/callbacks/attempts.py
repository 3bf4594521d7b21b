"""When to ring again a customer who was not reached."""

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta

from ivr.callbacks.policy import Attempts, Policy
from ivr.callbacks.results import NO_NEXT, Result
from ivr.callbacks.wishes import EVENING, NOON, band, wished

TURNS = 200  # parts of days looked at; then the rule about them is given up


def exhausted(tries: Sequence[datetime], policy: Policy) -> bool:
    """Whether a supervisor is to decide: so many attempts, over so many days. `tries`: since the person was last reached."""
    rules = policy.rules.attempts
    return len(tries) >= rules.most and _days(tries, policy) >= rules.days


def next_attempt(
    result: Result, tries: Sequence[datetime], policy: Policy, priority: str, wish: str | None = None
) -> datetime | None:
    """After the last of `tries`, which ended with `result`; None: none any more, or none that helps.

    Busy (話中): soon. Else in the part of the day that the customer wishes, or in another one than the last, in
    business hours and when customers are rung. The last attempt is kept for a further business day if all
    were made on too few.
    """
    if result in NO_NEXT or exhausted(tries, policy):
        return None
    rules, last = policy.rules.attempts, tries[-1]
    earliest = last + (rules.busy if result == "busy" else rules.absent)
    if _keeps_a_day(tries, policy, rules):
        earliest = max(earliest, _next_day(last, policy))
    span = wished(wish)

    def suits(at: datetime) -> bool:
        if span is not None:
            return span[0] <= at.astimezone(policy.zone).time() < span[1]
        return band(at, policy.zone) != band(last, policy.zone)

    if result == "busy":
        return _first(earliest, policy, priority, lambda at: True)
    return _first(earliest, policy, priority, suits, span[0] if span else None) or _first(
        earliest, policy, priority, lambda at: True
    )


def _days(tries: Sequence[datetime], policy: Policy) -> int:
    return len({at.astimezone(policy.zone).date() for at in tries})


def _keeps_a_day(tries: Sequence[datetime], policy: Policy, rules: Attempts) -> bool:
    missing = rules.days - _days(tries, policy)
    return missing > 0 and rules.most - len(tries) <= missing


def _next_day(at: datetime, policy: Policy) -> datetime:
    """The opening of the next business day; without business hours midnight."""
    midnight = _midnight(at, policy)
    business = policy.business
    if business is None or business.state(midnight).open:
        return midnight
    return business.next_open(midnight) or midnight


def _midnight(at: datetime, policy: Policy) -> datetime:
    tomorrow = at.astimezone(policy.zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), policy.zone)


def _first(
    earliest: datetime,
    policy: Policy,
    priority: str,
    suits: Callable[[datetime], bool],
    wish: time | None = None,
) -> datetime | None:
    """The first moment from `earliest` on that suits and at which customers are rung; None if there is none soon."""
    window = policy.window(priority)
    business = None if window.always else policy.business
    at: datetime | None = earliest
    for _ in range(TURNS):
        if at is None:
            return None
        allowed = window.following(at)
        if allowed != at:
            at = allowed
        elif business is not None and not business.state(at).open:
            at = business.next_change(at)
        elif suits(at):
            return at
        else:
            at = _next_part(at, policy, wish)
    return None


def _next_part(at: datetime, policy: Policy, wish: time | None) -> datetime:
    """Where the next part of a day begins, or the one that is wished."""
    local = at.astimezone(policy.zone)
    begins = sorted({NOON, EVENING, *([wish] if wish else [])})
    for begin in begins:
        if local.time() < begin:
            return datetime.combine(local.date(), begin, policy.zone)
    return _midnight(at, policy)
