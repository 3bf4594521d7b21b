"""goto: what is checked of it alone and over several files, and where a call is when its line changes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.call import CallbackPromise, CallState, since_goto
from ivr.dialplan import draw
from ivr.dialplan.check import check, check_all
from ivr.dialplan.load import linked, load_all, load_text
from ivr.dialplan.model import Dialplan
from ivr.dialplan.pick import pick
from ivr.dialplan.problems import BadDialplan
from ivr.errors import DialplanError
from ivr.explain import explain
from ivr.fallback import Telephone, bundle_line
from ivr.lines import Lines, LiveLine
from ivr.messages.filing import branch
from ivr.steps import STEPS
from ivr.store.calls import Passage
from ivr.terminal.person import Scripted
from ivr.terminal.session import simulate, staff
from ivr.traffic import count
from tests.dialplans import TODAY
from tests.unit.test_explain import TOKYO, at

FRONT = """\
line: {tenant: bicycles, name: 総合受付, numbers: ["050-3185-9084"]}
start: menu
steps:
  menu:
    type: menu
    say: 修理の方は1を、お急ぎの方は2を押してください。
    keys: {"1": repairs, "2": urgent}
    otherwise: repairs
  repairs: {type: goto, line: workshop}
  urgent: {type: goto, line: workshop, step: person}
"""
WORKSHOP = """\
line: {tenant: bicycles, name: 修理工房, numbers: ["050-3185-9085"]}
hours:
  afternoon: {zone: Asia/Tokyo, weekly: {月-金: "13:00-17:00"}}
start: times
steps:
  times: {type: hours, hours: afternoon, open: person, closed: message}
  person: {type: queue, agents: workshop, otherwise: message}
  message: {type: voicemail, say: 発信音の後に、お話しください。, callback: {priority: high}, next: thanks}
  thanks: {type: play, say: お電話ありがとうございました。, next: bye}
  bye: {type: hangup}
