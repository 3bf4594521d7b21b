"""Limits of talks and visits to the second, on both sides of the line; the wait that callers are told."""

from pathlib import Path

import pytest

from ivr.dialplan.load import load, load_text
from ivr.dialplan.model import Dialplan
from ivr.steps import STEPS
from tests.fakes.fake_roster import Agent
from tests.fakes.virtual_time import in_virtual_time
from tests.fakes.world import AgentTelephone, Do, Heard
from tests.flows.office import Office, Visit

LIMITS = load(Path(__file__).parent / "dialplans" / "limits.yaml", STEPS)
OPEN = "2026-11-24 11:00"
CHOICES = "ご相談は1を、ご登録は2を、留守番電話は3を押してください。もう一度お聞きになる場合は、米印を押してください。"
ONE_MINUTE = "お時間は、あと1分でございます。"
OVER = "恐れ入りますが、お時間となりましたので、お話を終了いたします。お電話ありがとうございました。"
LITTLE_TIME = "恐れ入りますが、お話しいただけるお時間が、残り少なくなっております。"
TIME_IS_UP = "恐れ入りますが、お時間となりました。お電話ありがとうございました。"
TO_SUPPORT = Do(CHOICES, 1.0, press="1")


def heard(visit: Visit, text: str) -> Heard:
    [found] = [each for each in visit.telephone.heard if each.text == text]
    return found


def seconds(expected: float) -> object:
    return pytest.approx(expected, abs=0.3)


async def talk(
    kill_at: float | None = None, dialplan: Dialplan = LIMITS
) -> tuple[Visit, AgentTelephone, float]:
    """One caller and an agent who would never stop talking; also when the talk began."""
    visit = Visit("c1", [TO_SUPPORT])
    telephone = AgentTelephone("tanaka", [1.0], talks=900.0)
    office = Office(OPEN, [visit], [(Agent("tanaka", "support"), telephone)], dialplan)
    await office.serve(kill_at)
    return visit, telephone, telephone.rings[0][0] + 1.0


# The talk lasts from 6.4 s to 186.4 s; both are warned at 126.4 s.
@pytest.mark.parametrize("kill_at", [None, 7.5, 60.0, 125.0])
@in_virtual_time
async def test_both_hear_the_end_of_a_talk(kill_at: float | None) -> None:
    """A new engine goes on counting where the old one began."""
    visit, agent, began = await talk(kill_at)
    assert agent.heard == [ONE_MINUTE, OVER]
    assert heard(visit, ONE_MINUTE).at - began == seconds(120)
    assert heard(visit, OVER).at - began == seconds(180)
    assert heard(visit, OVER).whole
    assert (visit.state.path[:5], visit.state.outcome) == (
        ["who", "menu", "1", "support", "survey"],
        "answered",
    )


@in_virtual_time
async def test_an_end_that_falls_between_two_engines_comes_with_the_next() -> None:
    visit, agent, began = await talk(kill_at=186.2)
    assert agent.heard == [ONE_MINUTE, OVER]
    assert heard(visit, OVER).at - began == pytest.approx(181, abs=0.5)


@in_virtual_time
async def test_a_warning_whose_time_is_past_is_not_said_late() -> None:
    visit, agent, began = await talk(kill_at=130.0)
    assert agent.heard == [ONE_MINUTE, OVER]
    assert heard(visit, OVER).at - began == seconds(180)


@in_virtual_time
async def test_a_talk_ends_with_the_visit() -> None:
    """The second caller of one agent talks from 200 s on, and may stay until 300 s after the call began."""
    first = Visit("c1", [TO_SUPPORT, Do(ONE_MINUTE, 1.0), Do(OVER, 1.0, hang_up=True)])
    second = Visit("c2", [TO_SUPPORT], calls_at=10.0)
    telephone = AgentTelephone("tanaka", [1.0], talks=900.0)
    office = Office(OPEN, [first, second], [(Agent("tanaka", "support"), telephone)], LIMITS)
    await office.serve()
    assert heard(second, LITTLE_TIME).at - second.calls_at == seconds(240)
    assert heard(second, OVER).at - second.calls_at == seconds(300)
    assert telephone.heard == [ONE_MINUTE, OVER, LITTLE_TIME, OVER]
    assert second.state.path == ["who", "menu", "1", "support", "time_is_up", "bye"]
    assert second.state.outcome == "answered"
    assert heard(second, TIME_IS_UP).whole


@in_virtual_time
async def test_callers_are_told_the_wait_and_a_branch_goes_by_it() -> None:
    """Each talk of a minute keeps the agent 90 s: the first in the queue waits that long, the second three minutes."""
    served = [Visit(f"c{n}", [TO_SUPPORT], calls_at=100.0 * n) for n in range(4)]
    told = Visit("told", [TO_SUPPORT, Do("かかる見込みです。", 1.0, hang_up=True)], calls_at=310.0)
    late = Visit("late", [], calls_at=325.0)
    telephone = AgentTelephone("tanaka", [1.0], talks=60.0)
    office = Office(OPEN, [*served, told, late], [(Agent("tanaka", "support"), telephone)], LIMITS)
    await office.serve()
    said = [each.text for each in told.telephone.heard]
    assert said[-3:] == ["おつなぎするまで、およそ", "2分", "かかる見込みです。"]
    assert late.state.path == ["who", "crowded", "bye"]
    assert [each.state.outcome for each in served] == ["answered"] * 4


MENUS = load_text(
    "menus.yaml",
    """
line: {tenant: t, name: n, numbers: ["050-3185-9080"]}
start: first
steps:
  first: {type: menu, say: LONG, keys: {"1": second}, repeat: 5, replay: star, wait: 1s, otherwise: second}
  second: {type: menu, say: SHORT, keys: {"1": bye_text}, repeat: 5, wait: 1s, otherwise: bye_text}
  bye_text: {type: play, say: お電話ありがとうございました。, next: bye}
  bye: {type: hangup}
""".replace("LONG", "長い" * 42 + "。").replace("SHORT", "短い" * 24 + "。"),
    STEPS,
)
LONG, SHORT = "長い" * 42 + "。", "短い" * 24 + "。"  # 12.1 s and 7 s, at seven characters a second


@pytest.mark.parametrize(
    ("script", "times"),
    [
        (
            [],
            {LONG: 2, SHORT: 1},
        ),  # 12.1 + 5.6 (nobody pressed) + 12.1 = 29.9; with the second 36.9; once more: 54.6
        ([Do(LONG, 0.5, press="9")], {LONG: 2, SHORT: 1}),
        ([Do(LONG, 0.5, press="1")], {LONG: 1, SHORT: 3}),  # 12.1 + 7 + 2 x (5.6 + 7) = 44.3
        ([Do(LONG, 0.5, press="*")] * 4 + [Do(LONG, 0.5, press="1")], {LONG: 5, SHORT: 3}),
    ],
)
@in_virtual_time
async def test_nobody_hears_more_than_45_seconds_of_menus(script: list[Do], times: dict[str, int]) -> None:
    """`repeat: 5` or not; only who presses 米印 hears more, by his own wish."""
    visit = Visit("c1", script)
    await Office(OPEN, [visit], [], MENUS).serve()
    said = [each.text for each in visit.telephone.heard]
    assert {text: said.count(text) for text in (LONG, SHORT)} == times
    menus = sum(len(text) for text in said[:-1]) / 7
    assert menus <= 45 or any(do.press == "*" for do in script)
    assert visit.state.path[-1] == "bye"
