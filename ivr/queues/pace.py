"""How long a caller of a group will wait, by how long its agents were busy with each of the last callers.

Known to this engine alone, and forgotten with it: until KNOWN_FROM callers were served nothing is said.
"""

from collections import defaultdict, deque
from datetime import timedelta

from ivr.store.agents import Staffing

LAST = 20  # callers whose talks are remembered
KNOWN_FROM = 3  # callers; fewer say nothing about the next
WRAP_UP = 30.0  # seconds after a talk, as agents have them unless told otherwise


Group = tuple[str, str | None]
"""A group and the company whose callers it takes."""


class Pace:
    def __init__(self) -> None:
        self._talks: defaultdict[Group, deque[float]] = defaultdict(lambda: deque(maxlen=LAST))

    def talked(self, group: Group, seconds: float) -> None:
        self._talks[group].append(seconds)

    def knows(self, group: Group) -> bool:
        return len(self._talks[group]) >= KNOWN_FROM

    def wait(self, group: Group, ahead: int, staffing: Staffing) -> timedelta | None:
        """Of a caller with `ahead` others before him. None: too few talks, or nobody is staffed."""
        agents = staffing.available + staffing.reserved + staffing.talking + staffing.wrap_up
        if staffing.available > ahead:
            return timedelta()
        if not self.knows(group) or not agents:
            return None
        talks = self._talks[group]
        busy = sum(talks) / len(talks) + WRAP_UP
        return timedelta(seconds=busy * (ahead + 1) / agents)
