"""A key that was typed ahead never gives consent: pressed at each 100 ms before the rules begin."""

import asyncio
from pathlib import Path

import pytest

from ivr.dialplan.load import load
from ivr.steps import STEPS
from tests.fakes.virtual_time import VirtualLoop
from tests.fakes.world import Do
from tests.flows.office import Office, Visit

MEMBERS = load(Path(__file__).parent / "dialplans" / "members.yaml", STEPS)
NOTICE = "お問い合わせ内容の確認と応対品質の向上のため、この通話を録音いたします。"
RULES = "会員規約に同意される場合は1を、同意されない場合は2を押してください。"


def visit_with(script: list[Do], leaves: float) -> Visit:
    async def main() -> Visit:
        visit = Visit("c1", script)
        office = Office("2026-11-24 11:00", [visit], [], MEMBERS)
        serving = asyncio.create_task(office.serve())
        await asyncio.sleep(leaves)
        visit.telephone.hang_up()
        await serving
        return visit

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def begins(visit: Visit, text: str) -> float:
    return next(each.at for each in visit.telephone.heard if each.text == text)


@pytest.mark.parametrize("keys", ["1", "11", "1111"])
def test_rules_are_heard_whatever_was_typed_ahead(keys: str) -> None:
    """The notice takes three seconds, the menu is left by its key, then come the rules."""
    undisturbed = visit_with([Do(NOTICE, 1.0, press="3")], 30.0)
    rules = begins(undisturbed, RULES)
    for tenths in range(1, round(rules * 10)):
        ahead = [Do("answer", tenths / 10, press="3" + keys, gap=0.0)]
        visit = visit_with(ahead, 30.0)
        heard = [each for each in visit.telephone.heard if each.text == RULES]
        assert heard and heard[0].whole, tenths
        assert visit.state.path[:5] == ["notice", "who", "menu", "3", "rules"], tenths
        assert "1" not in visit.state.path, tenths


@pytest.mark.parametrize("at", [0.1, 1.0, 2.5])
def test_a_notice_without_a_question_is_said_to_its_end(at: float) -> None:
    visit = visit_with([Do("answer", at, press="33")], 20.0)
    assert visit.telephone.heard[0].text == NOTICE
    assert visit.telephone.heard[0].whole
