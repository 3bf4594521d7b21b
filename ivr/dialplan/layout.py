"""Where the steps of a drawing stand: layers from the start downwards, few crossings, straight ways.

The method of Sugiyama, in small: loops are turned back, each step stands below all that lead to it, long
ways are held by a bend in each layer, layers are sorted by the middle of their neighbours. All ways to one
step share their bends: a thousand menus that lead to one goodbye have a thousand of them, not half a million.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Bend = tuple[str, int]  # where the ways to a step pass a layer
Spot = str | Bend

SWEEPS = 8
MOST_ROUNDS = 12


@dataclass(frozen=True)
class Layout:
    """`layer` counts from 0 at the top, `x` is the middle, in units of the given widths.

    `bends`: of a way over several layers, the spots between its ends. `back`: ways that lead upwards.
    """

    layer: Mapping[Spot, int]
    x: Mapping[Spot, float]
    bends: Mapping[tuple[str, str], Sequence[Spot]]
    back: frozenset[tuple[str, str]]


def lay_out(ways: Mapping[str, Sequence[str]], start: str, width: Mapping[str, float], gap: float) -> Layout:
    """`ways`: step -> the steps it leads to, every step a key. Steps that nothing leads to stand at the top."""
    order, back = _downwards(ways, start)
    layer: dict[Spot, int] = {name: 0 for name in order}
    for name in order:
        for target in ways[name]:
            if (name, target) not in back:
                layer[target] = max(layer[target], layer[name] + 1)
    bends: dict[tuple[str, str], list[Spot]] = {}
    links: dict[tuple[Spot, Spot], None] = {}  # in order
    for name in order:
        for target in dict.fromkeys(ways[name]):
            if (name, target) in back:
                continue
            levels = range(layer[name] + 1, layer[target])
            passed: list[Spot] = [(target, level) for level in levels]
            layer |= zip(passed, levels, strict=True)
            bends[name, target] = passed
            links |= dict.fromkeys(zip([name, *passed], [*passed, target], strict=True))
    layers: list[list[Spot]] = [[] for _ in range(max(layer.values()) + 1)]
    for spot, level in layer.items():
        layers[level].append(spot)
    above, below = _neighbours(layer, list(links))
    layers = _sorted(layers, above, below)
    widths = {spot: width[spot] if isinstance(spot, str) else 0.0 for spot in layer}
    return Layout(layer, _placed(layers, above, below, widths, gap), bends, frozenset(back))


Neighbours = dict[Spot, list[Spot]]


def _downwards(ways: Mapping[str, Sequence[str]], start: str) -> tuple[list[str], set[tuple[str, str]]]:
    """All steps so that every way leads from an earlier to a later one, but for those that lead back."""
    done: list[str] = []
    back: set[tuple[str, str]] = set()
    state: dict[str, str] = {}
    for root in [start, *ways]:
        if root in state:
            continue
        state[root] = "open"
        walk = [(root, iter(ways[root]))]
        while walk:
            name, targets = walk[-1]
            target = next(targets, None)
            if target is None:
                state[name] = "done"
                done.append(name)
                walk.pop()
            elif state.get(target) == "open":
                back.add((name, target))
            elif target not in state:
                state[target] = "open"
                walk.append((target, iter(ways[target])))
    return done[::-1], back


def _neighbours(
    layer: Mapping[Spot, int], links: Sequence[tuple[Spot, Spot]]
) -> tuple[Neighbours, Neighbours]:
    above: Neighbours = {spot: [] for spot in layer}
    below: Neighbours = {spot: [] for spot in layer}
    for upper, lower in links:
        above[lower].append(upper)
        below[upper].append(lower)
    return above, below


def _sorted(layers: list[list[Spot]], above: Neighbours, below: Neighbours) -> list[list[Spot]]:
    """Each layer by the mean place of its neighbours, downwards and upwards in turn; the best is kept."""
    best, fewest = [list(row) for row in layers], _crossings(layers, below)
    places = {spot: place for row in layers for place, spot in enumerate(row)}
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in layers if sweep % 2 == 0 else layers[::-1]:
            means = {spot: _mean([places[near] for near in neighbours[spot]], places[spot]) for spot in row}
            row.sort(key=lambda spot: means[spot])
            places |= {spot: place for place, spot in enumerate(row)}
        crossed = _crossings(layers, below)
        if crossed < fewest:
            best, fewest = [list(row) for row in layers], crossed
    return best


def _crossings(layers: list[list[Spot]], below: Neighbours) -> int:
    count = 0
    for upper, lower in pairwise(layers):
        place = {spot: number for number, spot in enumerate(lower)}
        ends: list[int] = []
        for spot in upper:
            targets = sorted(place[target] for target in below[spot])
            count += sum(end > target for target in targets for end in ends)
            ends += targets
    return count


def _placed(
    layers: list[list[Spot]], above: Neighbours, below: Neighbours, width: Mapping[Spot, float], gap: float
) -> dict[Spot, float]:
    """Every spot as near to the middle of its neighbours as the others of its layer allow."""
    x: dict[Spot, float] = {}
    for row in layers:
        right = 0.0
        for spot in row:
            x[spot] = right + width[spot] / 2
            right += width[spot] + gap
    for number in range(MOST_ROUNDS):
        neighbours = above if number % 2 == 0 else below
        for row in layers if number % 2 == 0 else layers[::-1]:
            wanted = [_mean([x[near] for near in neighbours[spot]], x[spot]) for spot in row]
            x |= dict(zip(row, _apart(row, wanted, width, gap), strict=True))
    left = min(x[spot] - width[spot] / 2 for spot in x)
    return {spot: place - left for spot, place in x.items()}


def _apart(row: list[Spot], wanted: list[float], width: Mapping[Spot, float], gap: float) -> list[float]:
    """The places nearest to `wanted`, in order and `gap` apart: neighbours that clash move as one block."""
    blocks: list[tuple[float, int]] = []  # sum of wanted places of its first spot, number of spots
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (width[left] + width[right]) / 2 + gap)
    for place, offset in zip(wanted, offsets, strict=True):
        total, count = place - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before = blocks.pop()
            total, count = total + before[0], count + before[1]
        blocks.append((total, count))
    bases = [total / count for total, count in blocks for _ in range(count)]
    return [base + offset for base, offset in zip(bases, offsets, strict=True)]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
