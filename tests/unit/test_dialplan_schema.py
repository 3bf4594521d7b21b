"""The schema that editors use agrees with the models, with the shipped dialplan and with `load`."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ivr.dialplan.load import READINGS
from ivr.dialplan.schema import schema_text, shared_schema_text
from ivr.steps import STEPS
from tests.dialplans import SHOP, changed
from tests.unit.test_dialplan_ecforce import DESIGN

DIALPLANS = Path(__file__).parent.parent.parent / "dialplans"
SCHEMA = json.loads((DIALPLANS / "schema.json").read_text("utf-8"))

SHARED_SCHEMA = json.loads((DIALPLANS / "shared" / "schema.json").read_text("utf-8"))

MAKE = (
    'python -c "from ivr.dialplan import schema; from ivr.steps import STEPS; '
    "print(schema.schema_text(STEPS), end='', file=open('dialplans/schema.json', 'w')); "
    "print(schema.shared_schema_text(STEPS), end='', file=open('dialplans/shared/schema.json', 'w'))\""
)


def complaints(text: str, schema: dict[str, Any] = SCHEMA) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


def test_the_committed_schema_is_that_of_the_models() -> None:
    committed = (DIALPLANS / "schema.json").read_text("utf-8")
    assert committed == schema_text(STEPS), f"dialplans/schema.json is old; run: {MAKE}"
    shared = (DIALPLANS / "shared" / "schema.json").read_text("utf-8")
    assert shared == shared_schema_text(STEPS), f"dialplans/shared/schema.json is old; run: {MAKE}"


def test_it_is_a_schema_of_draft_2020_12() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SHARED_SCHEMA)


@pytest.mark.parametrize("text", [SHOP, DESIGN])
def test_good_dialplans_please_an_editor(text: str) -> None:
    assert complaints(text) == []


SHIPPED = [file for file in sorted(DIALPLANS.glob("*.yaml")) if file.name != READINGS]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_the_shipped_dialplans_please_an_editor(file: Path) -> None:
    assert complaints(file.read_text("utf-8")) == []


@pytest.mark.parametrize("file", sorted(DIALPLANS.glob("shared/*.yaml")), ids=lambda file: file.name)
def test_the_shipped_shared_files_please_an_editor(file: Path) -> None:
    assert complaints(file.read_text("utf-8"), SHARED_SCHEMA) == []
    assert complaints(file.read_text("utf-8"))  # and are no dialplans


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_wait: 2m", "max_wiat: 2m"),
        ("    next: thanks\n", ""),
        ("type: hangup", "type: hangp"),
        ("type: hangup", "{}"),
        ("priority: medium", "priority: hihg"),
        ("capacity: 2", "capacity: 0"),
        ("start: office\n", ""),
        ("    zone: Asia/Tokyo\n", ""),
        ("  bye:", "  Bye Bye:"),
        ("max_wait: 2m", "max_wait: 2"),
    ],
)
def test_an_editor_shows_mistakes(old: str, new: str) -> None:
    assert complaints(changed(old, new))


@pytest.mark.parametrize(
    "text",
    [
        "hour: {}",
        "use: japan",
        "groups: {support: サポート}",
        "groups: {support: {}}",
        "prompts: {Thanks Much: ありがとうございました。}",
        "prompts: {thanks: ''}",
        "steps: {bye: {type: hangp}}",
        "line: {tenant: shop, name: 山田商店, numbers: ['050-3185-9080']}",
    ],
)
def test_an_editor_shows_mistakes_in_shared_files(text: str) -> None:
    assert complaints(text, SHARED_SCHEMA)


def test_steps_may_all_stand_in_shared_files() -> None:
    shop, steps = SHOP.split("steps:\n")
    assert steps and complaints(shop)
    assert complaints(f"{shop}use: [steps]\n") == []


def test_defaults_are_shown_as_they_are_written() -> None:
    def defaults(node: Any) -> list[Any]:
        match node:
            case {"default": default, **rest}:
                return [default, *defaults(rest)]
            case dict():
                return [found for value in node.values() for found in defaults(value)]
            case list():
                return [found for value in node for found in defaults(value)]
        return []

    shown = defaults(SCHEMA)
    assert "2m" in shown and "10s" in shown
    assert not [default for default in shown if default is None or str(default).startswith("PT")]
