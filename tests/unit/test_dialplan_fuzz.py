"""Whatever a file holds, it is read or refused in words; no other exception ever comes out."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ivr.dialplan.check import check
from ivr.dialplan.load import load, load_all, load_text
from ivr.dialplan.problems import BadDialplan, Problem
from ivr.dialplan.shared import Shared
from ivr.steps import STEPS
from tests.dialplans import FILE, TODAY

TESTS = Path(__file__).parent.parent
ECFORCE = (TESTS.parent / "dialplans" / "ecforce.yaml").read_text("utf-8")
OTHERS = [
    (TESTS / f"flows/dialplans/{name}.yaml").read_text("utf-8")
    for name in ("members", "contact", "staff", "urgent", "mailbox", "ticket")
]
DESKS = [ECFORCE, *OTHERS]
SHARED = """\
use: [endings]
hours:
  hotline: {zone: Asia/Tokyo, weekly: {月-日: "0:00-24:00"}, closed: {"12/31": 年末}}
groups:
  support: {name: サポート}
  onboarding: {name: 導入}
  billing: {name: 請求}
prompts:
  wait: そのままお待ちください。
steps:
  again: {type: play, say: "{prompts.wait}", next: bye}
  on: {type: goto, line: eccall, step: menu}
"""
ENDINGS = """\
steps:
  bye: {type: hangup}
"""
OWN = """\
line: {tenant: shop, name: 店, numbers: ["050-3185-9080"]}
start: first
steps:
  first: {type: queue, agents: support, otherwise: again}
"""
LINES = ECFORCE.splitlines(keepends=True)

quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(text: str) -> None:
    try:
        dialplan = load_text(FILE, text, STEPS)
    except BadDialplan as error:
        assert error.problems
        plain(error.problems)
    else:
        check(FILE, dialplan, TODAY)


def plain(problems: Iterable[Problem]) -> None:
    for problem in problems:
        assert problem.line >= 1 and problem.column >= 1
        # The last word of `_WORDS`, and pydantic's own way to speak, must not be needed.
        for jargon in ("does not fit here", "Input should", "validation error", "pydantic", "\n"):
            assert jargon not in str(problem), problem


def read_shared(text: str) -> None:
    """As the file that ecforce.yaml uses: whatever is wrong with it is said, and a version reads back."""
    shared = Shared("dialplans/shared", ["any", "endings"], {"any": text, "endings": ENDINGS}.__getitem__)
    try:
        dialplan = load_text(FILE, f"use: [any, endings]\n{OWN}", STEPS, shared)
    except BadDialplan as error:
        plain(error.problems)
        return
    check(FILE, dialplan, TODAY)
    assert load_text(FILE, dialplan.source, STEPS) == dialplan


def test_the_files_of_this_module_have_every_type_of_step() -> None:
    assert [kind for kind in STEPS if not any(f"type: {kind}" in text for text in [*DESKS, SHARED])] == []


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


@quick
@given(st.integers(0, len(SHARED)), st.integers(0, len(SHARED)))
def test_any_part_of_a_shared_file(begin: int, end: int) -> None:
    read_shared(SHARED[begin:end])


@quick
@given(
    st.integers(0, len(SHARED)),
    st.sampled_from([*"{}[]:#*&!\"'\n\t\\-", "{prompts.", "\n--- # shared/any.yaml\n", "\0", "true"]),
)
@example(0, "--- # shared/endings.yaml\n")
@example(0, "\ufeff")
def test_any_slip_of_the_hand_in_a_shared_file(place: int, slip: str) -> None:
    read_shared(SHARED[:place] + slip + SHARED[place:])


@quick
@given(st.lists(st.sampled_from(["any", "endings", "shop", "", "a/b", "..", "readings"]), max_size=4))
def test_any_use(names: list[str]) -> None:
    read_shared(SHARED.replace("[endings]", str(names)))


@quick
@given(st.binary(max_size=200))
@example(b"\xff\xfe" * 100)
@example(b"[" * 100_000)
@example(b"# " + b"x" * 10_000_000)
@example(b"a: &a [" + b"x," * 50 + b"]\nb: [" + b"*a," * 50 + b"]")
@example("hours: 営業時間".encode("cp932"))
def test_any_bytes_in_a_shared_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "shared").mkdir(exist_ok=True)
    (tmp_path / "shop.yaml").write_text(f"use: [any]\n{OWN}")
    (tmp_path / "shared" / "any.yaml").write_bytes(data)
    _, problems = load_all(tmp_path, STEPS)
    assert problems
    plain(problems)


@quick
@given(st.text(max_size=60), st.text(alphabet="ab/.-# \n", max_size=20))
def test_any_text_that_a_store_may_hold(text: str, name: str) -> None:
    read(f"{OWN}--- # shared/{name}.yaml\n{text}")


scalars = st.one_of(st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none())
anything = scalars
for _ in range(3):
    inner = anything
    anything = st.one_of(
        scalars, st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    )


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


PLACES = [(desk, place) for desk in DESKS for place in places(yaml.load(desk, yaml.BaseLoader))[1:]]


@settings(max_examples=400)
@given(st.sampled_from(PLACES), anything)
def test_any_value_in_any_place(where: tuple[str, tuple[Any, ...]], value: Any) -> None:
    desk, place = where
    tree = yaml.load(desk, yaml.BaseLoader)
    node = tree
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    read(yaml.safe_dump(tree, allow_unicode=True))


SHARED_PLACES = places(yaml.load(SHARED, yaml.BaseLoader))[1:]


@settings(max_examples=200)
@given(st.sampled_from(SHARED_PLACES), anything)
@example(("hours",), {"\n": None})
@example(("use", 0), "\n")
def test_any_value_in_any_place_of_a_shared_file(place: tuple[Any, ...], value: Any) -> None:
    tree = yaml.load(SHARED, yaml.BaseLoader)
    node = tree
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    read_shared(yaml.safe_dump(tree, allow_unicode=True))
