"""What a step may use beyond the caller: the line, its calendars, the other rooms."""

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.call import CallState, Journal, Mailbox, Seats
from ivr.clock import Clock
from ivr.dialplan.greeting import closed_greeting
from ivr.dialplan.model import LineModel
from ivr.dialplan.texts import parts
from ivr.hours.calendar import Calendar


@dataclass(frozen=True)
class Desk:
    key: str  # the dialplan's file name without ending
    line: LineModel
    calendars: Mapping[str, Calendar]
    clock: Clock
    mailbox: Mailbox
    seats: Seats
    journal: Journal

    def speak(self, state: CallState, text: str) -> list[str]:
        """`text` of the YAML with its values filled in, as the parts that are spoken one by one."""
        closed = None
        if "{closed_greeting}" in text:
            closed = closed_greeting(self.calendar(state), self.clock.now())
        return parts(text, line=self.line, closed=closed)

    def calendar(self, state: CallState) -> Calendar:
        """The hours that the call passed last, else the line's first."""
        passed = state.variables.get("hours") or next(iter(self.calendars))
        return self.calendars[passed]
