"""Every type of step has a documented example that loads, and scenarios for all that callers do to it.

A step that is added to `ivr.steps.STEPS` fails here until its row stands in the table.
"""

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.dialplan.load import load_text
from ivr.steps import STEPS
from tests.flows.scenarios import Scenario, scenarios

ROOT = Path(__file__).parents[2]

# type -> situation -> the scenario that shows it, or why there is none ("-").
TABLE: Mapping[str, Mapping[str, str]] = {
    "play": {
        "success": "open: not yet a customer",
        "timeout": "- it waits for nothing",
        "wrong input": "- a key ends it and stays for the next step: keys stop the prompts they answer",
        "hang-up": "hangup: during the welcome",
    },
    "menu": {
        "success": "open: #1 then #2 typed slowly, answered, the agent hangs up",
        "timeout": "open: no key, then the right one",
        "wrong input": "open: wrong key, then the right one",
        "hang-up": "hangup: during the menu",
    },
    "collect": {
        "success": "members: the member ID is read back digit by digit and confirmed",
        "timeout": "members: nobody enters a member ID",
        "wrong input": "members: too short, then right",
        "hang-up": "members: hangs up in the middle of the entry",
    },
    "consent": {
        "success": "members: agrees to the rules by key",
        "timeout": "members: says neither yes nor no to the rules",
        "wrong input": "members: a key that was pressed before the rules agrees to nothing",
        "hang-up": "members: hangs up during the notice, which no key cuts",
    },
    "branch": {
        "success": "members: a number of the list goes straight to the agents",
        "timeout": "- it asks the caller nothing",
        "wrong input": "- it asks the caller nothing",
        "hang-up": "- it asks the caller nothing",
    },
    "say_hours": {
        "success": "members: the hours of today",
        "timeout": "- it waits for nothing",
        "wrong input": "- a key ends it and stays for the next step",
        "hang-up": "members: hangs up while the hours are said",
    },
    "survey": {
        "success": "members: both questions are graded",
        "timeout": "members: who does not answer is asked once more, then the survey ends",
        "wrong input": "members: a six is no grade",
        "hang-up": "members: hangs up in the survey",
    },
    "hours": {
        "success": "closed: public holiday",
        "timeout": "- it asks the caller nothing",
        "wrong input": "- it asks the caller nothing",
        "hang-up": "- it asks the caller nothing",
    },
    "queue": {
        "success": "open: billing",
        "timeout": "waiting: all agents talk: thirty seconds, then voicemail",
        "wrong input": "waiting: keys that mean nothing take nobody out of the queue",
        "hang-up": "hangup: while it rings",
    },
    "voicemail": {
        "success": "closed: before opening",
        "timeout": "voicemail: ended by silence",
        "wrong input": "voicemail: a key during the greeting ends the greeting, not the message",
        "hang-up": "hangup: in mid-message",
    },
    "callback": {
        "success": "contact: the caller's own number is read digit by digit and confirmed",
        "timeout": "contact: nobody answers the offer to ring back",
        "wrong input": "contact: a number that is not rung back is refused, and another one taken",
        "hang-up": "contact: hangs up while the number is read",
    },
    "ticket": {
        "success": "ticket: the caller's own callback: its number, its state, by when; then cancelled after asking once more",
        "timeout": "ticket: nothing is open, and no ticket number is typed",
        "wrong input": "ticket: a wrong ticket number, then the right one; what was typed behind the wrong one is dropped",
        "hang-up": "ticket: hangs up while the question is asked",
    },
    "transfer": {
        "success": "contact: the head office answers, talks and hangs up",
        "timeout": "contact: the head office does not answer",
        "wrong input": "contact: keys while it rings are for nobody",
        "hang-up": "contact: hangs up while the head office rings",
    },
    "notify": {
        "success": "urgent: the key for urgent matters tells the one on duty, and the caller goes on to the message",
        "timeout": "- it waits for nothing",
        "wrong input": "- it asks the caller nothing",
        "hang-up": "- it is over in a moment, and tells: urgent: hangs up in the greeting after it",
    },
    "closing": {
        "success": "staff: closed for today because of a typhoon, at six in the morning",
        "timeout": "staff: no PIN is entered",
        "wrong input": "staff: a wrong PIN, then the right one, and what was typed behind the wrong one is dropped",
        "hang-up": "staff: hangs up before the confirmation, and nothing is set",
    },
    "mailbox": {
        "success": "mailbox: a new message is heard, and cleared after asking: its callback is done",
        "timeout": "mailbox: no PIN is entered",
        "wrong input": "mailbox: a wrong PIN, then the right one; a key that means nothing; then no key at all",
        "hang-up": "mailbox: hangs up in the middle of a message: it is as new as before",
    },
    "goto": {
        "success": "reception: on to a step of the other line, whose agents ring",
        "timeout": "- it waits for nothing",
        "wrong input": "- it asks the caller nothing: keys stay for the other line, reception: keys typed ahead",
        "hang-up": "- it is over in a moment: reception: hangs up in the other line's menu",
    },
    "hangup": {
        "success": "open: not yet a customer",
        "timeout": "- it waits for nothing",
        "wrong input": "- it asks the caller nothing",
        "hang-up": "- hanging up is what it does",
    },
}
SITUATIONS = {"success", "timeout", "wrong input", "hang-up"}
KNOWN: dict[str, Scenario] = {scenario.name: scenario for scenario in scenarios()}


def test_table_has_every_type_and_every_situation() -> None:
    assert TABLE.keys() == STEPS.keys()
    assert [row.keys() for row in TABLE.values()] == [SITUATIONS] * len(TABLE)


@pytest.mark.parametrize("type_", STEPS)
def test_scenarios_of_the_table_pass_through_the_step(type_: str) -> None:
    for situation, name in TABLE[type_].items():
        if not name.startswith("- "):
            assert name in KNOWN, f"{situation}: there is no such scenario"
            steps = KNOWN[name].dialplan.steps
            of_type = {name for name, step in steps.items() if step.type == type_}
            paths = [expected.path for expected in KNOWN[name].expected()]
            assert any(of_type & set(path) for path in paths), f"{name}: it passes no {type_}"


def example(type_: str) -> dict[str, Any]:
    source = (ROOT / STEPS[type_].__module__.replace(".", "/")).with_suffix(".py")
    doc = ast.get_docstring(ast.parse(source.read_text()))
    assert doc is not None and doc.startswith(f"{type_}: "), f"{source.name}: the docstring names the type"
    blocks = re.findall(r"```yaml\n(.*?)```", doc, re.DOTALL)
    assert len(blocks) == 1, f"{source.name}: one example in YAML"
    steps: dict[str, Any] = yaml.load(blocks[0], yaml.BaseLoader)
    return steps


@pytest.mark.parametrize("type_", STEPS)
def test_example_of_the_docstring_loads(type_: str) -> None:
    steps = example(type_)
    assert [step["type"] for step in steps.values()] == [type_]
    others = {
        target: {"type": "hangup"}
        for step in steps.values()
        for target in STEPS[type_].model_validate(step).exits().values()
    }
    dialplan = {
        "line": {"tenant": "t", "name": "n", "numbers": ["050-3185-9080"]},
        "hours": {"office": {"zone": "Asia/Tokyo", "weekly": {"mon-fri": "10:00-17:00"}}},
        "start": next(iter(steps)),
        "steps": {**others, **steps},
    }
    loaded = load_text("example.yaml", yaml.safe_dump(dialplan, allow_unicode=True), STEPS)
    assert loaded.steps[loaded.start].type == type_
