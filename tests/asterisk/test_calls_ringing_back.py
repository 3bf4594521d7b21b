"""Customers rung back: who rings when, whom they hear, what number is shown, and who hangs up at which stage.

An engine that is killed in it: test_calls_faults.py. What a carrier answers: test_trunks.py.
"""

import asyncio
import time
from collections.abc import Mapping

import numpy as np
import pytest

from ivr.ringing_back.texts import CALLING, NOT_REACHED, PRESS
from tests.asterisk.desk import PATIENCE, Desk, Person, Running, Scenario, until
from tests.asterisk.hearing import tone
from tests.asterisk.pressing import Form, Page, page

LINE = "line9093"
SHOWN = "05031859093"  # the line's number, on every telephone that rings
AIKO = ("aoki", "t09011180001")  # an agent, and her customer's telephone
FORM_LINE, FORM_SHOWN = "line9095", "05031859095"
CHIE = ("maeda", "t09011180004")
DAIKI = ("nomura", "t09011180005")
BEN = ("endo", "t09011180002", "t08011180003")  # and his mobile


async def an_agent_and_customers_who_talk_or_are_busy(desk: Desk) -> None:
    async with (
        page(desk, LINE) as pages,
        desk.agent(AIKO[0], answers=False) as agent,
        desk.agent(AIKO[1], answers=False) as customer,
    ):
        ticket = await pages.asked("+819011180001")
        await pages.press(ticket, "aoki")
        await _they_talk(desk, pages, ticket, agent, customer)
        await customer.hang_up()
        await agent.is_hung_up()
        await until(lambda: pages.agent_is("aoki") != "talking", PATIENCE, "the agent is free")
        assert pages.state(ticket) == ("talking", "aoki", None, 1), "the agent has yet to say how it went"
        await pages.records(ticket, "aoki")

        # The other way round: the agent hangs up.
        ticket = await pages.asked("+819011180001")
        await pages.press(ticket, "aoki")
        await _they_talk(desk, pages, ticket, agent, customer)
        await agent.hang_up()
        await customer.is_hung_up()
        await until(lambda: pages.agent_is("aoki") != "talking", PATIENCE, "the agent is free")
        await pages.records(ticket, "aoki")

        # The customer is busy.
        ticket = await pages.asked("+819011180001")
        await pages.press(ticket, "aoki")
        await _rings(agent)
        await agent.telephone.accept()
        await _rings(customer)
        await customer.hang_up()
        await agent.hears(NOT_REACHED["busy"])
        await agent.is_hung_up()
        state, _, outcome, attempts = pages.state(ticket)
        assert (state, outcome, attempts) == ("open", "busy", 1)


async def who_is_not_there_rings_no_customer(desk: Desk) -> None:
    name, outside, mobile = BEN
    async with (
        page(desk, LINE) as pages,
        desk.agent(name, answers=False) as agent,
        desk.agent(outside, answers=False) as customer,
        desk.agent(mobile) as machine,
    ):
        ticket = await pages.asked("+819011180002")
        await pages.press(ticket, name)
        await _rings(agent)
        await agent.hang_up()  # declines
        await until(lambda: pages.state(ticket) == ("claimed", name, None, 0), PATIENCE, "no attempt")
        assert ("not_rung", "オペレーターの電話機が話し中でした。") in pages.history(ticket)

        await pages.has_mobile(name, "+818011180003")
        # A machine on the mobile speaks without end and presses nothing.
        await pages.press(ticket, name, "mobile")
        await machine.telephone.wait_for("CALL_ESTABLISHED")
        await machine.sounds(tone(1000, 60))
        await machine.hears(PRESS, PRESS)
        await machine.is_hung_up()
        await until(lambda: pages.state(ticket) == ("claimed", name, None, 0), PATIENCE, "no attempt")
        assert ("not_rung", "オペレーターの携帯電話で、1が押されませんでした。") in pages.history(ticket)
        assert not _rings_ever(customer)

        # The same mobile, with its owner; who hangs up while the customer is rung.
        await pages.press(ticket, name, "mobile")
        await machine.telephone.wait_for("CALL_ESTABLISHED")
        await machine.begins_to_hear(PRESS)
        await machine.press("1")
        await _rings(customer)
        await machine.begins_to_hear(CALLING)
        await machine.hang_up()
        await customer.is_hung_up()
        await until(lambda: pages.state(ticket) == ("open", None, "no_answer", 1), PATIENCE, "不在")


