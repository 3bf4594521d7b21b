"""The dialplans as shipped: nothing is wrong with them, nothing warned of, and each is one of the five desks."""

import pyopenjtalk
import pytest

from ivr.dialplan.check import check_all
from ivr.dialplan.load import load_all
from ivr.dialplan.readings import load_readings
from ivr.prompts.reading import normalise
from ivr.steps import STEPS
from tests.dialplans import TODAY
from tests.flows.scenarios import LIVE
from tests.flows.test_promises import DESKS


def test_nothing_is_wrong_with_any_desk() -> None:
    dialplans, problems = load_all(LIVE, STEPS)
    assert [str(problem) for problem in [*problems, *check_all(dialplans, TODAY)]] == []
    lines = [dialplan.key for dialplan in dialplans.values()]
    assert {desk for desk in DESKS if desk not in lines} == set()
    shops = [line for line in lines if line not in DESKS]
    assert len(shops) >= 2 and all(shop.startswith("eccall-") for shop in shops)


def test_each_desk_is_a_company_of_its_own() -> None:
    """Their users and messages must not meet. A number of its staff belongs to the company that it is for."""
    dialplans, _ = load_all(LIVE, STEPS)
    staffs = [each for each in dialplans.values() if any(s.type == "mailbox" for s in each.steps.values())]
    tenants = [each.line.tenant for each in dialplans.values() if each not in staffs]
    assert len(set(tenants)) == len(tenants)
    assert staffs and {each.line.tenant for each in staffs} <= set(tenants)


@pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")
def test_the_names_of_products_are_read_as_people_say_them() -> None:
    readings, problems = load_readings(LIVE)
    assert problems == []
    text = normalise("ecforceのefo、chat、profile、ma、ECcall、emailに関するお問い合わせ", readings)
    assert pyopenjtalk.g2p(text, kana=True).startswith(
        "イーシーフォースノイーエフオー、チャット、プロフィール、エムエー、イーシーコール、イーエムエーアイエル"
    )
