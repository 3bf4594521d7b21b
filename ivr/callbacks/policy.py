"""What the owner of a line wrote about its callbacks, together with its calendars. The models are the dialplan's."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from ivr.callbacks.due import due_at
from ivr.clock import JAPAN
from ivr.errors import CalendarError
from ivr.hours.calendar import Calendar

log = logging.getLogger("ivr.callbacks")

ALWAYS = "always"


class Target(Protocol):
    """Times as in `ivr.callbacks.due`; `outside`: the response for who asks while the line is closed."""

    @property
    def response(self) -> str: ...
    @property
    def outside(self) -> str | None: ...
    @property
    def resolution(self) -> str | None: ...
    @property
    def news(self) -> timedelta | None: ...


class Attempts(Protocol):
    @property
    def most(self) -> int: ...
    @property
    def days(self) -> int: ...
    @property
    def busy(self) -> timedelta: ...
    @property
    def absent(self) -> timedelta: ...


class Limits(Protocol):
    @property
    def per_day(self) -> int: ...
    @property
    def at_once(self) -> int: ...


class Abandoned(Protocol):
    @property
    def after(self) -> timedelta: ...


class Escalation(Protocol):
    @property
    def near(self) -> timedelta: ...
    @property
    def second(self) -> timedelta: ...
    @property
    def third(self) -> timedelta: ...


class Rules(Protocol):
    """`line: callbacks:` of a dialplan."""

    @property
    def hours(self) -> str | None: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def abandoned(self) -> Abandoned | None: ...
    @property
    def escalation(self) -> Escalation: ...

    @property
    def duty(self) -> Sequence[str]: ...

    def target(self, priority: str) -> Target: ...

    def response(self, priority: str, *, is_open: bool) -> str: ...

    def dialled(self, priority: str) -> tuple[time, time] | str: ...


@dataclass(frozen=True)
class Policy:
    """Of one line. `calendar`: by the name of its hours, None: its first; None if there is no such one."""

    rules: Rules
    calendar: Callable[[str | None], Calendar | None]

    @property
    def business(self) -> Calendar | None:
        return self.calendar(self.rules.hours)

    @property
    def zone(self) -> ZoneInfo:
        business = self.business
        return business.zone if business else JAPAN

    def due(self, priority: str, asked: datetime) -> datetime | None:
        """By when work must have begun for who asks then; None, and logged, if no calendar can tell."""
        business = self.business
        try:
            is_open = business is None or business.state(asked).open
            return due_at(self.rules.response(priority, is_open=is_open), asked, business)
        except CalendarError as error:
            log.error("no due time can be counted", extra={"reason": str(error)})
            return None

    def window(self, priority: str) -> "Window":
        when = self.rules.dialled(priority)
        if when == ALWAYS:
            return Window(None, None, self.zone)
        if isinstance(when, str):
            return Window(None, self.calendar(when), self.zone, by_hours=True)
        return Window(when, None, self.zone)


Policies = Callable[[str], Policy]
"""By the key of a line, also of one that does not live any more."""


@dataclass(frozen=True)
class Window:
    """When customers are rung."""

    span: tuple[time, time] | None
    hours: Calendar | None
    zone: ZoneInfo
    by_hours: bool = False

    @property
    def always(self) -> bool:
        return self.span is None and not self.by_hours

    def allows(self, at: datetime) -> bool:
        """Hours that are not there allow nothing."""
        if self.span is not None:
            return self.span[0] <= at.astimezone(self.zone).time() < self.span[1]
        if self.by_hours:
            return self.hours is not None and self.hours.state(at).open
        return True

    def following(self, at: datetime) -> datetime | None:
        """`at` itself if it is allowed, else the next moment that is; None: never."""
        if self.allows(at):
            return at
        if self.span is None:
            return self.hours.next_change(at) if self.hours else None
        local = at.astimezone(self.zone)
        day = local.date() if local.time() < self.span[0] else local.date() + timedelta(days=1)
        return datetime.combine(day, self.span[0], self.zone)