async def customers_who_hang_up_as_they_answer_or_do_not_answer_at_all(desk: Desk) -> None:
    name, outside = DAIKI
    async with (
        page(desk, LINE) as pages,
        desk.agent(name) as agent,
        desk.agent(outside, answers=False) as customer,
    ):
        ticket = await pages.asked("+819011180005")
        await pages.press(ticket, name)
        await _rings(customer)
        await customer.telephone.accept()
        await customer.telephone.wait_for("CALL_ESTABLISHED")
        await customer.hang_up()
        await customer.is_hung_up()
        await agent.is_hung_up()
        await until(lambda: pages.agent_is(name) != "talking", PATIENCE, "the agent is free")
        # Either the two were on the line, and the agent says how it went, or nobody was reached.
        state = pages.state(ticket)
        assert state in {("talking", name, None, 1), ("open", None, "no_answer", 1)}
        assert desk.rows("SELECT count(*) FROM dial_locks WHERE number = ?", "+819011180005") == [(0,)]
        if state[0] == "talking":
            await pages.records(ticket, name)

        ticket = await pages.asked("+819011180005")
        await pages.press(ticket, name)
        await _rings(customer)
        rung = time.monotonic()
        await customer.is_hung_up()
        assert time.monotonic() - rung > 40, "the customer has 45 s"
        await agent.is_hung_up()
        await until(lambda: pages.state(ticket) == ("open", None, "no_answer", 1), PATIENCE, "不在")


async def who_asks_by_the_form_is_rung_at_once(desk: Desk) -> None:
    """今すぐ is offered while an agent's telephone is registered, and no longer."""
    name, outside = CHIE
    form = Form(desk, FORM_LINE)
    await until(lambda: _standing(desk, name, "away", "電話未登録"), PATIENCE, "nobody has registered it")
    assert not await form.offers_now()
    async with page(desk, FORM_LINE) as pages, desk.agent(outside, answers=False) as customer:
        async with desk.agent(name, answers=False) as agent:
            await until(lambda: _standing(desk, name, "available", None), PATIENCE, "the engine saw it")
            assert await form.offers_now()
            ticket = await form.asks("090-1118-0004")
            await _rings(agent, FORM_SHOWN)
            assert not _rings_now(customer), "the agent's telephone first"
            await agent.telephone.accept()
            await _rings(customer, FORM_SHOWN)
            await customer.telephone.accept()
            await until(lambda: pages.state(ticket)[0] == "talking", PATIENCE, "the two talk")
            assert await desk.talk_of(name) == {name, outside}
            await customer.hang_up()
            await agent.is_hung_up()
            await until(lambda: pages.agent_is(name) != "talking", PATIENCE, "the agent is free")
            assert pages.state(ticket) == ("talking", name, None, 1), "the agent has yet to say how it went"
            await pages.records(ticket, name)
            assert pages.state(ticket)[0] == "done"
        await until(lambda: _standing(desk, name, "away", "電話未登録"), PATIENCE, "it has gone")
        assert not await form.offers_now()


async def _standing(desk: Desk, agent: str, state: str, reason: str | None) -> bool:
    (found,) = [one for one in await desk.get("agents") if one["name"] == agent]
    return (found["state"], found["reason"]) == (state, reason)


async def _they_talk(desk: Desk, pages: Page, ticket: str, agent: Person, customer: Person) -> None:
    await _rings(agent)
    assert not _rings_now(customer), "the agent's telephone first"
    await agent.telephone.accept()
    await agent.begins_to_hear(CALLING)
    await _rings(customer)
    await until(lambda: _hears_it_ring(agent), PATIENCE, "the agent hears it ring")
    await customer.telephone.accept()
    await until(lambda: pages.state(ticket)[0] == "talking", PATIENCE, "the two talk")
    await agent.sounds(tone(1000, 6))
    await customer.sounds(tone(600, 6))
    await asyncio.gather(
        customer.hears_sound(tone(1000, 0.5), "the agent"), agent.hears_sound(tone(600, 0.5), "the customer")
    )
    assert pages.agent_is("aoki") == "talking"


def _hears_it_ring(person: Person) -> bool:
    """400 Hz, as it rings in Japan, in the last half second."""
    last = person.heard()[-4000:].astype(float)
    power = np.abs(np.fft.rfft(last)) ** 2
    return len(last) == 4000 and power[190:211].sum() > 0.5 * power.sum() > 0


async def _rings(person: Person, shown: str = SHOWN) -> None:
    event = await person.telephone.wait_for("CALL_INCOMING")
    assert event["peeruri"].startswith(f"sip:{shown}@"), event


def _rings_ever(person: Person) -> bool:
    return any(event["type"] == "CALL_INCOMING" for event in person.telephone.events)


def _rings_now(person: Person) -> bool:
    kinds = [event["type"] for event in person.telephone.events]
    return kinds.count("CALL_INCOMING") > kinds.count("CALL_CLOSED")


SCENARIOS: tuple[Scenario, ...] = (
    an_agent_and_customers_who_talk_or_are_busy,
    who_is_not_there_rings_no_customer,
    customers_who_hang_up_as_they_answer_or_do_not_answer_at_all,
    who_asks_by_the_form_is_rung_at_once,
)
pytestmark = pytest.mark.timeout(600)  # the scenarios before it, too


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_ringing_back(running: Mapping[str, Running], scenario: str) -> None:
    await running[scenario]
