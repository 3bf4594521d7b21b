"""What callers did on the flow of a line: how many took each way, and where they hung up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.dialplan.model import Dialplan
from ivr.store import calls
from ivr.store.calls import Passage


@dataclass(frozen=True)
class Traffic:
    """Callers, each counted once a way however often it was taken; `seconds` is the median stay in a step.

    `strange`: callers who passed a step that the dialplan does not have (any more).
    """

    calls: int
    ways: Mapping[tuple[str, str], int]  # (step, next step)
    visited: Mapping[str, int]
    left: Mapping[str, int]  # step -> hung up there without being served
    seconds: Mapping[str, float]
    strange: int

    def labels(self) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
        """What stands on the ways and in the boxes of the drawing."""
        taken = {way: f"{count}人" for way, count in self.ways.items()}
        notes = {
            step: f"{count}人" + (f"、途中で切断{self.left[step]}人" if self.left.get(step) else "")
            for step, count in self.visited.items()
        }
        return taken, notes

    def as_json(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "ways": [{"from": a, "to": b, "calls": count} for (a, b), count in self.ways.items()],
            "steps": [
                {
                    "step": step,
                    "calls": count,
                    "hung_up": self.left.get(step, 0),
                    "seconds": self.seconds.get(step),
                }
                for step, count in self.visited.items()
            ],
            "strange": self.strange,
        }


async def traffic(session: AsyncSession, dialplan: Dialplan, since: datetime, until: datetime) -> Traffic:
    """Of the calls that ended and began in [since, until)."""
    return count(dialplan, await calls.passages(session, dialplan.key, since, until, gone_on=True))


def count(dialplan: Dialplan, passages: Iterable[Passage]) -> Traffic:
    """Of calls that a goto led here or away, what was walked in this line."""
    ways: Counter[tuple[str, str]] = Counter()
    visited: Counter[str] = Counter()
    left: Counter[str] = Counter()
    stays: dict[str, list[float]] = {}
    number = strange = 0
    for passage in passages:
        number += 1
        # What is no step is a key, or a step of another version.
        here = _walks(passage, dialplan.key)
        walks = [
            ([(step, at) for step, at in walked if step in dialplan.steps], end, last)
            for walked, end, last in here
        ]
        strange += any(
            not _is_key(part) and part not in dialplan.steps for walked, _, _ in here for part, _ in walked
        )
        visited.update({step for walk, _, _ in walks for step, _ in walk})
        pairs = {(one, other) for walk, _, _ in walks for (one, _), (other, _) in pairwise(walk)}
        ways.update({pair for pair in pairs if pair[1] in dialplan.steps[pair[0]].exits().values()})
        for walk, end, last in walks:
            if last and passage.outcome == "abandoned" and walk:
                left[walk[-1][0]] += 1
            for (step, begun), (_, ended) in pairwise([*walk, ("", end)]):
                if begun is not None and ended is not None:
                    stays.setdefault(step, []).append(ended - begun)
    seconds = {step: round(median(each), 1) for step, each in stays.items()}
    return Traffic(number, dict(ways), dict(visited), dict(left), seconds, strange)


Walk = tuple[list[tuple[str, float | None]], float | None, bool]


def _walks(passage: Passage, line: str) -> list[Walk]:
    """What was walked in `line` without leaving it, and when each was entered; when that was over; if the call was."""
    times: list[float | None] = [*passage.times]
    if len(times) != len(passage.path):
        times = [None] * len(passage.path)
    walks: list[tuple[str, list[tuple[str, float | None]]]] = []
    for entry, at in zip(passage.path, times, strict=True):
        came_to, _, part = entry.rpartition(":")
        if came_to or not walks:
            walks.append((came_to or line, []))
        walks[-1][1].append((part, at))
    ends = [*(walked[0][1] for _, walked in walks[1:]), passage.seconds]
    return [
        (walked, end, number == len(walks))
        for number, ((where, walked), end) in enumerate(zip(walks, ends, strict=True), 1)
        if where == line
    ]


def _is_key(part: str) -> bool:
    return not part[0].isalpha()


@dataclass(frozen=True)
class Grades:
    """Answers to one question of a survey; `counts`: grade, 1 to 5 -> how many gave it."""

    question: str
    counts: Mapping[int, int]

    @property
    def answers(self) -> int:
        return sum(self.counts.values())

    @property
    def mean(self) -> float:
        return sum(grade * count for grade, count in self.counts.items()) / self.answers


def grades(answers: Iterable[Mapping[str, int]]) -> list[Grades]:
    """Question by question, in the order in which they first come; what calls keep as `answers`."""
    counted: dict[str, Counter[int]] = {}
    for answer in answers:
        for question, grade in answer.items():
            counted.setdefault(question, Counter())[grade] += 1
    return [Grades(question, dict(counts)) for question, counts in counted.items()]
