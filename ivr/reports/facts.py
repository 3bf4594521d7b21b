"""What each row counts as: the names of the figures that it is in, and the scopes by which they are divided.

A figure is one name in one scope, such as ("call.lost.busy", "slot:1-10"): the calls lost because of it on
Tuesdays between 10 and 11. The same functions count them and find their rows, so that no figure can be
anything but its rows. docs/admin/reports.md defines the names.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal, get_args

from ivr.callbacks.results import RESULTS

Kind = Literal["call", "ask", "dial", "done", "message"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Names = tuple[str, ...]

# Of a caller who found nobody in open hours.
WANTED = ("busy", "no_agent", "no_answer", "asked")
LOST = ("abandoned", "silent", "failed")  # outcomes of a caller whom nobody will ring back
LOSSES = ("queue", *WANTED, "closed", "menu", "failed")
OUTCOMES = (
    "answered",
    "message",
    "callback",
    "informed",
    "abandoned",
    "silent",
    "turned_away",
    "failed",
    "rejected",
)
PROMISES = ("kept", "late", "never", "waiting")
MANY = 4  # dials for one callback; more count as so many

InQueue = Callable[[str, Sequence[str]], bool]
"""Whether a path, on this line, ends where a caller waits for an agent."""


def of_call(row: Any, in_queue: InQueue) -> Names:
    path = json.loads(row.path) if row.outcome == "abandoned" and row.path else []
    return _call(row.outcome, row.cause, bool(path) and in_queue(row.line, path))


@lru_cache
def _call(outcome: str, cause: str | None, waited: bool) -> Names:
    names = ["call", f"call.{outcome}"]
    offered = outcome == "answered" or waited or cause in WANTED
    if offered:
        names.append("call.offered")
    if outcome in LOST:
        why = "failed" if outcome == "failed" else "queue" if waited else cause or "menu"
        names += ["call.lost", f"call.lost.{why}"]
        if offered:
            names.append("call.gone")
    return tuple(names)


def of_contact(row: Any, now: datetime) -> Names:
    """The promise is judged by what this contact was told and when work on it began, and by nothing else."""
    if row.source == "call":
        return ("again",)
    return _contact(
        _promise(row.due_at, row.begun_at, now),
        row.reply_wanted is not False and row.begun_at is not None,
        row.reply_wanted is not False and row.state == "done" and row.done_at is not None,
        _aim(row, now) if row.reply_wanted is not False else None,
    )


@lru_cache
def _contact(promise: str | None, responded: bool, resolved: bool, aim: str | None) -> Names:
    names = ["ask"]
    if promise is not None:
        names += ["ask.promised", f"ask.{promise}"]
        if promise in ("late", "never"):
            names.append("ask.broken")
    if responded:
        names.append("ask.responded")
    if resolved:
        names.append("ask.resolved")
    if aim is not None:
        names.append(f"ask.{aim}")
    return tuple(names)


def _promise(due: datetime | None, begun: datetime | None, now: datetime) -> str | None:
    if due is None:
        return None
    if begun is not None:
        return "kept" if begun <= due else "late"
    return "waiting" if now <= due else "never"


def _aim(row: Any, now: datetime) -> str | None:
    """Of the resolution: within its aim or beyond; None: no aim, or it is not known yet."""
    if row.resolution_due_at is None:
        return None
    resolved = row.done_at if row.state == "done" else None
    if resolved is None:
        return "beyond" if now > row.resolution_due_at else None
    return "within" if resolved <= row.resolution_due_at else "beyond"


def of_dial(row: Any) -> Names:
    return _dial(row.outcome, row.by_hand)


@lru_cache
def _dial(outcome: str | None, by_hand: bool) -> Names:
    result = outcome if outcome in RESULTS else "open"
    return ("dial", f"dial.{result}", *(("dial.hand",) if by_hand else ()))


def of_done(row: Any) -> Names:
    return _done(min(row.dials, MANY))


@lru_cache
def _done(dials: int) -> Names:
    return ("done", f"done.{dials}")


MESSAGE: Names = ("message",)


def own_scope(kind: Kind, row: Any) -> str:
    """The one that is the row's own, beside those of its time: the priority it came with, or whose work it was."""
    if kind == "ask":
        return f"priority:{row.priority}"
    if kind in ("dial", "done") or (kind == "call" and row.agent is not None):
        return f"agent:{row.agent or ''}"
    return ""


def scopes(day: date, hour: int, own: str) -> tuple[str, ...]:
    """`day` and `hour`: when it was, by the clock of its line. Slots count the weekdays from Monday, 0."""
    when = ("", f"day:{day}", f"hour:{hour}", f"slot:{day.weekday()}-{hour}")
    return (*when, own) if own else when
