"""Whatever a file holds, it is read or refused in words; no other exception ever comes out."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ivr.dialplan.check import check
from ivr.dialplan.load import load, load_text
from ivr.dialplan.problems import BadDialplan
from ivr.steps import STEPS
from tests.dialplans import FILE, TODAY

ECFORCE = (Path(__file__).parent.parent.parent / "dialplans" / "ecforce.yaml").read_text("utf-8")
MEMBERS = (Path(__file__).parent.parent / "flows" / "dialplans" / "members.yaml").read_text("utf-8")
DESKS = [ECFORCE, MEMBERS]  # together they have every type of step
LINES = ECFORCE.splitlines(keepends=True)

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(text: str) -> None:
    try:
        dialplan = load_text(FILE, text, STEPS)
    except BadDialplan as error:
        assert error.problems
        for problem in error.problems:
            assert problem.line >= 1 and problem.column >= 1
            # The last word of `_WORDS`, and pydantic's own way to speak, must not be needed.
            for jargon in ("does not fit here", "Input should", "validation error", "pydantic", "\n"):
                assert jargon not in str(problem), problem
    else:
        check(FILE, dialplan, TODAY)


@quick
@given(st.binary(max_size=400))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "shop.yaml"
    path.write_bytes(data)
    try:
        load(path, STEPS)
    except BadDialplan as error:
        assert error.problems


@quick
@given(
    st.text(alphabet=st.sampled_from("ab:- \n\t{}[],\"'#&*!|>%@`?<=\\0\u3042\ud800\ufeff\x85"), max_size=60)
)
@example("\x85\x85{a}b: c: d")  # more line breaks than "\n"
def test_any_text_of_characters_that_mean_something_to_yaml(text: str) -> None:
    read(text)


@quick
@given(st.integers(0, len(ECFORCE)))
def test_any_truncation(length: int) -> None:
    read(ECFORCE[:length])


@quick
@given(
    st.sampled_from(DESKS),
    st.integers(0, max(map(len, DESKS))),
    st.sampled_from([*"{}[]:#*&!\"'\n\t\\-", "{line", "\0", "true", "1"]),
)
def test_any_slip_of_the_hand(desk: str, place: int, slip: str) -> None:
    read(desk[:place] + slip + desk[place:])


@quick
@given(st.lists(st.integers(0, len(LINES) - 1), max_size=3), st.permutations(range(4)))
def test_any_lines_lost_and_turned_round(lost: list[int], order: list[int]) -> None:
    kept = [line for number, line in enumerate(LINES) if number not in lost]
    start = lost[0] if lost else 0
    kept[start : start + 4] = [kept[start + i] for i in order if start + i < len(kept)]
    read("".join(kept))


scalars = st.one_of(st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none())
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


PLACES = [(desk, place) for desk in DESKS for place in places(yaml.load(desk, yaml.BaseLoader))[1:]]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), anything)
def test_any_value_in_any_place(where: tuple[str, tuple[Any, ...]], value: Any) -> None:
    desk, place = where
    tree = yaml.load(desk, yaml.BaseLoader)
    node = tree
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    read(yaml.safe_dump(tree, allow_unicode=True))
