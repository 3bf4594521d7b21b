"""What a step may use beyond the caller: the line, its calendars, the other rooms."""

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.call import CallState, Journal, Mailbox, Seats
from ivr.clock import Clock
from ivr.dialplan.model import LineModel
from ivr.dialplan.texts import BY_THE_CLOCK, digit_parts, parts, values
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

    def speak(self, state: CallState, text: str, hours: str | None = None) -> list[str]:
        """`text` of the YAML with its values filled in, as the parts that are spoken one by one.

        `hours`: by name; None: those that the call passed last.
        """
        said: dict[str, list[str]] = {}
        for name in values(text):
            if say := BY_THE_CLOCK.get(name):
                calendar = self.calendars[hours] if hours else self.calendar(state)
                said[name] = [say(calendar, self.clock.now())]
            else:
                said[name] = digit_parts(state.entered(name))
        return parts(text, line=self.line, said=said)

    def calendar(self, state: CallState) -> Calendar:
        """The hours that the call passed last, else the line's first."""
        passed = state.variables.get("hours") or next(iter(self.calendars))
        return self.calendars[passed]
