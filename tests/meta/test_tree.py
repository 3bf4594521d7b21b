"""Small rules of the tree: nothing grows too large, and tests stay what docs/dev/tests.md says they are."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = {"unit", "flows", "store", "web", "asterisk", "faults", "meta"}
LONGEST_FILE = 500  # lines
LONGEST_FUNCTION = 60

# path, or path:function -> why it may be longer
LONGER = {
    "ivr/store/migrations/versions/0001_the_first_tables.py:upgrade": "a list of tables, as Alembic writes it",
}


def python_files(*tops: str) -> list[Path]:
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long(path: Path) -> Iterator[str]:
    source = path.read_text("utf-8")
    if source.count("\n") > LONGEST_FILE:
        yield name_of(path)
    for function in functions(ast.parse(source)):
        assert function.end_lineno is not None
        if function.end_lineno - function.lineno + 1 > LONGEST_FUNCTION:
            yield f"{name_of(path)}:{function.name}"


def test_nothing_is_longer_than_a_reader_can_hold() -> None:
    files = python_files("ivr", "transcribe", "asterisk_conf")
    assert len(files) > 50
    found = {name for path in files for name in too_long(path)}
    assert found - LONGER.keys() == set(), "shorten it, or give a reason in LONGER"
    assert LONGER.keys() - found == set(), "no longer longer"


def test_a_test_module_stands_in_the_folder_of_its_kind() -> None:
    modules = list((ROOT / "tests").rglob("test_*.py"))
    assert len(modules) > 30
    misplaced = [
        name_of(path) for path in modules if path.parent.relative_to(ROOT / "tests").parts[0] not in KINDS
    ]
    assert misplaced == []


# What tests do not use, as dotted names after the imports were followed.
FORBIDDEN = {
    "time.sleep": "only between two looks of a while loop; poll to a deadline, or use virtual time",
    "pytest.skip": "what is missing must fail",
    "pytest.importorskip": "what is missing must fail",
    "pytest.mark.skip": "what is missing must fail",
    "pytest.mark.skipif": "what is missing must fail",
    "pytest.mark.xfail": "a test that may fail is none",
    "pytest.xfail": "a test that may fail is none",
    "unittest.mock": "fakes stand at our own protocols",
}


def used(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a module imports or reaches by attribute."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    polls = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    between_looks = {inner for poll in polls for inner in ast.walk(poll)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            head, *rest = ast.unparse(node).split(".")
            name = ".".join([names.get(head, ""), *rest])
            if head in names and not (name == "time.sleep" and node in between_looks):
                yield node.lineno, name


def forbidden(source: str) -> list[tuple[int, str]]:
    return sorted(
        {
            (line, rule)
            for line, name in used(source)
            for rule in FORBIDDEN
            if name == rule or name.startswith(f"{rule}.")
        }
    )


def test_tests_neither_sleep_nor_skip_nor_mock() -> None:
    found = [
        f"{name_of(path)}:{line}: {rule}: {FORBIDDEN[rule]}"
        for path in python_files("tests")
        for line, rule in forbidden(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.sleep(1)",
        "from time import sleep\nsleep(1)",
        "import time as t\nt.sleep(1)",
        "import pytest\n@pytest.mark.skipif(True, reason='')\ndef test(): ...",
        "from unittest import mock",
        "from unittest.mock import patch",
        "import unittest.mock",
    ],
)
def test_the_rule_sees_them(source: str) -> None:
    assert forbidden(source)


def test_the_rule_sees_nothing_else() -> None:
    assert forbidden("import time\ntime.monotonic()\n# time.sleep(1)\nword = 'pytest.skip'") == []
    assert forbidden("import time\nwhile not there():\n    assert in_time()\n    time.sleep(0.05)") == []


def test_every_benchmark_finds_what_it_imports() -> None:
    """They are started by hand; whoever renames what one of them uses would not notice."""
    benchmarks = sorted((ROOT / "bench").glob("*.py"))
    assert len(benchmarks) > 15
    for path in benchmarks:
        importlib.import_module(f"bench.{path.stem}")


def test_the_lock_has_every_package_that_is_asked_for() -> None:
    """A clean clone installs what is locked and nothing else: `script/lock` writes it anew."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=;\s]", line)[0].lower().replace("_", "-") for line in asked}
    locked = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "script" / "requirements.lock").read_text("utf-8").splitlines()
        if re.match(r"[a-zA-Z]", line)
    }
    locked = {name.partition("[")[0] for name in locked}
    assert len(names) > 20
    assert names - locked == set(), "run script/lock"


def test_scenarios_that_run_beside_each_other_have_callers_of_their_own() -> None:
    """A number that two files dial from is two calls of one caller, when the machine is slow enough."""
    of: dict[str, set[str]] = {}
    for path in (ROOT / "tests" / "asterisk").glob("test_calls_*.py"):
        for number in re.findall(r"(?:\b0|\+81)(90-?\d{4}-?\d{4})\b", path.read_text("utf-8")):
            of.setdefault(number.replace("-", ""), set()).add(path.name)
    assert len(of) > 30
    assert {number: sorted(files) for number, files in of.items() if len(files) > 1} == {}
