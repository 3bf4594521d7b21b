"""What the five desks promise: `promises/*.yaml` has their sentences, each with who bears it.

A scenario bears it only if it fails when the promise is broken: each names the changes that break it.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.dialplan.load import load_text
from ivr.dialplan.model import Dialplan
from ivr.dialplan.shared import split_source
from ivr.steps import STEPS
from tests.fakes.virtual_time import VirtualLoop
from tests.flows.scenarios import Scenario, scenarios
from tests.flows.test_scenarios import check

FOLDER = Path(__file__).parent / "promises"
DESKS = {"ecforce": 21, "eccall": 18, "tiered-support": 17, "sakura": 16, "amazon-seller": 10}
BEARERS = {"scenarios", "not_ours", "later"}
KNOWN: Mapping[str, Scenario] = {scenario.name: scenario for scenario in scenarios()}


@dataclass(frozen=True)
class Promise:
    desk: str
    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.data["id"])


def promises() -> Iterator[Promise]:
    for file in sorted(FOLDER.glob("*.yaml")):
        for data in yaml.safe_load(file.read_text("utf-8")):
            yield Promise(file.stem, data)


ALL = list(promises())
BORNE = [promise for promise in ALL if "scenarios" in promise.data]


def test_every_sentence_has_its_id() -> None:
    """As many as the description of the desks has."""
    numbered = [f"{desk}-{number:02}" for desk in sorted(DESKS) for number in range(1, DESKS[desk] + 1)]
    assert [promise.id for promise in ALL] == numbered


@pytest.mark.parametrize("promise", ALL, ids=lambda promise: promise.id)
def test_a_promise_has_one_bearer(promise: Promise) -> None:
    data = promise.data
    assert data["says"].strip()
    (bearer,) = BEARERS & data.keys()
    assert data[bearer]
    assert data.keys() == {"id", "says", bearer} | ({"broken"} if bearer == "scenarios" else set())
    if bearer == "later":
        assert re.search(r"\(issues? [456]( and [56])?\)", data["later"]), "which issue?"


@pytest.mark.parametrize("promise", BORNE, ids=lambda promise: promise.id)
def test_its_scenarios_are_of_its_desk(promise: Promise) -> None:
    for name in promise.data["scenarios"]:
        assert name in KNOWN, "there is no such scenario"
        assert KNOWN[name].dialplan.key.startswith(promise.desk)


@pytest.mark.parametrize("promise", BORNE, ids=lambda promise: promise.id)
def test_a_broken_promise_is_noticed(promise: Promise) -> None:
    """Each change by a scenario, and each scenario by a change."""
    broken = promise.data["broken"]
    idle = set(range(len(broken)))
    for name in promise.data["scenarios"]:
        noticed = [
            number
            for number, changes in enumerate(broken)
            if fails(KNOWN[name], changed(KNOWN[name].dialplan, changes))
        ]
        assert noticed, f"{name}: passes with every change"
        idle -= set(noticed)
    assert not idle, f"no scenario fails with {[broken[number] for number in idle]}"


def changed(dialplan: Dialplan, changes: Mapping[str, Any]) -> Dialplan:
    """`changes`: path in the YAML, divided by points -> what stands there instead; null takes it out.

    What the dialplan takes from shared files is changed there.
    """
    files = {file: yaml.load(text, yaml.BaseLoader) for file, text in split_source(dialplan.source).items()}
    for path, value in changes.items():
        *above, last = path.split(".")
        place = next(tree for tree in files.values() if not above[1:] or above[1] in tree.get(above[0], {}))
        for name in above:
            place = place[int(name)] if isinstance(place, list) else place[name]
        if value is None:
            del place[last]
        else:
            assert place.get(last) != value, f"{path}: this changes nothing"
            place[last] = value
    texts = {file: yaml.safe_dump(tree, allow_unicode=True, sort_keys=False) for file, tree in files.items()}
    own = texts.pop("")
    source = own + "".join(f"--- # {file}\n{text}" for file, text in texts.items())
    return load_text(f"{dialplan.key}.yaml", source, STEPS)


def fails(scenario: Scenario, dialplan: Dialplan) -> bool:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        try:
            runner.run(check(replace(scenario, dialplan=dialplan)))
        except AssertionError:
            return True
    return False
