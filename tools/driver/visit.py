"""One running desk and everybody who telephones with it at the same time."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tools.driver import people
from tools.driver.dialplan import Line, Names
from tools.driver.instance import Instance
from tools.driver.people import Call, Caller, Outcome, Talk
from tools.driver.sip import SipError, Telephone

SERVED = {  # what becomes of the callers of a group of the main line
    "talks": "its one agent talks to somebody",
    "silent": "its one agent does not answer",
    "nobody": "nobody is there",
}


@dataclass
class Desk:
    """Two lines. `groups`: of SERVED -> name of the main line's group; the small line has one of its own."""

    main: Line
    small: Line
    groups: dict[str, str]


class Visit:
    """`complaints`: what somebody on the telephone had to notice and did not."""

    def __init__(self, instance: Instance, desk: Desk, dice: random.Random, sentences: list[str]) -> None:
        self._instance = instance
        self._desk = desk
        self._dice = dice
        self._say = sentences.pop
        self.complaints: list[str] = []

    def closed(self) -> list[Outcome]:
        desk = self._desk
        known, withheld, mute = self._caller(), self._caller(desk.small, withheld=True), self._caller()
        return self._together(
            [
                partial(people.closed_message, known, "finds the desk closed", self._say()),
                partial(
                    people.closed_message, withheld, "finds it closed, withholds the number", self._say()
                ),
                partial(people.say_nothing, mute, "says nothing"),
            ]
        )

    def open(self) -> list[Outcome]:
        names, small = Names(self._dice), next(iter(self._desk.small.destinations))
        groups = self._desk.groups
        talks, silent, spare, other, absent = (names.new("") for _ in range(5))
        staff = {
            talks: (groups["talks"], "yes"),
            silent: (groups["silent"], self._dice.choice(("never", "declines"))),
            spare: (small, "yes"),
            other: (small, "never"),
            absent: (groups["nobody"], self._dice.choice(("is away", "has no telephone"))),
        }
        if self._dice.random() < 0.3:
            del staff[absent]
        telephones = self._staff(staff)
        try:
            return self._office_hours(telephones[talks], telephones[spare], staff[silent][1])
        finally:
            for telephone in telephones.values():
                telephone.close()

    def _staff(self, staff: dict[str, tuple[str, str]]) -> dict[str, Telephone]:
        """`staff`: name -> group, and what the agent does when rung; the telephones of those who have one."""
        instance = self._instance
        with ThreadPoolExecutor(2) as adding:
            added = adding.map(lambda name: instance.add_agent(name, staff[name][0]), staff)
            passwords = dict(zip(staff, added, strict=True))
        telephones = {}
        for name, (_, does) in staff.items():
            if does == "is away":
                instance.ivr("agent", "set", name, "away")
            elif does != "has no telephone":
                telephones[name] = Telephone(instance.sip, name, passwords[name], answers=does)
                telephones[name].register()
        return telephones

    def _office_hours(self, talker: Telephone, spare: Telephone, silent: str) -> list[Outcome]:
        main, small = self._desk.main, self._desk.small
        to = {what: main.destinations[group] for what, group in self._desk.groups.items()}
        alone = next(iter(small.destinations.values()))
        message, say, caller = people.queue_message, self._say, self._caller
        talk, small_talk = Talk(witnesses=3), Talk(witnesses=1)
        late = partial(message, caller(), "comes while the agent talks", "busy", say(), to["talks"])
        asks = partial(message, caller(), "presses the queue's key", "asked", say(), to["talks"], asks=True)
        full = partial(message, caller(small), "comes beyond the capacity", "busy", say(), alone)
        nobody = partial(message, caller(), "comes where nobody is", "no_agent", say(), to["nobody"])
        silence = f"is not answered (the agent {silent} answers)"
        return self._together(
            [
                partial(people.talk, caller(), "talks", to["talks"], talker, talk),
                talk.meanwhile(late),
                talk.meanwhile(asks),
                talk.meanwhile(
                    partial(people.hang_up_in_queue, caller(), "hangs up in the queue", to["talks"])
                ),
                partial(people.talk, caller(small), "talks on the small line", alone, spare, small_talk),
                small_talk.meanwhile(full),
                nobody,
                partial(message, caller(), silence, "no_answer", say(), to["silent"]),
                partial(people.hang_up_in_menu, caller(), "hangs up in the menu", to["talks"].way),
            ]
        )

    def _caller(self, line: Line | None = None, *, withheld: bool = False) -> Caller:
        return Caller.new(self._instance, line or self._desk.main, self._dice, withheld=withheld)

    def _together(self, calls: Sequence[Call]) -> list[Outcome]:
        """All at the same time; whoever complains does not stop the others."""
        outcomes = []
        with ThreadPoolExecutor(len(calls)) as everybody:
            for future in [everybody.submit(call) for call in calls]:
                try:
                    outcomes.append(future.result())
                except (people.Failed, SipError) as error:
                    self.complaints.append(str(error))
        return outcomes
