"""What pressed keys mean to a menu, and that none of them is lost uncounted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.keys import KEYS, KeyBuffer, KeyTable, Match, match_digits, spoken_keys

MENU = ["#1", "#2", "#3"]


@pytest.mark.parametrize(
    "keys, pressed, match",
    [
        (MENU, "", Match("empty")),
        (MENU, "#1", Match("complete", "#1", 2)),
        (MENU, "1", Match("complete", "#1", 1)),
        (MENU, "#1#2", Match("complete", "#1", 2)),
        (MENU, "12", Match("complete", "#1", 1)),
        (MENU, "#", Match("incomplete")),
        (MENU, "7", Match("invalid", None, 1)),
        (MENU, "#7", Match("invalid", None, 2)),
        (MENU, "##1", Match("invalid", None, 3)),
        (MENU, "7#1", Match("invalid", None, 3)),
        (MENU, "*", Match("invalid", None, 1)),
        # `1` has a meaning of its own
        (["#1", "1"], "1", Match("complete", "1", 1)),
        (["#1", "1"], "#1", Match("complete", "#1", 2)),
        (["#1", "12"], "1", Match("incomplete")),
        (["#1", "12"], "12", Match("complete", "12", 2)),
        # the longest wins, and what goes beyond stays for the next menu
        (["1", "12"], "1", Match("incomplete")),
        (["1", "12"], "12", Match("complete", "12", 2)),
        (["1", "12"], "13", Match("complete", "1", 1)),
        (["1", "123"], "124", Match("complete", "1", 1)),
        (["#", "#1"], "#", Match("incomplete")),
        (["#", "#1"], "#5", Match("complete", "#", 1)),
        (["#"], "#", Match("complete", "#", 1)),
        (["*"], "*", Match("complete", "*", 1)),
        (["##"], "#", Match("incomplete")),
        (["##"], "##", Match("complete", "##", 2)),
        # two keys of which one begins the other, in both orders
        (["#1", "#12"], "1", Match("incomplete")),
        (["#12", "#1"], "1", Match("incomplete")),
        (["#1", "#12"], "12", Match("complete", "#12", 2)),
        (["#12", "#1"], "12", Match("complete", "#12", 2)),
        ([], "1", Match("invalid", None, 1)),
    ],
)
def test_what_keys_mean(keys: list[str], pressed: str, match: Match) -> None:
    assert KeyTable(keys).match(pressed) == match


@pytest.mark.parametrize(
    "keys, pressed, match",
    [
        (MENU, "#", Match("invalid", None, 1)),
        (["1", "12"], "1", Match("complete", "1", 1)),
        (["1", "123"], "12", Match("complete", "1", 1)),
        (["#", "#1"], "#", Match("complete", "#", 1)),
        (["#1", "12"], "1", Match("invalid", None, 1)),
        (["#1", "#12"], "1", Match("complete", "#1", 1)),
    ],
)
def test_what_is_there_must_do_when_nothing_follows(keys: list[str], pressed: str, match: Match) -> None:
    assert KeyTable(keys).match(pressed, waited=True) == match


def test_buffer_keeps_what_was_pressed_until_it_is_used() -> None:
    buffer = KeyBuffer()
    woken = []
    buffer.on_key = lambda: woken.append(str(buffer))
    for key in "#1#2":
        buffer.push(key)
    assert woken == ["#", "#1", "#1#", "#1#2"]
    assert (buffer.use(2), str(buffer), len(buffer)) == ("#1", "#2", 2)
    assert (buffer.empty(), str(buffer), bool(buffer)) == (2, "", False)
    assert (buffer.received, buffer.used, buffer.emptied) == (4, 2, 2)


@pytest.mark.parametrize("key", ["", "A", "12", "１", " "])
def test_what_is_no_key_is_ignored(key: str) -> None:
    buffer = KeyBuffer()
    buffer.on_key = lambda: pytest.fail("nobody is to be woken")
    buffer.push(key)
    assert (str(buffer), buffer.received) == ("", 0)


PRESSING = st.sampled_from(KEYS).map(lambda key: ("push", key))
USING = st.integers(0, 9).map(lambda count: ("use", count))
EMPTYING = st.just(("empty", None))


@given(st.lists(st.one_of(PRESSING, USING, EMPTYING)))
def test_every_key_is_used_emptied_or_left(actions: list[tuple[str, object]]) -> None:
    buffer = KeyBuffer()
    for action, argument in actions:
        getattr(buffer, action)(*([] if argument is None else [argument]))
        assert buffer.received == buffer.used + buffer.emptied + len(buffer)


@pytest.mark.parametrize(
    ("pressed", "longest", "state", "digits", "length"),
    [
        ("", 4, "empty", "", 0),
        ("12", 4, "incomplete", "12", 2),
        ("12#", 4, "complete", "12", 3),
        ("1234", 4, "full", "1234", 4),
        ("1234#", 4, "complete", "1234", 5),  # who ends a full entry by habit does not answer the next menu
        ("1234#1", 4, "complete", "1234", 5),
        ("12345", 4, "complete", "1234", 4),
        ("1234*", 4, "complete", "1234", 4),
        ("#", 4, "complete", "", 1),
        ("1*", 4, "invalid", "", 2),
        ("*", 4, "invalid", "", 1),
    ],
)
def test_an_entry_of_digits(pressed: str, longest: int, state: str, digits: str, length: int) -> None:
    assert match_digits(pressed, longest, "#") == (state, digits, length)


ANSWERS = {
    "はい": "1",
    "いいえ": "2",
    "お願い します": "#3",
    "ゼロ": "0",
    "れい": "0",
    "十": "10",
    "二十": "20",
    "二|に": "2",
}


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        ("はい", "1"),
        ("いいえ", "2"),
        ("お願いします", "#3"),
        ("ゼロ れい 二", "002"),
        ("二十", "20"),  # not 二, 十
        ("はい 二", "12"),
        ("に はい 二", "212"),
        ("はい ありがとう", ""),  # something else was said
        ("[unk] はい", ""),
        ("お願い", ""),
        ("", ""),
    ],
)
def test_spoken_answers(said: str, keys: str) -> None:
    assert spoken_keys(said, ANSWERS) == keys
