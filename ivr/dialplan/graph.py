"""What the ways between the steps prove: everybody arrives, and nobody goes round in circles."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ivr.dialplan.model import Step


class Spot(Protocol):
    """What has ways out: a step, or one of several lines."""

    @property
    def serves(self) -> bool: ...

    def exits(self) -> Mapping[str, str]: ...

    def caller_exits(self) -> frozenset[str]: ...


# A way out that is taken because the step did its work; "otherwise", "closed" and keys are not.
_DONE = "next"


def unreachable(steps: Mapping[str, Step], *starts: str) -> list[str]:
    seen = reach(steps, starts)
    return [name for name in steps if name not in seen]


def never_served(steps: Mapping[str, Spot], *starts: str) -> list[str]:
    """Reachable steps from which no way leads to a person, a message or a goodbye."""
    back: dict[str, list[str]] = {name: [] for name in steps}
    for name, step in steps.items():
        for target in step.exits().values():
            back[target].append(name)
    waiting = [name for name, step in steps.items() if step.serves]
    arriving = set(waiting)
    for name in waiting:
        waiting += [each for each in dict.fromkeys(back[name]) if each not in arriving]
        arriving.update(back[name])
    seen = reach(steps, starts)
    return [name for name in steps if name in seen and name not in arriving]


def cut_off(steps: Mapping[str, Step]) -> list[tuple[str, str]]:
    """(step, way out) by which a caller is hung up on without having heard a goodbye.

    A step without a way out that says nothing must follow one that did its work, and not an answer of the caller.
    """
    silent = {name for name, step in steps.items() if step.is_last and not step.says()}
    return [
        (name, way)
        for name, step in steps.items()
        for way, target in step.exits().items()
        if target in silent and (way != _DONE or way in step.caller_exits())
    ]


def circles(steps: Mapping[str, Spot]) -> list[list[str]]:
    """Loops that a call runs through without the caller's doing, each once, in the order of the file."""
    alone = {
        name: [target for way, target in step.exits().items() if way not in step.caller_exits()]
        for name, step in steps.items()
    }
    alone = _without_ends(alone)
    found: list[list[str]] = []
    known: set[str] = set()
    for name in alone:
        circle = way_back(alone, name)
        if circle and not known & set(circle):
            found.append(circle)
            known |= set(circle)
    return found


def _without_ends(ways: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What is left, again and again, without the names that lead nowhere: all circles, and what leads to one."""
    back: dict[str, list[str]] = {name: [] for name in ways}
    for name, targets in ways.items():
        for target in set(targets):
            back[target].append(name)
    open_ways = {name: len(set(targets)) for name, targets in ways.items()}
    ends = [name for name, count in open_ways.items() if count == 0]
    for end in ends:
        for name in back[end]:
            open_ways[name] -= 1
            if open_ways[name] == 0:
                ends.append(name)
    gone = set(ends)
    return {
        name: [target for target in targets if target not in gone]
        for name, targets in ways.items()
        if name not in gone
    }


def heard_in_a_row(steps: Mapping[str, Spot], own: Mapping[str, float]) -> dict[str, float]:
    """The most seconds of menus that a caller hears up to the end of each, with nothing but menus between.

    `own`: seconds of each menu; 0 for a step that says nothing. A way back to a menu that was heard is left out.
    """
    ways = {name: [target for target in steps[name].exits().values() if target in own] for name in own}
    place = {name: number for number, name in enumerate(_ancestors_first(ways))}
    heard = dict(own)
    for name in place:
        for target in ways[name]:
            if place[target] > place[name]:
                heard[target] = max(heard[target], heard[name] + own[target])
    return heard


def to_come(steps: Mapping[str, Spot], own: Mapping[str, float]) -> dict[str, float]:
    """The most seconds of menus that may follow each in a row; `own` and ways back as in `heard_in_a_row`."""
    ways = {name: [target for target in steps[name].exits().values() if target in own] for name in own}
    order = _ancestors_first(ways)
    place = {name: number for number, name in enumerate(order)}
    rest = dict.fromkeys(own, 0.0)
    for name in reversed(order):
        for target in ways[name]:
            if place[target] > place[name]:
                rest[name] = max(rest[name], own[target] + rest[target])
    return rest


def _ancestors_first(ways: Mapping[str, Sequence[str]]) -> list[str]:
    """Every step before those it leads to, save where ways lead back."""
    finished: list[str] = []
    seen: set[str] = set()
    for root in ways:
        waiting = [(root, False)]
        while waiting:
            name, done = waiting.pop()
            if done:
                finished.append(name)
            elif name not in seen:
                seen.add(name)
                waiting += [(name, True), *((target, False) for target in ways[name])]
    return finished[::-1]


def way_back(ways: Mapping[str, Iterable[str]], home: str) -> list[str]:
    """The shortest way from `home` to itself, without the return; empty if there is none."""
    came_from: dict[str, str] = {}
    waiting = [home]
    for name in waiting:
        for target in ways[name]:
            if target == home:
                path = [name]
                while path[-1] != home:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if target not in came_from:
                came_from[target] = name
                waiting.append(target)
    return []


def reach(steps: Mapping[str, Spot], names: Iterable[str]) -> set[str]:
    """`names`, and all that a way leads to from them."""
    waiting = list(names)
    seen = set(waiting)
    while waiting:
        for target in steps[waiting.pop()].exits().values():
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen
