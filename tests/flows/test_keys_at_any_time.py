"""Keys at every 100 ms of a call: each one sent is used, or emptied by a rule of DESIGN.md, or still there."""

import asyncio

import pytest

from tests.fakes.fake_roster import Agent
from tests.fakes.virtual_time import VirtualLoop
from tests.fakes.world import AgentTelephone, Do
from tests.flows.office import Office, Visit

OPEN = "2026-11-24 11:00"
STEP = 0.1
LATER = 16.0  # seconds from the answer: the first menu has been said whole, has waited, and begins again

# Where keys may be emptied: (step, word) -> the rule. "" is the step's own doing.
RULES = {
    ("menu", "read_keys"): "a wrong entry",
    ("product", "read_keys"): "a wrong entry",
    ("support", "wait"): "a wrong entry",
    ("support", ""): "on entering a queue",
    ("busy_message", ""): "on entering voicemail, or with the # that ends a recording",
    ("busy_message", "record"): "before the message begins: a stray key must not cut it",
    ("leave_message", ""): "on entering voicemail, or with the # that ends a recording",
    ("leave_message", "record"): "before the message begins: a stray key must not cut it",
}


def call_with(keys: str, at: float, first: str = "", leaves: float = 9.0) -> Visit:
    """One caller who presses `first` at once and `keys` (100 ms apart) at `at`, then hears on and leaves."""
    agents = [(Agent("sato", "support", "talking"), AgentTelephone("sato"))]

    async def main() -> Visit:
        visit = Visit("c1", [Do("answer", 0.05, press=first, gap=0.05)])
        office = Office(OPEN, [visit], agents)
        serving = asyncio.create_task(office.serve())
        await asyncio.sleep(at)
        for key in keys:
            visit.telephone.press(key)
            await asyncio.sleep(STEP)
        await asyncio.sleep(leaves)
        visit.telephone.hang_up()
        await serving
        return visit

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def account(visit: Visit, sent: str) -> list[tuple[str, str | None, str]]:
    """What was emptied. Every key that reached the call is used, emptied by a rule, or left."""
    keys = visit.calls[0].keys
    assert visit.telephone.pressed == keys.received <= len(sent)
    assert keys.received == keys.used + keys.emptied + len(keys)
    assert sum(len(pressed) for pressed, _, _ in keys.thrown_away) == keys.emptied
    assert {(step, word) for _, step, word in keys.thrown_away} <= RULES.keys()
    return keys.thrown_away


def moments(first: float, last: float) -> list[float]:
    return [round(first + STEP * n, 1) for n in range(round((last - first) / STEP))]


@pytest.mark.parametrize("keys", ["#1#2", "12", "#12", "1#2"])
def test_both_menus_answered_in_one_go(keys: str) -> None:
    for at in moments(STEP, LATER):
        visit = call_with(keys, at)
        assert account(visit, keys) == [], at
        pressed = [entry for entry in visit.state.path if entry[0] == "#"]
        assert (visit.calls[0].keys.used, pressed) == (len(keys), ["#1", "#2"]), at
        assert visit.state.step == "support"


@pytest.mark.parametrize("keys", ["#1", "1", "#2", "2", "#3", "3"])
def test_menu_key_is_used_whenever_it_comes(keys: str) -> None:
    for at in moments(STEP, LATER):
        visit = call_with(keys, at, leaves=3.0)
        assert account(visit, keys) == [], at
        assert visit.calls[0].keys.used == len(keys), at
        assert visit.state.path[3] == "#" + keys[-1]


@pytest.mark.parametrize("keys", [*"0456789#", "#4", "##"])
def test_wrong_key_is_emptied_by_the_menu_and_nothing_else(keys: str) -> None:
    for at in moments(STEP, LATER):
        visit = call_with(keys, at, leaves=13.0)
        emptied = account(visit, keys)
        assert "".join(pressed for pressed, _, _ in emptied) == keys, at
        assert {(step, word) for _, step, word in emptied} == {("menu", "read_keys")}, at


@pytest.mark.parametrize("keys", ["5", "#", "9", "#9"])
def test_keys_across_the_borders_of_queue_and_voicemail(keys: str) -> None:
    """The queue is entered at 0.2 s and lasts 30 s; the voicemail's greeting 12 s, its beep, 10 s of silence."""
    for at in moments(0.3, 3) + moments(29, 46) + moments(51, 58):
        visit = call_with(keys, at, first="12", leaves=15.0)
        account(visit, "12" + keys)
        assert visit.calls[0].keys.used in (2, 2 + len(keys)), at
        asked = "#9" in visit.state.path
        assert asked == (visit.calls[0].keys.used > 2), at
        assert keys in ("9", "#9") or not asked, at
