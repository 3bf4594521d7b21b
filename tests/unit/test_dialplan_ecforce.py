"""Desk 1 as shipped, and the example of the design: both pass their own check."""

from datetime import timedelta
from pathlib import Path

import pytest

from ivr.dialplan.check import check, line_numbers
from ivr.dialplan.load import load, load_text
from ivr.dialplan.model import Dialplan
from ivr.dialplan.texts import sayings
from ivr.steps import STEPS
from tests.dialplans import TODAY

PATH = Path(__file__).parent.parent.parent / "dialplans" / "ecforce.yaml"

DESIGN = """\
# dialplans/ecforce.yaml
line:
  tenant: ecforce
  name: ecforceカスタマーサポート
  read_as: イーシーフォース、カスタマーサポート
  numbers: ["050-3185-9080"]
  capacity: 4                       # the fifth caller finds all lines busy

hours:
  office:
    zone: Asia/Tokyo
    weekly: {月-金: "10:00-17:00"}   # mon-fri works too; several intervals make a lunch break
    holidays: JP
    closed: {"12/29-1/3": 年末年始休業}
    exceptions: {"2026-12-28": "10:00-15:00"}

start: welcome
steps:
  welcome:   {type: play, say: "お電話ありがとうございます。{line}でございます。", next: office}
  office:    {type: hours, hours: office, open: menu, closed: closed_message}
  menu:
    type: menu
    say: 導入や操作に関するお問い合わせは、シャープと1を、ご請求、ご解約、ご契約内容の変更は、シャープと2を、ご契約前のお客様は、シャープと3を押してください。
    keys: {"#1": product, "#2": billing, "#3": not_yet}
    repeat: 2
    otherwise: product
  product:
    type: menu
    say: 販売開始前のお客様は、シャープと1を、すでに販売を開始されているお客様は、シャープと2を押してください。
    keys: {"#1": onboarding, "#2": support}
    otherwise: support
  support:    {type: queue, agents: support, max_wait: 2m, busy_wait: 30s, otherwise: busy_message}
  onboarding: {type: queue, agents: onboarding, max_wait: 2m, busy_wait: 30s, otherwise: busy_message}
  billing:    {type: queue, agents: billing, max_wait: 2m, busy_wait: 30s, otherwise: busy_message}
  busy_message:
    type: voicemail
    say: ただいま電話が大変混み合っており、おつなぎすることができません。恐れ入りますが、発信音の後に、お名前、お電話番号、ご用件を具体的にお話しください。
    max: 3m
    silence: 10s
    callback: {priority: medium, due: 1 business day}
    next: thanks
  closed_message:
    type: voicemail
    say: "{closed_greeting}恐れ入りますが、発信音の後に、お名前、お電話番号、ご用件を具体的にお話しください。"
    callback: {priority: medium, due: 1 business day}
    next: thanks
  thanks:    {type: play, say: "メッセージを承りました。担当者より、折り返しお電話いたします。お電話ありがとうございました。", next: bye}
  not_yet:   {type: play, say: "ご契約前のお客様は、お問い合わせフォームより、ご連絡ください。お電話ありがとうございました。", next: bye}
  bye:       {type: hangup}
"""


@pytest.fixture
def ecforce() -> Dialplan:
    return load(PATH, STEPS)


def test_the_design_example_passes_its_own_check() -> None:
    name = "dialplans/ecforce.yaml"
    assert [str(problem) for problem in check(name, load_text(name, DESIGN, STEPS), TODAY)] == []


def test_the_shipped_dialplan_passes_its_own_check(ecforce: Dialplan) -> None:
    assert [str(problem) for problem in check("dialplans/ecforce.yaml", ecforce, TODAY)] == []


def test_an_editor_is_told_the_schema() -> None:
    assert PATH.read_text("utf-8").splitlines()[0] == "# yaml-language-server: $schema=schema.json"


def test_the_desks_promise(ecforce: Dialplan) -> None:
    """One number, the fifth caller finds all lines busy, weekdays 10-17, and the year-end closing."""
    assert line_numbers(ecforce) == {"+815031859080": "050-3185-9080"}
    assert ecforce.line.capacity == 4
    (hours,) = ecforce.hours.values()
    assert (hours.zone, hours.weekly, hours.holidays) == ("Asia/Tokyo", {"月-金": "10:00-17:00"}, "JP")
    assert hours.closed == {"12/29-1/3": "年末年始休業"}


def follow(dialplan: Dialplan, *ways: str) -> str:
    step = dialplan.start
    for way in ways:
        step = dialplan.steps[step].exits()[way]
    return step


@pytest.mark.parametrize(
    ("keys", "step", "agents"),
    [
        (("#1", "#2"), "support", "support"),
        (("#1", "#1"), "onboarding_shop", None),
        (("#2",), "billing", "billing"),
        (("#3",), "not_yet", None),
    ],
)
def test_four_destinations(ecforce: Dialplan, keys: tuple[str, ...], step: str, agents: str | None) -> None:
    reached = follow(ecforce, "next", "open", *(f"keys.{key}" for key in keys))
    assert reached == step
    assert getattr(ecforce.steps[reached], "agents", None) == agents


@pytest.mark.parametrize("queue", ["support", "onboarding", "billing"])
def test_a_queue_leads_to_voicemail_after_the_wait_or_by_the_key_it_names(
    ecforce: Dialplan, queue: str
) -> None:
    step = ecforce.steps[queue]
    assert (step.busy_wait, step.max_wait) == (timedelta(seconds=30), timedelta(minutes=2))  # type: ignore[attr-defined]
    assert [ecforce.steps[name].type for name in step.exits().values()] == ["voicemail", "voicemail"]
    assert list(step.exits()) == ["keys.#9", "otherwise"]
    assert "留守番電話をご希望の場合は、シャープと9を押してください。" in step.says()["waiting"]


def test_a_line_promises_only_what_its_desk_promises(ecforce: Dialplan) -> None:
    """After hours: the same day or the next business day or later. No text promises a time."""
    closed = ecforce.steps["closed_message"].says()["say"]
    assert closed.startswith("{closed_greeting}")
    assert "当日、または翌営業日以降" in closed
    for _, _, text in sayings(ecforce):
        assert not [word for word in ("本日中", "時間以内", "すぐに", "必ず") if word in text]


def test_callers_are_asked_for_the_matter(ecforce: Dialplan) -> None:
    voicemails = [step for step in ecforce.steps.values() if step.type == "voicemail"]
    assert len(voicemails) == 3
    for step in voicemails:
        assert "ご用件を具体的に" in step.says()["say"]
        assert step.callback.due == "1 business day"  # type: ignore[attr-defined]
