"""Callers on the flow of a line: each way once a caller, where they hung up, how long they stayed."""

from datetime import UTC, datetime
from xml.etree import ElementTree

from ivr.dialplan import draw
from ivr.dialplan.load import load_text
from ivr.steps import STEPS
from ivr.store.calls import Passage
from ivr.traffic import Traffic, count
from tests.dialplans import SHOP

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def passage(outcome: str, *path: str, times: list[float] | None = None, seconds: float = 60.0) -> Passage:
    return Passage("c", "hash", None, None, AT, seconds, outcome, None, path, times or [])


def four_calls() -> Traffic:
    return count(
        load_text("shop.yaml", SHOP, STEPS),
        [
            passage("answered", "office", "menu", "#1", "agents", times=[0.1, 0.2, 6.0, 6.2], seconds=36.2),
            passage("abandoned", "office", "menu", times=[0.1, 0.2], seconds=4.2),
            passage("message", "office", "message", "thanks", "bye"),
            passage("informed", "office", "campaign", "bye"),
        ],
    )


def test_each_way_and_where_they_hung_up() -> None:
    found = four_calls()
    assert (found.calls, found.strange) == (4, 1)
    assert found.ways == {
        ("office", "menu"): 2,
        ("menu", "agents"): 1,
        ("office", "message"): 1,
        ("message", "thanks"): 1,
        ("thanks", "bye"): 1,
    }
    assert found.left == {"menu": 1}
    assert found.visited == {"office": 4, "menu": 2, "agents": 1, "message": 1, "thanks": 1, "bye": 2}


def test_the_stay_in_a_step_is_the_median_of_those_that_are_known() -> None:
    # In the menu 6.0 s until the next step (the key belongs to the menu), and 4.0 s until the hang-up.
    assert four_calls().seconds == {"office": 0.1, "menu": 5.0, "agents": 30.0}


def test_who_goes_round_is_one_caller() -> None:
    found = count(
        load_text("shop.yaml", SHOP.replace("next: bye", "next: menu"), STEPS),
        [passage("answered", "office", "menu", "agents", "message", "thanks", "menu", "agents")],
    )
    assert found.ways["menu", "agents"] == 1 and found.visited["menu"] == 1


def test_the_picture_and_the_text_show_them() -> None:
    plan = load_text("shop.yaml", SHOP, STEPS)
    taken, notes = four_calls().labels()
    texts = [each.text for each in ElementTree.fromstring(draw.svg(plan, taken, notes)).iter() if each.text]
    assert texts[texts.index("営業中") + 1] == "2人" and "2人、途中で切断1人" in texts
    assert '    s0 -->|"営業時間外 1人"| s3' in draw.mermaid(plan, taken).splitlines()
