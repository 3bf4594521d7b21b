"""The dialplans that stand beside each other: what `goto` leads to, and what that proves of all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ivr.dialplan import graph, patience
from ivr.dialplan.model import Dialplan, Elsewhere, Step


def reached(dialplan: Dialplan) -> list[Dialplan]:
    """Itself, and all that callers come to from it as far as they were read with it."""
    return dialplan.beside.reached(dialplan.key) if dialplan.beside else [dialplan]


def walked(dialplan: Dialplan, path: Sequence[str]) -> Iterator[tuple[Dialplan, str]]:
    """The steps of a call's path that began in `dialplan`, each with its dialplan; keys are left out."""
    here: Dialplan | None = dialplan
    for entry in path:
        line, _, name = entry.rpartition(":")
        if line:
            here = next((each for each in reached(dialplan) if each.key == line), None)
        if here is not None and name in here.steps:
            yield here, name


@dataclass(frozen=True)
class _Spot:
    """A step of one of several lines, as `graph` sees it; names are "LINE:STEP"."""

    ways: Mapping[str, str]
    by_caller: frozenset[str]
    serves: bool

    def exits(self) -> Mapping[str, str]:
        return self.ways

    def caller_exits(self) -> frozenset[str]:
        return self.by_caller


class Beside:
    """The dialplans of one directory, or of all live lines, by key."""

    def __init__(self, dialplans: Iterable[Dialplan]) -> None:
        self.by_key = {dialplan.key: dialplan for dialplan in dialplans}

    @cached_property
    def _gotos(self) -> Mapping[str, Mapping[str, Elsewhere]]:
        """Line -> its steps that lead to another line."""
        found: dict[str, dict[str, Elsewhere]] = {}
        for key, dialplan in self.by_key.items():
            ways = {name: where for name, step in dialplan.steps.items() if (where := step.leads_out())}
            if ways:
                found[key] = ways
        return found

    @cached_property
    def _entered(self) -> Mapping[str, set[str]]:
        """Line -> its steps to which others lead."""
        found: dict[str, set[str]] = {}
        for ways in self._gotos.values():
            for where in ways.values():
                if where.step is not None:
                    found.setdefault(where.line, set()).add(where.step)
        return found

    def starts(self, dialplan: Dialplan) -> list[str]:
        """The steps of `dialplan` to which other lines lead and which it has."""
        return [name for name in self._entered.get(dialplan.key, ()) if name in dialplan.steps]

    def reached(self, key: str) -> list[Dialplan]:
        """The line itself, and all that callers come to from it."""
        seen = {key}
        waiting = [key]
        for each in waiting:
            targets = {where.line for where in self._gotos.get(each, {}).values()}
            waiting += sorted(targets & self.by_key.keys() - seen)
            seen |= targets
        return [self.by_key[each] for each in waiting if each in self.by_key]

    def never_served(self, dialplan: Dialplan, starts: Iterable[str]) -> list[str]:
        """Its reachable steps from which no way, through whatever lines, leads to a person, a message or a goodbye."""
        if dialplan.key not in self._gotos:
            return graph.never_served(dialplan.steps, *starts)
        here = f"{dialplan.key}:"
        spots = self._spots(self.reached(dialplan.key))
        names = graph.never_served(spots, *(here + name for name in starts))
        return [name.removeprefix(here) for name in names if name.startswith(here)]

    def circles(self, dialplan: Dialplan) -> list[list[str]]:
        """Loops through this line and another one without the caller's doing; each begins in this line."""
        if dialplan.key not in self._gotos:
            return []
        here = f"{dialplan.key}:"
        round_about = [
            each
            for each in self.reached(dialplan.key)
            if any(back.key == dialplan.key for back in self.reached(each.key))
        ]
        found = []
        for circle in graph.circles(self._spots(round_about)):
            mine = [index for index, name in enumerate(circle) if name.startswith(here)]
            if mine and len(mine) < len(circle):
                found.append([*circle[mine[0] :], *circle[: mine[0]]])
        return found

    @cached_property
    def menus_heard(self) -> Mapping[str, float]:
        """ "LINE:STEP" -> as `graph.heard_in_a_row`, menus of other lines before it among them."""
        return graph.heard_in_a_row(self._spots(self.by_key.values()), self._lengths)

    @cached_property
    def menus_to_come(self) -> Mapping[str, float]:
        """ "LINE:STEP" -> as `graph.to_come`."""
        return graph.to_come(self._spots(self.by_key.values()), self._lengths)

    @cached_property
    def _lengths(self) -> Mapping[str, float]:
        return {
            f"{key}:{name}": seconds
            for key, dialplan in self.by_key.items()
            for name, seconds in patience.lengths(dialplan.steps).items()
        }

    def _spots(self, dialplans: Iterable[Dialplan]) -> dict[str, _Spot]:
        chosen = {dialplan.key: dialplan for dialplan in dialplans}
        return {
            f"{key}:{name}": _spot(key, step, chosen)
            for key, dialplan in chosen.items()
            for name, step in dialplan.steps.items()
        }


def _spot(key: str, step: Step, chosen: Mapping[str, Dialplan]) -> _Spot:
    ways = {way: f"{key}:{target}" for way, target in step.exits().items()}
    where = step.leads_out()
    there = chosen.get(where.line) if where else None
    if where and there:
        ways["goto"] = f"{there.key}:{there.entry(where)}"
    # That a line is not there is an error of its own, or nobody knows.
    unknown = where is not None and there is None
    return _Spot(ways, step.caller_exits(), step.serves or unknown)
