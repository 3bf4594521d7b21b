"""Limits, waits and languages as they are written: what is refused, and where it is said."""

import pytest

from ivr.dialplan.check import text_problem
from ivr.dialplan.load import load_text
from ivr.steps import STEPS
from tests.dialplans import FILE, changed, checked, refused

QUEUE = "    agents: shop\n"
CAPACITY = "  capacity: 2\n"
TIME_IS_UP = "  bye:\n", "  time_is_up: {type: play, say: お時間となりました。, next: bye}\n  bye:\n"
BRANCH = "  menu:\n", "  who: {{type: branch, when: [{case}], otherwise: menu}}\n  menu:\n"
# What is changed in SHOP (old, new), and what is said about it.
MISTAKES = {
    "a talk without max": (
        QUEUE,
        QUEUE + "    talk: {warn: 5m}\n",
        '25:5: queue "agents": talk: "max" is missing',
    ),
    "a talk of no time": (
        QUEUE,
        QUEUE + "    talk: {max: 0s}\n",
        '25:5: queue "agents": talk: "max" is no time at all',
    ),
    "a warning before the talk": (
        QUEUE,
        QUEUE + "    talk: {max: 5m, warn: 30m}\n",
        '25:5: queue "agents": talk: "warn" is as long as "max" or longer; it is counted back from the end',
    ),
    "a wrong key": (
        QUEUE,
        QUEUE + "    talk: {max: 5m, wrn: 1m}\n",
        '25:21: queue "agents": talk: unknown key "wrn"; did you mean "warn"?',
    ),
    "a visit that leads nowhere": (
        CAPACITY,
        CAPACITY + "  visit: {max: 60m, otherwise: thank}\n",
        '6:32: line: visit.otherwise: there is no step "thank"; did you mean "thanks"?',
    ),
    "a visit without an end": (
        CAPACITY,
        CAPACITY + "  visit: {max: 60m, warn: 5m}\n",
        '6:3: line: visit: "otherwise" is missing',
    ),
    "a wait of nobody": (
        BRANCH[0],
        BRANCH[1].format(case="{wait: 10m, next: message}"),
        '17:30: branch "who": when: "agents" is missing: the wait in the queue of a group, '
        "as wait: 10m, agents: support",
    ),
    "a group without a wait": (
        BRANCH[0],
        BRANCH[1].format(case="{agents: shop, next: message}"),
        '17:30: branch "who": when: "wait" is missing: the wait in the queue of a group, '
        "as wait: 10m, agents: support",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_where_it_stands(mistake: str) -> None:
    old, new, said = MISTAKES[mistake]
    assert f"{FILE}:{said}" in refused(changed(old, new))


def test_a_language_has_two_letters() -> None:
    said = refused(changed(BRANCH[0], BRANCH[1].format(case="{language: English, next: message}")))
    assert (
        f'{FILE}:17:41: branch "who": when.language: "english" is no language; write its two letters, like "en"'
        in said
    )
    assert refused(changed(BRANCH[0], BRANCH[1].format(case="{language: EN, next: message}"))) == []


def test_the_end_of_a_visit_is_a_way_to_its_step() -> None:
    """Nothing else leads there."""
    text = changed(CAPACITY, CAPACITY + "  visit: {max: 60m, warn: 5m, otherwise: time_is_up}\n")
    assert checked(changed(*TIME_IS_UP, text)) == []


def test_a_text_of_a_visit_that_cannot_be_spoken_is_said_where_it_stands() -> None:
    text = changed(CAPACITY, CAPACITY + "  visit: {max: 60m, over: ……, otherwise: thanks}\n")
    said = text_problem(FILE, load_text(FILE, text, STEPS), "……", "nothing in it can be read aloud")
    assert str(said) == f"{FILE}:6:27: line: visit.over: nothing in it can be read aloud"


def test_the_texts_of_a_visit_are_checked() -> None:
    visit = '  visit: {max: 60m, warn: 5m, warning: "{wait}です。", otherwise: thanks}\n'
    assert checked(changed(CAPACITY, CAPACITY + visit)) == [
        f'{FILE}:6:40: line: visit.warning: "{{wait}}" is not known here; '
        'say it in "say" or "waiting" of a queue step'
    ]
