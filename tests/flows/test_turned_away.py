"""着信規制 on lines that say something of their own to such callers, or let them in."""

from ivr.dialplan.load import load_text
from ivr.dialplan.texts import all_texts
from ivr.steps import STEPS
from tests.dialplans import SHOP
from tests.fakes.virtual_time import in_virtual_time
from tests.flows.office import Office, Visit

OWN = "このお電話は、お受けできません。"


def office(turn_away: str) -> Office:
    source = SHOP.replace("line:\n", f"line:\n  turn_away: {turn_away}\n", 1)
    made = Office("2026-11-22 11:00", [Visit("c1", [])], [], load_text("shop.yaml", source, STEPS))
    made.customers.refused.append("+819012345678")
    return made


@in_virtual_time
async def test_a_sentence_of_the_line_s_own() -> None:
    desk = office(OWN)
    await desk.serve()
    (visit,) = desk.visits
    assert [each.text for each in visit.telephone.heard] == [OWN]
    assert visit.state.outcome == "turned_away" and visit.telephone.answered
    assert OWN in all_texts(desk.dialplan, desk.began.date(), 1)


@in_virtual_time
async def test_a_line_that_lets_everybody_in() -> None:
    desk = office("false")
    await desk.serve()
    assert desk.visits[0].state.path[0] == "office"
    assert not any("お受けいたしかねます" in text for text in all_texts(desk.dialplan, desk.began.date(), 1))
