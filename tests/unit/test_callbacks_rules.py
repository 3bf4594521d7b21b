"""When a customer is rung again, what is dialled at all, what a wish means: the rules of issue 5, without a store."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.callbacks.attempts import exhausted, next_attempt
from ivr.callbacks.guard import Code, DialFacts, may_dial
from ivr.callbacks.policy import Policy
from ivr.callbacks.results import RESULTS, WORDS, Result
from ivr.callbacks.wishes import wished
from ivr.dialplan.callbacks import CallbackRules
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel

TOKYO = ZoneInfo("Asia/Tokyo")
OFFICE = Calendar(HoursModel(zone="Asia/Tokyo", weekly={"月-金": "9:00-18:00"}, holidays="JP"))


def policy(**written: object) -> Policy:
    return Policy(CallbackRules.model_validate(written), lambda name: OFFICE)


USUAL = policy(dial_hours={"critical": "always", "other": "9:00-20:00"})


def at(text: str) -> datetime:
    """A moment of November 2026 in Japan: "24 10:00" is a Tuesday; Monday the 23rd is a public holiday."""
    day, clock = text.split()
    hour, minute = clock.split(":")
    return datetime(2026, 11, int(day), int(hour), int(minute), tzinfo=TOKYO)


# -- the results ------------------------------------------------------------------------------


def test_the_nine_results_of_the_issue_in_its_words() -> None:
    assert [WORDS[result] for result in RESULTS] == [
        "本人と通話",
        "別の方が応答",
        "伝言あり",
        "不在",
        "話中",
        "留守電",
        "番号違い",
        "着信拒否・発信規制",
        "今後の連絡不要",
    ]


# -- the next attempt ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "tries", "wish", "then"),
    [
        ("busy", ["24 10:00"], None, "24 10:10"),
        # two hours, and not in the forenoon again
        ("no_answer", ["24 9:30"], None, "24 12:00"),
        ("no_answer", ["24 10:30"], None, "24 12:30"),
        ("machine", ["24 13:00"], None, "24 16:00"),
        ("other_person", ["24 15:30"], None, "24 17:30"),
        # the evening is over at 18:00: the next morning
        ("left_word", ["24 17:00"], None, "25 9:00"),
        # a Friday evening, then a public holiday
        ("no_answer", ["20 17:00"], None, "24 9:00"),
        # the customer's own wish comes first
        ("no_answer", ["24 10:00"], "夕方", "24 16:00"),
        ("no_answer", ["24 10:00"], "午前中", "25 9:00"),
        ("no_answer", ["24 10:00"], "15時以降", "24 15:00"),
        # the third attempt is kept for a second business day
        ("no_answer", ["24 9:30", "24 13:00"], None, "25 9:00"),
        ("busy", ["24 9:30", "24 9:40"], None, "25 9:00"),
        ("no_answer", ["24 13:00", "25 9:00"], None, "25 12:00"),
        # a wish that can never be met is given up
        ("no_answer", ["24 9:30"], "19時以降", "24 11:30"),
    ],
)
def test_the_next_attempt(result: Result, tries: list[str], wish: str | None, then: str) -> None:
    found = next_attempt(result, [at(one) for one in tries], USUAL, "medium", wish)
    assert found == at(then)


@pytest.mark.parametrize("result", ["wrong_number", "no_more_calls"])
def test_no_attempt_follows_where_the_same_number_makes_no_sense(result: Result) -> None:
    assert next_attempt(result, [at("24 10:00")], USUAL, "medium") is None


def test_after_three_attempts_over_two_business_days_a_supervisor_decides() -> None:
    tries = [at("24 10:00"), at("24 13:00"), at("25 9:00")]
    assert not exhausted(tries[:2], USUAL)
    assert exhausted(tries, USUAL)
    assert next_attempt("no_answer", tries, USUAL, "medium") is None
    assert not exhausted([at("24 9:00"), at("24 10:00"), at("24 11:00")], USUAL), "on one day only"


def test_a_critical_one_is_tried_again_at_night() -> None:
    assert next_attempt("busy", [at("24 23:00")], USUAL, "critical") == at("24 23:10")
    assert next_attempt("busy", [at("24 23:00")], USUAL, "high") == at("25 9:00")


# -- wishes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "begin", "end"),
    [
        ("午前中", "0:00", "12:00"),
        ("明日の午後", "12:00", "23:59"),
        ("夕方以降でお願いします", "16:00", "23:59"),
        ("お昼が繋がりやすい", "11:00", "14:00"),
        ("10時から12時", "10:00", "12:00"),
        ("午後1時から3時", "13:00", "15:00"),
        ("１５時以降", "15:00", "23:59"),
        ("9:30-11:00", "9:30", "11:00"),
        ("午前10時半まで", "0:00", "10:30"),
    ],
)
def test_a_wish_is_a_part_of_the_day(said: str, begin: str, end: str) -> None:
    found = wished(said)
    assert found is not None
    assert [f"{one.hour}:{one.minute:02}" for one in found] == [begin, end]


@pytest.mark.parametrize("said", [None, "", "いつでも", "来週", "25時以降"])
def test_what_names_no_part_of_the_day_wishes_nothing(said: str | None) -> None:
    assert wished(said) is None


# -- the guard at the dial --------------------------------------------------------------------------

FINE = DialFacts(
    number="+819012345678",
    wrong_number=None,
    reply_wanted=None,
    priority="medium",
    wish=None,
    barred=None,
    locked_by=None,
    dials_today=0,
    on_the_line=0,
)
MORNING = at("24 10:00")


def refused(facts: DialFacts, now: datetime = MORNING, insist: Collection[Code] = ()) -> Code | None:
    refusal = may_dial(facts, USUAL, now, insist)
    assert refusal is None or refusal.reason
    return refusal.code if refusal else None


@pytest.mark.parametrize("number", ["+819012345678", "+815031859080", "+81312345678", "+818012345678"])
def test_ordinary_mobile_and_ip_telephones_are_dialled(number: str) -> None:
    assert refused(replace(FINE, number=number)) is None


@pytest.mark.parametrize(
    "number",
    [
        "+81110",
        "+81119",
        "+81118",
        "+81570000000",
        "+81990123456",
        "+81180123456",
        "+81120123456",
        "+81800123456",
        "+812012345678",
        "+16502530000",
        "+81111234567",
        "09012345678",
        "0019012345678",
        "184",
        "",
    ],
)
def test_nothing_else_is_ever_dialled(number: str) -> None:
    assert refused(replace(FINE, number=number), insist=("not_dialled",)) == "not_dialled"


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (replace(FINE, number=None), "no_number"),
        (replace(FINE, wrong_number="+819012345678"), "wrong_number"),
        (replace(FINE, reply_wanted=False), "not_wanted"),
        (replace(FINE, barred="ご本人の希望"), "barred"),
        (replace(FINE, locked_by="佐藤"), "locked"),
        (replace(FINE, dials_today=5), "day_limit"),
        (replace(FINE, on_the_line=10), "line_limit"),
        (replace(FINE, wish="夕方"), "wish"),
    ],
)
def test_each_reason_by_itself(facts: DialFacts, code: str) -> None:
    assert refused(facts) == code


def test_another_number_of_the_customer_is_dialled() -> None:
    assert refused(replace(FINE, wrong_number="+81312345678")) is None


@pytest.mark.parametrize(
    ("priority", "when", "code"),
    [
        ("medium", "24 8:59", "hours"),
        ("medium", "24 9:00", None),
        ("medium", "24 19:59", None),
        ("medium", "24 20:00", "hours"),
        ("critical", "24 3:00", None),
        ("high", "24 3:00", "hours"),
    ],
)
def test_at_night_only_a_critical_one(priority: str, when: str, code: str | None) -> None:
    assert refused(replace(FINE, priority=priority), at(when)) == code


def test_hours_by_name_are_those_of_the_line() -> None:
    by_name = policy(dial_hours={"other": "office"})
    assert may_dial(FINE, by_name, at("24 17:59")) is None
    refusal = may_dial(FINE, by_name, at("23 10:00"))  # a public holiday
    assert refusal is not None
    assert refusal.code == "hours"
    gone = Policy(CallbackRules.model_validate({"dial_hours": {"other": "gone"}}), lambda name: None)
    assert may_dial(FINE, gone, at("24 10:00")) is not None, "hours that are not there allow nothing"


def test_the_agent_may_go_against_a_wish_and_nothing_else() -> None:
    everything: tuple[Code, ...] = (
        "no_number",
        "barred",
        "locked",
        "hours",
        "day_limit",
        "wish",
        "not_wanted",
    )
    assert refused(replace(FINE, wish="夕方"), insist=("wish",)) is None
    assert refused(replace(FINE, barred="x"), insist=everything) == "barred"
    assert refused(replace(FINE, locked_by="x"), insist=everything) == "locked"
    assert refused(FINE, at("24 23:00"), insist=everything) == "hours"


def test_the_limits_are_the_lines() -> None:
    strict = policy(limits={"per_day": "1", "at_once": "1"})
    assert may_dial(replace(FINE, dials_today=1), strict, MORNING) is not None
    assert may_dial(replace(FINE, on_the_line=1), strict, MORNING) is not None


# -- targets ----------------------------------------------------------------------------------------


def test_a_line_says_what_is_promised_by_priority() -> None:
    rules = CallbackRules.model_validate(
        {
            "critical": {"response": "15m", "resolution": "4h", "news": "1h"},
            "high": {"response": "1h", "outside": "4h", "resolution": "8h"},
            "medium": {"response": "4 business hours", "resolution": "1 business day"},
        }
    )
    assert [rules.response("high", is_open=open_) for open_ in (True, False)] == ["1h", "4h"]
    assert [rules.response("critical", is_open=open_) for open_ in (True, False)] == ["15m", "15m"]
    assert rules.response("low", is_open=True) == "1 business day"
    assert rules.target("critical").news == timedelta(hours=1)
    assert rules.target("medium").resolution == "1 business day"
