"""Every branch of the ecforce line in virtual time: `scenarios/*.yaml`, one block each."""

import json
from datetime import timedelta

import pytest

from ivr.callbacks.due import due_at
from tests.fakes.virtual_time import in_virtual_time
from tests.fakes.world import BEEP
from tests.flows.office import Office, Visit
from tests.flows.scenarios import TEXTS, Expected, Scenario, heard_names, scenarios

ALL = list(scenarios())


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
@in_virtual_time
async def test_scenario(scenario: Scenario) -> None:
    await check(scenario)


async def check(scenario: Scenario) -> None:
    """AssertionError, and no other, where the dialplan does not do what the scenario says."""
    office = scenario.office()
    await office.serve()
    assert scenario.data.get("numbers") in (None, list(office.dialplan.line.numbers))
    for visit, expected in zip(office.visits, scenario.expected(), strict=True):
        check_call(office, visit, expected)
        check_what_was_heard(office, visit, expected)
    assert office.book.log == scenario.data.get("set", [])
    assert office.shelf.log == scenario.data.get("dealt", [])
    states = {name: ticket.state for name, ticket in office.shelf.tickets.items()}
    assert states == scenario.data.get("ticket_states", {})
    stand = {known.ticket: known.state for known in office.customers.callbacks}
    assert scenario.data.get("stands") in (None, stand)
    order = scenario.data.get("order")
    if order is not None:
        rung = [call_id for name in office.telephones for _, call_id in office.telephones[name].rings]
        assert rung == [f"c{number}" for number in order]
    for name, times in scenario.data.get("rings", {}).items():
        assert len(office.telephones[name].rings) == times
    told = [name for name, telephone in office.telephones.items() if telephone.told_taken]
    assert told == ([scenario.data["told_taken"]] if "told_taken" in scenario.data else [])


def check_call(office: Office, visit: Visit, expected: Expected) -> None:
    state = visit.state
    assert (state.outcome, state.cause, state.path) == (expected.outcome, expected.cause, expected.path)
    assert state.answers == expected.answers
    check_promises(office, visit, expected, (expected.cause,))
    assert expected.talked(visit.telephone.talked_to)
    check_message(office, visit, expected)
    assert expected.dialled is None or office.world.dialled == [expected.dialled]
    saved = office.ledger.saved.get(visit.id, '{"digits": {}}')  # who was turned away entered no step
    assert expected.kept in (None, json.loads(saved)["digits"])
    assert expected.never_saved is None or expected.never_saved not in saved
    keys = visit.calls[-1].keys
    assert keys.received == keys.used + keys.emptied + len(keys)


def check_message(office: Office, visit: Visit, expected: Expected) -> None:
    for message in office.room.messages.values():
        if message.call_id == visit.id:
            numbers = {file: number for number, (file, _) in enumerate(message.takes, 1)}
            assert expected.takes in (None, [numbers[file] for file in office.room.standing(message)])
            assert expected.played in (None, [numbers[file] for file in office.world.played])
            assert message.urgent == expected.urgent
            assert message.joins == expected.joins
            assert expected.text is None or (message.transcript and message.transcript.text) == expected.text
            assert message.transcript is None or office.world.transcriber


def check_promises(office: Office, visit: Visit, expected: Expected, causes: tuple[str | None, ...]) -> None:
    """One message, one callback: never none, never two.

    A kill between the intent and the saving of the state leaves an intent without audio, which is filed as lost.
    """
    killed = len(visit.calls) > 1
    messages = [
        each
        for each in office.room.messages.values()
        if each.call_id == visit.id and not (killed and each.state == "lost" and office.never_began(each))
    ]
    callbacks = [each for each in office.room.callbacks if each.call_id == visit.id]
    assert "recording" not in [each.state for each in messages]
    if expected.outcome not in ("message", "callback"):
        assert [each.state for each in messages] == ["silent"] * (expected.outcome == "silent")
        assert callbacks == [] or killed
        return
    by_key = expected.outcome == "callback"
    assert [each.state in ("stored", "lost") for each in messages] == [True] * (not by_key)
    assert [each.asked for each in callbacks] == [by_key]
    assert callbacks[0].cause in [cause or "asked" for cause in causes]
    assert callbacks[0].number == (expected.rung_back or visit.number)
    promise = callbacks[0].promise
    wanted = expected.promise
    assert (promise.priority, promise.due, promise.hours) == (wanted.priority, wanted.due, wanted.hours)
    if expected.due is not None:
        received = office.began + timedelta(seconds=visit.calls_at)  # give or take the length of a call
        due = due_at(promise.due, received, office.calendars[str(promise.hours)])
        assert abs(due - expected.due) < timedelta(minutes=5)
    # What the agent sees is the path up to the voicemail, or to the offer to ring back.
    assert list(callbacks[0].path) == expected.path[: len(callbacks[0].path)]
    assert by_key or callbacks[0].path[-1].endswith("_message")


def check_what_was_heard(office: Office, visit: Visit, expected: Expected) -> None:
    if expected.heard is not None:
        assert heard_names(visit) == expected.heard
    heard = visit.telephone.heard
    if expected.waits is not None:
        begun = next(each.at for each in heard if each.text.startswith("担当者におつなぎいたします"))
        ended = next(each.at for each in heard if "発信音の後に" in each.text)
        assert ended - begun == pytest.approx(expected.waits, abs=0.1)
    for name, seconds in expected.in_talk.items():
        said = next((each.at for each in heard if each.text == TEXTS[name]), 0.0)
        assert said - visit.telephone.talk_began == pytest.approx(seconds, abs=0.1)
    if expected.recorded is not None:
        seconds = [each.seconds for each in office.world.recordings.values()]
        assert seconds == [pytest.approx(expected.recorded, abs=0.1)]


def beeps(visit: Visit) -> int:
    return len([each for each in visit.telephone.heard if each.text == BEEP and each.whole])
