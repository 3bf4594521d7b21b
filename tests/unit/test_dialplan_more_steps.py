"""What is refused in the steps that ask for digits, consent and grades, that branch and say the hours."""

from datetime import date

import pytest

from ivr.dialplan.load import load
from ivr.dialplan.texts import all_texts
from ivr.steps import STEPS
from tests.dialplans import SHOP, changed, checked, refused
from tests.flows.scenarios import DIALPLANS

MEMBERS = (DIALPLANS / "members.yaml").read_text("utf-8")


def desk(steps: str) -> str:
    """SHOP with the menu replaced by `steps`; of these the first is called menu."""
    head, rest = SHOP.split("  menu:\n")
    return head + steps + "  agents:\n" + rest.split("  agents:\n", 1)[1]


COLLECT = "  menu: {type: collect, name: card, say: 番号を、どうぞ。, next: agents, otherwise: agents"
CONSENT = "  menu: {type: consent, say: 規約でございます。, next: agents"
BRANCH = "  menu: {type: branch, otherwise: agents, when: "

REFUSED = {
    "more than the most": (COLLECT + ", min: 5, max: 4}", '"min" is 5, more than "max", which is 4'),
    "ended by a digit": (COLLECT + ', end: "1"}', '"end" is "1"; it must be "#" or "*"'),
    "a secret read back": (
        COLLECT + ', secret: true, confirm: "{card}でよろしいですか。"}',
        '"confirm" would say what is secret; take one of the two out',
    ),
    "nothing read back": (
        COLLECT + ", confirm: よろしいですか。}",
        '"confirm" must read back what was entered: write "{card}" in it',
    ),
    "a name that is none": (COLLECT.replace("card", "カード") + "}", '"カード" is no name'),
    "a refusal without agreement": (
        CONSENT + ', refuse: "2"}',
        '"agree" is missing; without it the caller agrees by staying and cannot refuse',
    ),
    "nowhere to go": (
        CONSENT + ', agree: "1"}',
        '"otherwise" is missing: where a caller goes who does not agree',
    ),
    "one key for both": (
        CONSENT + ', agree: "1", refuse: "1", otherwise: agents}',
        '"agree" and "refuse" are the same key',
    ),
    "a case without a condition": (
        BRANCH + "[{next: agents}]}",
        'a case needs a condition; what holds always is "otherwise"',
    ),
    "no case": (BRANCH + "[]}", "at least one entry is needed"),
    "digits that nobody asks for": (
        COLLECT + "}\n" + BRANCH.replace("menu", "who") + "[{digits: cart, next: agents}]}",
        'no step collects "cart"; did you mean "card"?',
    ),
    "values of no digits": (
        BRANCH + '[{begins: ["03"], next: agents}]}',
        '"digits" is missing: which ones are meant',
    ),
    "a case that leads nowhere": (
        BRANCH + "[{withheld: true, next: agent}]}",
        'there is no step "agent"; did you mean "agents"?',
    ),
    "hours that do not exist": (
        BRANCH + "[{hours: ofice, next: agents}]}",
        'there are no hours "ofice"; did you mean "office"?',
    ),
    "a caller without a number": (
        BRANCH + '[{caller: ["123"], next: agents}]}',
        '"123" is no Japanese telephone number; write it with its area code, like 050-3185-9080',
    ),
    "an unknown condition": (
        BRANCH + "[{withhelt: true, next: agents}]}",
        'unknown key "withhelt"; did you mean "withheld"?',
    ),
    "a replay key that leads on": (
        '  menu: {type: menu, say: どうぞ。, keys: {"*": agents}, replay: star, otherwise: agents}',
        '"*" is the replay key and leads to a step, too',
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_refused(mistake: str) -> None:
    steps, said = REFUSED[mistake]
    problems = refused(desk(steps + "\n"))
    assert [problem for problem in problems if said in problem], problems
    assert all(problem.startswith("dialplans/shop.yaml:1") for problem in problems), "lines 10 to 19"


CHECKED = {
    "a secret that is said": (
        COLLECT.replace("next: agents", "next: said") + ", secret: true}\n"
        "  said: {type: play, say: '番号は、{card}です。', next: agents}\n",
        '18:27: play "said": say: "{card}" is secret and may not be said',
    ),
    "a name that is taken": (
        COLLECT.replace("card", "line") + "}\n",
        '17:31: collect "menu": name: "{line}" is a value already; take another name',
    ),
    "secret or not": (
        COLLECT.replace("next: agents", "next: again")
        + "}\n"
        + COLLECT.replace("menu", "again")
        + ", secret: true}\n",
        '18:32: collect "again": name: "card" is secret in one step and not in another',
    ),
    "digits, and the line is dead": (
        COLLECT.replace("next: agents", "next: bye") + "}\n",
        '17:58: collect "menu": next: leads to "bye", which hangs up: the caller hears no goodbye; '
        "say one in a play step",
    ),
    "a loop of branches": (
        BRANCH + "[{calls: 3, next: menu}]}\n",
        '17:3: branch "menu": the call goes round without the caller\'s doing: menu -> menu',
    ),
}


@pytest.mark.parametrize("mistake", CHECKED)
def test_a_mistake_is_found(mistake: str) -> None:
    steps, said = CHECKED[mistake]
    assert f"dialplans/shop.yaml:{said}" in checked(desk(steps))


def test_menus_that_try_the_patience() -> None:
    long = "お問い合わせは、シャープと1を押してください。" + 150 * "あ"
    first = changed("お問い合わせは、シャープと1を押してください。", long)
    assert checked(first) == []
    second = f'  second: {{type: menu, say: {long}, keys: {{"1": agents, "2": menu}}, otherwise: agents}}\n  agents:\n'
    both = changed("  agents:\n", second, changed('{"#1": agents}', '{"#1": second}', first))
    assert checked(both) == [
        'dialplans/shop.yaml:22:29: menu "second": say: up to here a caller hears about 49 s of menus; '
        "more than 45 s are too long"
    ]


def test_the_desk_of_the_scenarios_has_no_problems() -> None:
    assert checked(MEMBERS) == []


def test_digits_and_hours_are_spoken_before_any_call() -> None:
    texts = all_texts(load(DIALPLANS / "members.yaml", STEPS), date(2026, 11, 24), 1)
    digits = {"ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー"}
    hours = "本日の受付時間は、午前10時から、正午まで、午後1時から、午後5時まででございます。"
    assert digits | {
        hours,
        "会員番号は、",
        "、でよろしければ1を、訂正される場合は2を押してください。",
    } <= set(texts)
