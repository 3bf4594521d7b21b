"""An engine that dies while it confirms a closing: the next one confirms it again, and closes nothing twice."""

from tests.fakes.virtual_time import in_virtual_time
from tests.flows.scenarios import Scenario, heard_names, scenarios

(CLOSED,) = [one for one in scenarios() if one.name.startswith("staff: closed for today")]


async def confirmed_at(scenario: Scenario) -> float:
    office = scenario.office()
    await office.serve()
    (said,) = [
        each.at for each in office.visits[0].telephone.heard if each.text == "臨時休業に設定しました。"
    ]
    return said


@in_virtual_time
async def test_confirmed_again_and_set_once() -> None:
    office = CLOSED.office()
    await office.serve(kill_at=await confirmed_at(CLOSED) + 0.5)
    (visit,) = office.visits
    assert len(visit.calls) == 2
    assert office.book.log == ["closed 2026-11-24 台風"]
    assert heard_names(visit)[-3:] == ["STAFF_CLOSED", "STAFF_CLOSED", "STAFF_BYE"]
    assert visit.state.outcome == "informed"
