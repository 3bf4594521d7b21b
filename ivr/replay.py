"""Calls of the past through another version of their line: whose path would differ?

A call is known by its time, its caller, the keys on its path, and how its queues ended. It is first led
through the version that it ran on: only if that gives the path that was recorded, the new version's path
means something. Digits that were collected are not kept, so what goes by them cannot be told.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from ivr.call import Caller, CallState
from ivr.dialplan.model import Dialplan
from ivr.dialplan.pick import zone_of
from ivr.errors import DialplanError
from ivr.hours.calendar import Calendar
from ivr.keys import KeyTable
from ivr.steps.queue import Queue
from ivr.store.calls import Passage
from ivr.terminal.call import Agent
from ivr.terminal.session import groups, visit
from ivr.terminal.virtual import VirtualLoop

Verdict = Literal["same", "differs", "unknown"]
LEFT = ("abandoned", "message", "silent")  # outcomes in which the caller may have hung up before the end
WORDS = "（録音された伝言）"  # of a length that no silence rule ends


@dataclass(frozen=True)
class Replayed:
    """`now`: the path through the new version; empty, with `why`, if it cannot be told."""

    call: Passage
    at: datetime  # when it began, in the line's zone
    verdict: Verdict
    now: Sequence[str]
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.call.id,
            "at": self.at.isoformat(timespec="seconds"),
            "verdict": self.verdict,
            "was": list(self.call.path),
            "now": list(self.now),
            "why": self.why,
        }


def replay(
    calls: Sequence[Passage],
    versions: Mapping[str, Dialplan],
    new: Dialplan,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Replayed]:
    """`versions`: content hash -> the version that calls ran on; one that is missing makes "unknown"."""
    results = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        for number, call in enumerate(calls, 1):
            results.append(runner.run(_one(call, versions.get(call.dialplan), new)))
            progress(number)
    return results


def counts(results: Sequence[Replayed]) -> dict[Verdict, int]:
    found = Counter(result.verdict for result in results)
    return {"same": found["same"], "differs": found["differs"], "unknown": found["unknown"]}


async def _one(call: Passage, old: Dialplan | None, new: Dialplan) -> Replayed:
    at = call.started_at.astimezone(zone_of(new))
    if old is None:
        return Replayed(call, at, "unknown", (), "the version that it ran on cannot be read")
    if not call.path:
        return Replayed(call, at, "unknown", (), "its caller was turned away")
    if any(":" in part for part in call.path):
        return Replayed(call, at, "unknown", (), "it went on in another line")
    if any(part in old.steps and old.steps[part].digits_used() for part in call.path):
        return Replayed(call, at, "unknown", (), "it went by digits, which are not kept")
    try:
        again = await _path(call, old, old)
    except DialplanError:  # who left early is led further than he came, and a goto of then leads nowhere
        return Replayed(call, at, "unknown", (), "its own version leads it to another line")
    if not _same(call, again):
        return Replayed(call, at, "unknown", (), f"its own version leads it another way: {' > '.join(again)}")
    now = await _path(call, old, new)
    digits = [part for part in now if part in new.steps and new.steps[part].digits_used()]
    if digits and not _same(call, now):
        return Replayed(call, at, "unknown", now, f"{digits[0]} goes by digits, which are not kept")
    return Replayed(call, at, "same" if _same(call, now) else "differs", now)


async def _path(call: Passage, old: Dialplan, dialplan: Dialplan) -> list[str]:
    caller = Caller(call.number, call.withheld)  # type: ignore[arg-type]  # as the journal wrote it
    state = CallState(call.id, dialplan.key, dialplan.hash)
    zone = zone_of(dialplan)
    calendars = {name: Calendar(hours) for name, hours in dialplan.hours.items()}
    agents = _agents(call, old, dialplan)
    at = call.started_at.astimezone(zone)
    await visit(
        dialplan,
        calendars,
        Remembered(call, old, state),
        at,
        agents,
        zone=zone,
        caller=caller,
        state=state,
    )
    return state.path


def _same(call: Passage, path: Sequence[str]) -> bool:
    """Who left early would have gone on as the replay does: only what was walked counts."""
    walked = path[: len(call.path)] if call.outcome in LEFT else path
    return list(walked) == list(call.path)


class Remembered:
    """Does at each step what the caller did there; `Person`."""

    def __init__(self, call: Passage, old: Dialplan, state: CallState) -> None:
        self._call = call
        self._state = state
        self._did: dict[str, list[str]] = {}  # step -> for each visit: key, "yes", or "" for nothing
        steps = [part for part in call.path if part in old.steps]
        following = {id: step for id, step in enumerate(steps[1:])}
        for number, (step, key) in enumerate(_visits(call.path, old)):
            ways = old.steps[step].exits()
            agreed = ways.get("next") is not None and following.get(number) == ways["next"]
            self._did.setdefault(step, []).append(key or ("yes" if agreed else ""))

    def keys(self, table: KeyTable, *, waiting: bool) -> str | None:
        did = self._done_here()
        if did == "yes":
            return "1" if table.match("1", waited=True).state == "complete" else ""
        return did

    def digits(self, longest: int, end_key: str) -> str | None:
        did = self._done_here()
        return "0" * min(longest, 8) + (end_key if longest > 8 else "") if did == "yes" else did

    def words(self) -> str | None:
        if self._call.outcome == "abandoned":
            return None
        return WORDS if self._call.outcome == "message" else ""

    def _done_here(self) -> str | None:
        """None, which hangs up, where a caller who left had not come."""
        step = self._state.step or ""
        visits = self._did.get(step, [])
        number = self._state.path.count(step)
        left = self._call.outcome == "abandoned"
        if number > len(visits):
            return None if left else ""
        last = left and step == _last_step(self._call, self._did) and number == len(visits)
        return None if last else visits[number - 1]


def _visits(path: Sequence[str], old: Dialplan) -> list[tuple[str, str]]:
    """(step, the key that was pressed there or "") in the order of the path."""
    found: list[tuple[str, str]] = []
    for part, following in pairwise([*path, ""]):
        if part in old.steps:
            found.append((part, "" if following in old.steps else following))
    return found


def _last_step(call: Passage, known: Mapping[str, object]) -> str:
    return next((part for part in reversed(call.path) if part in known), "")


def _agents(call: Passage, old: Dialplan, new: Dialplan) -> list[Agent]:
    """One a group, as the call found the group; where it did not go, somebody is free."""
    found = {group: Agent(group, group) for group in groups(new)}
    queues = [(step, key) for step, key in _visits(call.path, old) if isinstance(old.steps[step], Queue)]
    for number, (name, key) in enumerate(queues, 1):
        step = old.steps[name]
        assert isinstance(step, Queue)
        last = number == len(queues)
        if last and call.outcome == "answered":
            continue
        cause = "busy" if key or call.outcome == "abandoned" or not last else call.cause
        if cause == "no_agent":
            found.pop(step.agents, None)
        elif cause == "no_answer":
            found[step.agents] = Agent(step.agents, step.agents, answers=None)
        else:
            found[step.agents] = Agent(step.agents, step.agents, state="talking")
    return list(found.values())
