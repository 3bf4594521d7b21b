"""The table of DESIGN.md, "Callbacks"."""

import pytest

from ivr.callbacks import states
from ivr.errors import Conflict

ALLOWED = [
    ("open", "claimed"),
    ("claimed", "dialing"),
    ("dialing", "talking"),
    ("talking", "done"),
    ("talking", "working"),
    ("talking", "waiting"),
    ("dialing", "open"),
    ("talking", "open"),
    ("open", "done"),
    ("claimed", "done"),
    ("claimed", "open"),
    ("done", "open"),
    ("open", "cancelled"),
    ("open", "unreachable"),
    ("working", "done"),
    ("waiting", "done"),
]
FORBIDDEN = [
    ("open", "talking"),
    ("open", "dialing"),
    ("dialing", "done"),
    ("dialing", "claimed"),
    ("talking", "claimed"),
    ("done", "done"),
    ("done", "claimed"),
    ("cancelled", "open"),
    ("unreachable", "open"),
    ("open", "open"),
]


@pytest.mark.parametrize(("before", "after"), ALLOWED)
def test_allowed(before: str, after: states.State) -> None:
    states.require(before, after)


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_forbidden(before: str, after: states.State) -> None:
    with pytest.raises(Conflict):
        states.require(before, after)


def test_the_words_of_the_pages() -> None:
    assert [states.WORDS[state] for state in states.STATES] == [
        "未対応",
        "担当中",
        "発信中",
        "通話中",
        "確認中",
        "お客様待ち",
        "対応済み",
        "取消",
        "連絡不能",
    ]
    with pytest.raises(Conflict, match="この折り返しは「対応済み」のため、「担当中」にできません。"):
        states.require("done", "claimed")


def test_a_state_that_does_not_exist_is_named() -> None:
    with pytest.raises(Conflict, match="lost"):
        states.require("lost", "open")
