"""What the API says of the calls, held against what must have come of them."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tools.driver.audio import likeness, read_wav, speech
from tools.driver.instance import Instance
from tools.driver.office import JAPAN, Office
from tools.driver.people import Outcome
from tools.driver.sentences import understood

TRANSCRIBED_WITHIN = 60.0
WRITTEN_WITHIN = 5.0
UNDERSTOOD = 0.8
ALIKE = 0.8
SECOND = timedelta(seconds=1)


def check(instance: Instance, office: Office, outcomes: Sequence[Outcome]) -> list[str]:
    """Everything that is not as it must be."""
    expected = [one for one in outcomes if one.cause is not None]
    callbacks = _settled(instance, len(expected))
    problems: list[str] = []
    if len(callbacks) != len(expected):
        problems.append(f"{len(callbacks)} callbacks for {len(expected)} messages")
    calls = _ended(instance)
    for one in outcomes:
        own = [row for row in callbacks if row["number"] == one.number]
        if len(own) != (one.cause is not None):
            problems.append(f"{one.who}: {len(own)} callbacks, not {int(one.cause is not None)}")
        if own and one.cause is not None:
            problems += [f"{one.who}: {wrong}" for wrong in _callback(instance, office, one, own[0])]
        problems += [f"{one.who}: {wrong}" for wrong in _call(one, calls)]
    if len(calls) != len(outcomes):
        problems.append(f"{len(calls)} calls in the list, {len(outcomes)} were made")
    if len({row["ticket"] for row in callbacks}) != len(callbacks):
        problems.append("two callbacks have one ticket number")
    return problems


def _settled(instance: Instance, count: int) -> list[dict[str, Any]]:
    """The callbacks when nothing more is to come of them."""
    deadline = time.monotonic() + TRANSCRIBED_WITHIN
    while True:
        rows: list[dict[str, Any]] = instance.get("callbacks?limit=1000")
        done = [row for row in rows if (row["message"] or {}).get("transcript", {}).get("state") == "done"]
        if len(done) >= count or time.monotonic() > deadline:
            return rows
        time.sleep(0.3)


def _ended(instance: Instance) -> list[dict[str, Any]]:
    """The calls; the last of them has only just been hung up."""
    deadline = time.monotonic() + WRITTEN_WITHIN
    while True:
        rows: list[dict[str, Any]] = instance.get("calls?limit=1000")
        if all(row["ended_at"] for row in rows) or time.monotonic() > deadline:
            return rows
        time.sleep(0.1)


def _callback(instance: Instance, office: Office, one: Outcome, row: dict[str, Any]) -> list[str]:
    wrong = []
    for name, value in (
        ("cause", one.cause),
        ("path", one.callback_path),
        ("line", one.line),
        ("state", "open"),
    ):
        if row[name] != value:
            wrong.append(f"{name} is {row[name]}, not {value}")
    wrong += _due(office, one, row)
    transcript = row["message"]["transcript"]
    share = understood(one.said, transcript["text"] or "")
    if transcript["state"] != "done" or share < UNDERSTOOD:
        wrong.append(f"{share:.0%} of the words of 「{one.said}」 came out: {transcript}")
    recorded = read_wav(instance.get_bytes(f"messages/{row['message']['id']}/audio"))
    alike = likeness(speech(one.said.replace(" ", "")), recorded)
    if alike < ALIKE:
        wrong.append(f"the recording is not what was said ({alike:.2f})")
    length = len(recorded) / 8000
    if abs(length - (row["message"]["duration"] or 0)) > 0.1:
        wrong.append(f"the recording has {length:.2f} s, its message says {row['message']['duration']}")
    return wrong


def _due(office: Office, one: Outcome, row: dict[str, Any]) -> list[str]:
    """Counted from a moment within the call, and from no other than `created_at`."""
    assert one.between is not None
    wrong = []
    created, due = datetime.fromisoformat(row["created_at"]), datetime.fromisoformat(row["due_at"])
    if created.utcoffset() is None or due.utcoffset() is None:
        return [f"times without an offset: {row['created_at']}, {row['due_at']}"]
    created, due = created.astimezone(JAPAN), due.astimezone(JAPAN)
    first, last = one.between
    if not first - SECOND <= created <= last + SECOND:
        wrong.append(f"created_at {created} is not within the call, {first} to {last}")
    must = office.due(one.due, created)
    if abs(due - must) > SECOND:
        wrong.append(f"due at {due}, not {must} ({one.due} from {created})")
    return wrong


def _call(one: Outcome, calls: Sequence[dict[str, Any]]) -> list[str]:
    own = [row for row in calls if row["number"] == one.number]
    if len(own) != 1:
        return [f"{len(own)} calls of this number in the list"]
    row, wrong = own[0], []
    if row["outcome"] != one.outcome:
        wrong.append(f"the call's outcome is {row['outcome']}, not {one.outcome}")
    if row["ended_at"] is None:
        wrong.append("the call has no end")
    if row["line"] != one.line:
        wrong.append(f"the call's line is {row['line']}, not {one.line}")
    path = one.path or one.callback_path
    if path is not None and row["path"][: len(path)] != path:
        wrong.append(f"the call's path is {row['path']}, and should begin with {path}")
    return wrong
