"""Rules of who is told: what a dialplan may say, what is refused and where, and which rule counts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ivr.dialplan.load import load_text
from ivr.dialplan.notices import NoticeRule
from ivr.dialplan.problems import BadDialplan
from ivr.errors import DeliveryFailed
from ivr.notify import places
from ivr.notify.rules import told
from ivr.steps import STEPS

PLAN = """line:
  tenant: shop
  name: 山田商店
  numbers: ["050-3185-9080"]
  notify:
    - RULE
hours:
  office: {zone: Asia/Tokyo, weekly: {月-金: "10:00-17:00"}}
start: bye
steps:
  bye: {type: hangup}
"""


def refused(rule: str) -> list[str]:
    with pytest.raises(BadDialplan) as error:
        load_text("dialplans/shop.yaml", PLAN.replace("RULE", rule), STEPS)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{when: callback}", 'nobody is named; it needs "mail", "webhook" or "slack"'),
        ("{mail: a@example.co.jp}", '"when" is missing'),
        ("{when: calback, mail: a@example.co.jp}", '"calback" is not known; did you mean "callback"?'),
        (
            "{when: callback, mail: support}",
            '"support" is no mail address; write for example "support@example.co.jp"',
        ),
        (
            "{when: callback, mail: [a@example.co.jp, a..b@example.co.jp]}",
            '"a..b@example.co.jp" is no mail address',
        ),
        ("{when: callback, slack: https://hooks.slack.com/x}", "an address does not stand in a dialplan"),
        ("{when: callback, webhook: CRM}", '"CRM" is no name of a place'),
        ("{when: callback, mail: a@example.co.jp, include: [mater]}", 'did you mean "matter"?'),
        (
            "{when: callback, mail: a@example.co.jp, during: {offise: open}}",
            'there are no hours "offise"; did you mean "office"?',
        ),
        (
            "{when: callback, mail: a@example.co.jp, unless_seen: 30m}",
            '"unless_seen" and "then" belong together',
        ),
        ("{when: callback, mail: a@example.co.jp, unless_seen: 30, then: {slack: x}}", 'did you mean "30s"?'),
        ("{when: callback, mial: a@example.co.jp}", 'unknown key "mial"; did you mean "mail"?'),
    ],
)
def test_a_wrong_rule_is_refused_where_it_stands(rule: str, said: str) -> None:
    found = refused(rule)
    assert [one for one in found if said in one], found
    assert all(one.startswith("dialplans/shop.yaml:6:") for one in found), found


def test_a_step_knows_no_message() -> None:
    steps = "steps:\n  tell: {type: notify, about: x, to: {slack: night, include: matter}, next: bye}"
    with pytest.raises(BadDialplan, match="there is no message yet"):
        load_text("shop.yaml", PLAN.replace("    - RULE\n", "    []\n").replace("steps:", steps), STEPS)


def rule(**values: Any) -> NoticeRule:
    return NoticeRule.model_validate(values)


def open_now(hours: str) -> bool | None:
    known: Mapping[str, bool] = {"office": True}
    return known.get(hours)


def test_the_first_rule_that_fits_counts_for_a_place() -> None:
    rules = [
        rule(when="urgent", mail="a@example.co.jp", include="number"),
        rule(when=["message", "callback"], mail=["a@example.co.jp", "b@example.co.jp"]),
    ]
    found = {
        (one.target, one.event, one.include)
        for one in told(rules, {"callback", "message", "urgent"}, open_now)
    }
    assert found == {("a@example.co.jp", "urgent", ("number",)), ("b@example.co.jp", "message", ())}
    found = {(one.target, one.event, one.include) for one in told(rules, {"callback"}, open_now)}
    assert found == {("a@example.co.jp", "callback", ()), ("b@example.co.jp", "callback", ())}
    assert told(rules, {"silent"}, open_now) == []


@pytest.mark.parametrize(
    ("during", "count"),
    [({"office": "open"}, 1), ({"office": "closed"}, 0), ({"gone": "closed"}, 1), ({}, 1)],
)
def test_hours(during: Mapping[str, str], count: int) -> None:
    rules = [rule(when="callback", slack="night", during=during)]
    assert len(told(rules, {"callback"}, open_now)) == count, (
        "hours that nobody knows keep nobody in the dark"
    )


# -- the operator's file ----------------------------------------------------------------------

GOOD = '[webhook.crm]\nurl = "https://crm.example.co.jp/ivr"\nsecret = "0123456789abcdef"\n'


def test_a_place_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "notices.toml"
    file.write_text(GOOD)
    found = places.find(file, "webhook", "crm")
    assert (found.url, found.secret) == ("https://crm.example.co.jp/ivr", "0123456789abcdef")
    assert "0123456789abcdef" not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "[webhook.crm] がありません"),
        ("[webhook.crm\n", "誤りがあります（IVR_NOTICES）（1行目）"),
        (GOOD.replace("https", "http"), "https:// で始めてください"),
        (GOOD.replace("0123456789abcdef", "short"), "16文字以上"),
        (GOOD + "user = 1\n", "url、secret だけを書いてください"),
        ('webhook = "crm"\n', "[webhook.crm] がありません"),
    ],
)
def test_a_wrong_file_is_told_without_its_secrets(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "notices.toml"
    file.write_text(text)
    with pytest.raises(DeliveryFailed) as failure:
        places.find(file, "webhook", "crm")
    assert said in str(failure.value) and failure.value.retryable
    assert "0123456789abcdef" not in str(failure.value)


def test_without_a_file(tmp_path: Path) -> None:
    for file in (None, tmp_path / "none.toml"):
        with pytest.raises(DeliveryFailed, match="IVR_NOTICES"):
            places.find(file, "slack", "night")
