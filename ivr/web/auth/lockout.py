"""Slows down guessing: after five wrong passwords a name must wait, from that address."""

from collections import deque
from dataclasses import dataclass, field

TRIES = 5
WINDOW = 300.0  # seconds
REMEMBERED = 10_000  # names and addresses; the oldest are forgotten first


@dataclass(slots=True)
class Lockout:
    """In memory: a restart forgets, and several web processes count each for itself."""

    _tries: dict[tuple[str, str], deque[float]] = field(default_factory=dict)

    def admit(self, name: str, address: str, now: float) -> bool:
        """Counts a try before the password is looked at, so that parallel tries count too."""
        tries = self._tries.pop((name, address), deque())
        while tries and tries[0] <= now - WINDOW:
            tries.popleft()
        self._tries[name, address] = tries
        while len(self._tries) > REMEMBERED:
            del self._tries[next(iter(self._tries))]
        if len(tries) >= TRIES:
            return False
        tries.append(now)
        return True

    def forget(self, name: str, address: str) -> None:
        self._tries.pop((name, address), None)
