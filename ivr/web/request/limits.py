"""How often the public form takes something: from one address, for one number, for one mail address."""

from collections import deque
from dataclasses import dataclass, field

REMEMBERED = 10_000  # addresses, or numbers; those that were heard of longest ago are forgotten first


@dataclass(slots=True)
class Window:
    """At most `most` in `seconds`. In memory: a restart forgets, and several web processes count each for itself."""

    most: int
    seconds: float
    _times: dict[str, deque[float]] = field(default_factory=dict)

    def is_full(self, key: str, now: float) -> bool:
        return len(self._recent(key, now)) >= self.most

    def count(self, key: str, now: float) -> None:
        times = self._recent(key, now)
        times.append(now)
        self._times.pop(key, None)
        self._times[key] = times
        while len(self._times) > REMEMBERED:
            del self._times[next(iter(self._times))]

    def _recent(self, key: str, now: float) -> deque[float]:
        times = self._times.get(key, deque[float]())
        while times and times[0] <= now - self.seconds:
            times.popleft()
        return times


@dataclass(slots=True)
class Limits:
    """`now`: of a clock that only goes on, in seconds."""

    sent: Window = field(default_factory=lambda: Window(20, 600.0))
    asked: Window = field(default_factory=lambda: Window(1, 3600.0))
    hourly: Window = field(default_factory=lambda: Window(3, 3600.0))
    daily: Window = field(default_factory=lambda: Window(6, 86400.0))

    def may_send(self, address: str, now: float) -> bool:
        """Counts every form that came from `address`, right or wrong."""
        if self.sent.is_full(address, now):
            return False
        self.sent.count(address, now)
        return True

    def may_ask(self, request: str, *about: str, now: float) -> bool:
        """`about`: the number and the mail address of a form that is right, counted once a `request`."""
        if self.asked.is_full(request, now):
            return True  # it is sent again
        if any(window.is_full(one, now) for window in (self.hourly, self.daily) for one in about):
            return False
        self.asked.count(request, now)
        for one in about:
            self.hourly.count(one, now)
            self.daily.count(one, now)
        return True