"""


def files(**texts: str) -> dict[str, Dialplan]:
    return linked({f"{key}.yaml": load_text(f"{key}.yaml", text, STEPS) for key, text in texts.items()})


def said(**texts: str) -> list[str]:
    return [str(problem) for problem in check_all(files(**texts), TODAY)]


def test_two_lines_pass_the_check_together() -> None:
    assert said(front=FRONT, workshop=WORKSHOP) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "line: workshop}",
            "line: workshp}",
            '9:31: goto "repairs": line: there is no line "workshp" without errors; did you mean "workshop"?',
        ),
        (
            "step: person",
            "step: persn",
            '10:46: goto "urgent": step: the line "workshop" has no step "persn"; did you mean "person"?',
        ),
        (
            "line: workshop}",
            "line: front}",
            '9:31: goto "repairs": line: this is the line itself; name the step where you come from',
        ),
        (
            "tenant: bicycles",
            "tenant: cars",
            '9:31: goto "repairs": line: the line "workshop" is of another tenant, "bicycles"',
        ),
    ],
)
def test_a_goto_to_nowhere_is_refused(old: str, new: str, message: str) -> None:
    assert f"front.yaml:{message}" in said(front=FRONT.replace(old, new), workshop=WORKSHOP)


def test_a_step_that_only_other_lines_lead_to_is_reached() -> None:
    text = WORKSHOP + "  urgent: {type: queue, agents: workshop, otherwise: message}\n"
    alone = 'workshop.yaml:11:3: queue "urgent": no way leads here from the start; lead one here or take the step out'
    assert said(front=FRONT, workshop=text) == [alone]
    assert said(front=FRONT.replace("step: person", "step: urgent"), workshop=text) == []


BACK = "  back: {type: goto, line: front, step: menu}\n"


def test_a_circle_over_two_lines_is_refused_in_both() -> None:
    front = FRONT.replace("otherwise: repairs", "otherwise: urgent")
    workshop = WORKSHOP.replace("person, closed", "back, closed") + BACK
    message = "the call goes round without the caller's doing: "
    assert said(front=front.replace("step: person", "step: times"), workshop=workshop) == [
        f'front.yaml:4:3: menu "menu": {message}front:menu -> front:urgent -> workshop:times -> workshop:back'
        " -> front:menu",
        f'workshop.yaml:6:3: hours "times": {message}workshop:times -> workshop:back -> front:menu -> front:urgent'
        " -> workshop:times",
        'workshop.yaml:7:3: queue "person": no way leads here from the start; lead one here or take the step out',
    ]


def test_a_way_back_by_key_is_no_circle() -> None:
    workshop = WORKSHOP.replace("otherwise: message}", 'keys: {"0": back}, otherwise: message}', 1) + BACK
    assert said(front=FRONT, workshop=workshop) == []


def test_lines_that_only_lead_to_each_other_serve_nobody() -> None:
    ping = FRONT[: FRONT.index("steps:")].replace("menu", "on") + "steps:\n  on: {type: goto, line: pong}\n"
    pong = ping.replace("pong", "ping").replace("9084", "9086")
    found = said(ping=ping, pong=pong)
    for line in ("ping", "pong"):
        assert (
            f'{line}.yaml:4:3: goto "on": from here no way leads to a person, a message or a goodbye' in found
        )
        assert any("goes round" in problem for problem in found if problem.startswith(line))


def test_menus_in_a_row_are_counted_over_both_lines() -> None:
    # 200 characters take about 29 s: one menu is no trouble, two in a row are 57 s.
    long = "あ" * 199 + "。"
    front = FRONT.replace("修理の方は1を、お急ぎの方は2を押してください。", long)
    menu = f"menu: {{type: menu, say: {long}, keys: {{'1': person}}, otherwise: person}}\n  times:"
    second = WORKSHOP.replace("start: times", "start: menu").replace("times:", menu, 1)
    second = second.replace("'1': person", "'1': person, '2': times")
    assert said(front=front, workshop=WORKSHOP) == []
    told = [problem for problem in said(front=front, workshop=second) if "of menus" in problem]
    assert told == [
        'workshop.yaml:6:27: menu "menu": say: up to here a caller hears about 57 s of menus; more than 45 s are too long'
    ]


def test_alone_a_line_is_checked_as_far_as_it_goes() -> None:
    plan = load_text("front.yaml", FRONT, STEPS)
    assert check("front.yaml", plan, TODAY) == [], "where a goto leads is not known; that it leads on is"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "dialplans"
    folder.mkdir()
    (folder / "front.yaml").write_text(FRONT, "utf-8")
    (folder / "workshop.yaml").write_text(WORKSHOP, "utf-8")
    return folder


def test_a_picked_line_brings_the_lines_that_it_goes_to(directory: Path) -> None:
    front = pick(directory, "front", STEPS, TODAY)
    session = simulate(front, Scripted("2", ["なおしてください"]), at("2026-11-24T11:00"), [], zone=TOKYO)
    assert [(step["step"], step["type"]) for step in session.as_json()["steps"]] == [
        ("menu", "menu"),
        ("urgent", "goto"),
        ("workshop:person", "queue"),
        ("message", "voicemail"),
        ("thanks", "play"),
        ("bye", "hangup"),
    ]
    assert session.state.line == "workshop" and session.state.outcome == "message"
    assert session.message is not None and session.message.due == at("2026-11-25T17:00")


def test_errors_of_the_line_that_it_goes_to_are_errors_of_the_picked_one(directory: Path) -> None:
    text = WORKSHOP.replace("050-3185-9085", "119")
    (directory / "workshop.yaml").write_text(text, "utf-8")
    with pytest.raises(BadDialplan, match=r"dialplans/workshop\.yaml:1:"):
        pick(directory, "front", STEPS, TODAY)
    (directory / "workshop.yaml").write_text("line: {", "utf-8")
    with pytest.raises(
        BadDialplan, match=r'dialplans/front\.yaml:9:31.*there is no line "workshop" without errors'
    ):
        pick(directory, "front", STEPS, TODAY)


def test_errors_of_lines_that_it_does_not_go_to_do_not_matter(directory: Path) -> None:
    (directory / "front.yaml").write_text("line: {", "utf-8")
    assert pick(directory, "workshop", STEPS, TODAY).key == "workshop"


def test_agents_of_both_lines_are_there_to_be_simulated(directory: Path) -> None:
    front = pick(directory, "front", STEPS, TODAY)
    agents = staff(front)
    assert [agent.group for agent in agents] == ["workshop"]
    assert (
        simulate(front, Scripted("2", []), at("2026-11-24T14:00"), agents, zone=TOKYO).talked_to
        == "workshop-1"
    )


def test_explain_follows_to_the_hours_of_the_other_line(directory: Path) -> None:
    (directory / "front.yaml").write_text(FRONT.replace("start: menu", "start: repairs"), "utf-8")
    front = load_all(directory, STEPS)[0]["dialplans/front.yaml"]
    told = explain("dialplans/front.yaml", front, at("2026-11-24T11:00"))
    assert (told.hours, told.open, told.rule) == (
        "afternoon",
        False,
        "dialplans/workshop.yaml:3:42: weekly 月-金: 13:00-17:00",
    )
    assert told.hears == ("発信音の後に、お話しください。", "(beep)")


def test_the_drawing_names_line_and_step() -> None:
    drawn = draw.mermaid(load_text("front.yaml", FRONT, STEPS))
    assert '["urgent<br/>別の窓口へ<br/>workshop:person"]' in drawn
    assert '["repairs<br/>別の窓口へ<br/>workshop"]' in drawn


def test_a_line_that_is_not_live_any_more_ends_in_an_error_that_leads_to_the_fallback() -> None:
    alone = load_text("front.yaml", FRONT, STEPS)
    with pytest.raises(DialplanError, match='"workshop", which is no live line of this tenant'):
        simulate(alone, Scripted("1", []), at("2026-11-24T11:00"), [], zone=TOKYO)


def test_a_version_that_has_lost_the_step_is_entered_at_its_start() -> None:
    lost = WORKSHOP.replace("person", "anybody")
    front = files(front=FRONT, workshop=lost)["front.yaml"]
    session = simulate(front, Scripted("2", []), at("2026-11-24T11:00"), [], zone=TOKYO)
    assert session.state.path[:4] == ["front:menu", "2", "urgent", "workshop:times"]


def test_the_fallback_knows_agents_hours_and_promise_of_the_line_that_follows() -> None:
    front = files(front=FRONT.replace("start: menu", "start: repairs"), workshop=WORKSHOP)["front.yaml"]
    telephones = [Telephone("PJSIP/arai", ["workshop"], None), Telephone("PJSIP/mori", ["shop"], None)]
    line = bundle_line(front, telephones, datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
    assert (line.key, line.queues, line.telephones) == ("front", True, ["PJSIP/arai"])
    assert line.open[1] == (datetime(2026, 11, 24, 4, tzinfo=UTC), datetime(2026, 11, 24, 8, tzinfo=UTC))
    # Filed as a message of "front", which has no hours to count business days by.
    assert line.promise_open == line.promise_closed == CallbackPromise("high", "1 business day", None)


def test_a_message_gets_the_promise_of_its_own_line() -> None:
    text = (
        FRONT
        + "  message: {type: voicemail, say: お話しください。, callback: {priority: low}, next: repairs}\n"
    )
    lines = Lines()
    lines._by_key = {key: LiveLine.read(key, each) for key, each in (("front", text), ("workshop", WORKSHOP))}
    path = ["menu", "1", "message", "repairs", "workshop:times", "message"]
    assert lines.promise("workshop", path).priority == "high"
    assert lines.promise("workshop", path[:5]).priority == "medium", "what the other line's step promised"


@pytest.mark.parametrize(
    ("path", "chosen"),
    [
        ("menu 1 repairs workshop:times message", "times"),
        ("menu repairs workshop:menu 2 person message", "person"),
        ("menu 1 repairs workshop:menu 2 person message", "person"),
        ("menu repairs workshop:times message", None),
    ],
)
def test_the_branch_of_a_callback_is_a_step_of_its_own_line(path: str, chosen: str | None) -> None:
    assert branch(tuple(path.split())) == chosen


def test_the_last_part_of_a_path() -> None:
    assert since_goto(["menu", "1", "on", "b:start", "2", "on", "c:menu", "#1"]) == ["menu", "#1"]
    assert since_goto(["menu", "1"]) == ["menu", "1"]
    assert since_goto([]) == []


def test_callers_are_counted_on_the_flows_of_both_lines() -> None:
    path = ["front:menu", "1", "repairs", "workshop:times", "message", "thanks", "bye"]
    began = datetime(2026, 11, 24, 3, tzinfo=UTC)
    call = Passage("c1", "", None, None, began, 30.0, "message", "closed", path, [0, 1, 1, 2, 3, 20, 29])
    workshop = count(load_text("workshop.yaml", WORKSHOP, STEPS), [call])
    assert workshop.visited == {"times": 1, "message": 1, "thanks": 1, "bye": 1}
    assert workshop.seconds["message"] == 17.0 and workshop.strange == 0
    front = count(load_text("front.yaml", FRONT, STEPS), [call])
    assert front.visited == {"menu": 1, "repairs": 1} and front.ways == {("menu", "repairs"): 1}
    assert front.seconds == {"menu": 1.0, "repairs": 1.0} and front.strange == 0


def test_who_hangs_up_in_the_other_line_has_left_there() -> None:
    began = datetime(2026, 11, 24, 3, tzinfo=UTC)
    path = ["front:menu", "2", "urgent", "workshop:person"]
    call = Passage("c1", "", None, None, began, 30.0, "abandoned", None, path, [])
    assert count(load_text("workshop.yaml", WORKSHOP, STEPS), [call]).left == {"person": 1}
    assert count(load_text("front.yaml", FRONT, STEPS), [call]).left == {}


def test_names_of_the_line_that_was_left_are_forgotten() -> None:
    """Hours, and steps that asked for secrets: in the other line they mean something else, or nothing."""
    text = FRONT.replace("start: menu", "start: pin") + (
        "  pin: {type: collect, name: pin, say: 暗証番号をどうぞ。, min: 4, max: 4, secret: true, next: urgent, otherwise: urgent}\n"
    )
    front = files(front=text, workshop=WORKSHOP)["front.yaml"]
    session = simulate(front, Scripted("4821", []), at("2026-11-24T11:00"), [], zone=TOKYO)
    state: CallState = session.state
    assert state.path[:3] == ["front:pin", "urgent", "workshop:person"]
    assert state.secrets == {} and not [
        name for name in state.variables if "secret" in name or name == "hours"
    ]
