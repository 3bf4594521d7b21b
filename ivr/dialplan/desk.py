"""What a step may use beyond the caller: the line, its calendars, the other rooms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ivr.call import NOBODY_READS, CallbackPromise, CallState, Journal, Mailbox, Place, Reader, Seats
from ivr.clock import Clock
from ivr.dialplan.callbacks import URGENT
from ivr.dialplan.model import CallbackModel, Dialplan, LineModel
from ivr.dialplan.reading import Priority
from ivr.dialplan.texts import (
    BY_THE_CLOCK,
    IN_A_QUEUE,
    ahead_parts,
    digit_parts,
    parts,
    values,
    wait_parts,
)
from ivr.hours.calendar import Calendar
from ivr.known import NOBODY_KNOWN, Customers
from ivr.staff import Closings, Retrieval

TICKET = "ticket"  # the variable of the state that holds the number of the callback, as texts say it


class Target(Protocol):
    """A line that a call can go on in."""

    @property
    def dialplan(self) -> Dialplan: ...

    @property
    def calendars(self) -> Mapping[str, Calendar]: ...


@dataclass(frozen=True)
class Desk:
    key: str  # the dialplan's file name without ending
    line: LineModel
    calendars: Mapping[str, Calendar]
    clock: Clock
    mailbox: Mailbox
    seats: Seats
    journal: Journal
    closings: Closings
    retrieval: Retrieval
    lines: Callable[[str], "Target | None"] = lambda key: None  # the live lines, by key
    reader: Reader = NOBODY_READS
    customers: Customers = NOBODY_KNOWN

    def speak(
        self, state: CallState, text: str, hours: str | None = None, place: Place | None = None
    ) -> list[str]:
        """`text` of the YAML with its values filled in, as the parts that are spoken one by one.

        `hours`: by name; None: those that the call passed last. `place`: of a caller in a queue.
        """
        said: dict[str, list[str]] = {}
        for name in values(text):
            if say := BY_THE_CLOCK.get(name):
                calendar = self.calendars[hours] if hours else self.calendar(state)
                said[name] = [say(calendar, self.clock.now())]
            elif name == "ticket":
                said[name] = digit_parts(state.variables.get(TICKET, ""))
            elif name in IN_A_QUEUE:
                said[name] = self._in_a_queue(name, place)
            else:
                said[name] = digit_parts(state.entered(name))
        return parts(text, line=self.line, said=said)

    def _in_a_queue(self, name: str, place: Place | None) -> list[str]:
        if place is None:
            return []
        if name == "position":
            return ahead_parts(place.ahead(), self.line.capacity)
        return wait_parts(place.expected_wait())

    def promise(
        self, state: CallState, callback: CallbackModel, urgent: Priority = URGENT
    ) -> CallbackPromise:
        """What the dialplan promises, by the hours that the call passed last unless it names some.

        `urgent`: the priority if the caller says by a key that it is urgent.
        """
        passed = state.variables.get("hours") or next(iter(self.calendars), None)
        hours = callback.hours or self.line.callbacks.hours or passed
        calendar = self.calendars.get(hours or "")
        is_open = calendar is None or calendar.state(self.clock.now()).open
        rules = self.line.callbacks
        due = callback.due or rules.response(callback.priority, is_open=is_open)
        by = rules.response(urgent, is_open=is_open)
        return CallbackPromise(callback.priority, due, hours, by, None if urgent == URGENT else urgent)

    def calendar(self, state: CallState) -> Calendar:
        """The hours that the call passed last, else the line's first."""
        passed = state.variables.get("hours") or next(iter(self.calendars))
        return self.calendars[passed]
