"""The values in texts: what they become, how they are read, where they are known; all is spoken before a call."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pyopenjtalk
import pytest

from ivr.call import CallState
from ivr.dialplan.desk import Desk
from ivr.dialplan.load import load_text
from ivr.dialplan.texts import ahead_parts, all_texts, parts
from ivr.hours.calendar import Calendar
from ivr.prompts.reading import normalise
from ivr.queues.queues import Queues
from ivr.steps import STEPS
from tests.dialplans import FILE, SHOP, changed, checked
from tests.fakes.fake_closings import ClosingBook, FakeClosings
from tests.fakes.fake_journal import FakeJournal, Ledger
from tests.fakes.fake_mailbox import FakeMailbox, Mailroom
from tests.fakes.fake_retrieval import FakeRetrieval, Shelf
from tests.fakes.fake_roster import FakeRoster
from tests.fakes.virtual_time import FakeClock, in_virtual_time

# pyopenjtalk-plus calls an old name of SudachiPy's.
pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")

GOODBYE = "say: お電話ありがとうございました。"
CLOSED = """\
    closed: {"12/29-1/3": 年末年始休業}
    holidays: JP
    exceptions: {"2026-11-27": closed 台風}
"""
PLAN = changed("start: office\n", CLOSED + "start: office\n")


class Here:
    """A place in a queue."""

    def __init__(self, ahead: int, wait: timedelta | None) -> None:
        self._ahead, self._wait = ahead, wait

    def ahead(self) -> int:
        return self._ahead

    def expected_wait(self) -> timedelta | None:
        return self._wait

    async def next(self) -> None:  # type: ignore[override]
        raise NotImplementedError

    async def leave(self) -> None: ...


def desk(moment: str, text: str = PLAN) -> Desk:
    """Needs a running loop. `moment` in Japanese time."""
    plan = load_text(FILE, text, STEPS)
    clock = FakeClock(datetime.fromisoformat(moment + "+09:00").astimezone(UTC))
    calendars = {name: Calendar(hours) for name, hours in plan.hours.items()}
    mailbox = FakeMailbox(Mailroom(lambda file: None))
    queues = Queues(FakeRoster([]), clock)
    closings = FakeClosings(ClosingBook(), clock)
    return Desk(
        plan.key,
        plan.line,
        calendars,
        clock,
        mailbox,
        queues,
        FakeJournal(Ledger()),
        closings,
        FakeRetrieval(Shelf(), clock),
    )


def kana(said: Sequence[str]) -> list[str]:
    return [str(pyopenjtalk.g2p(normalise(part, None), kana=True)) for part in said]


# -- by the clock -------------------------------------------------------------------------

REASON = "本日は、{reason}のため、休業日でございます。"
NEXT = "次の営業は、{next_opening}からでございます。"


@pytest.mark.parametrize(
    ("moment", "text", "said", "read"),
    [
        (
            "2026-12-29T11:00",
            REASON,
            ["本日は、", "年末年始休業", "のため、休業日でございます。"],
            ["ホンジツワ、", "ネンマツネンシキューギョー", "ノタメ、キューギョービデゴザイマス."],
        ),
        (
            "2026-11-23T11:00",
            REASON,
            ["本日は、", "勤労感謝の日", "のため、休業日でございます。"],
            ["ホンジツワ、", "キンロウカンシャノヒ", "ノタメ、キューギョービデゴザイマス."],
        ),
        (
            "2026-11-27T11:00",
            REASON,
            ["本日は、", "台風", "のため、休業日でございます。"],
            ["ホンジツワ、", "タイフー", "ノタメ、キューギョービデゴザイマス."],
        ),
        (
            "2026-11-23T11:00",
            NEXT,
            ["次の営業は、", "11月24日、火曜日の、午前10時", "からでございます。"],
            [
                "ツギノエーギョーワ、",
                "ジューイチガツニジューヨッカ、カヨービノ、ゴゼンジュージ",
                "カラデゴザイマス.",
            ],
        ),
        (
            "2026-12-29T11:00",
            NEXT,
            ["次の営業は、", "1月4日、月曜日の、午前10時", "からでございます。"],
            ["ツギノエーギョーワ、", "イチガツヨッカ、ゲツヨービノ、ゴゼンジュージ", "カラデゴザイマス."],
        ),
    ],
)
@in_virtual_time
async def test_reason_and_next_opening(moment: str, text: str, said: list[str], read: list[str]) -> None:
    here = desk(moment)
    assert here.speak(CallState("c", "shop", ""), text) == said
    assert [part.rstrip("。.") for part in kana(said)] == [part.rstrip(".") for part in read]
    spoken = all_texts(
        load_text(FILE, changed(GOODBYE, f'say: "{text}"', PLAN), STEPS), here.clock.now().date(), 1
    )
    assert set(said) <= set(spoken)


@pytest.mark.parametrize("moment", ["2026-11-21T11:00", "2026-11-24T11:00", "2026-11-24T18:00"])
@in_virtual_time
async def test_a_sentence_whose_value_is_empty_is_left_out(moment: str) -> None:
    """A Saturday, open hours, after closing: no closed day has a name then."""
    said = desk(moment).speak(CallState("c", "shop", ""), f"はい、{{line}}です。{REASON}またお電話ください。")
    assert said == ["はい、山田商店です。", "またお電話ください。"]


@in_virtual_time
async def test_there_is_no_next_opening_to_tell_while_open() -> None:
    assert desk("2026-11-24T11:00").speak(CallState("c", "shop", ""), NEXT) == []


# -- of a call ----------------------------------------------------------------------------

TICKET = "メッセージを承りました。受付番号は、{ticket}です。お電話ありがとうございました。"


@in_virtual_time
async def test_the_ticket_is_said_digit_by_digit() -> None:
    state = CallState("c", "shop", "", variables={"ticket": "4821930"})
    said = desk("2026-11-24T11:00").speak(state, TICKET)
    assert said == [
        "メッセージを承りました。", "受付番号は、", "ヨン", "ハチ", "ニー", "イチ", "キュー", "サン", "ゼロ", "です。",
        "お電話ありがとうございました。",
    ]  # fmt: skip
    assert kana(said)[2:9] == ["ヨン", "ハチ", "ニー", "イチ", "キュー", "サン", "ゼロ"]


@in_virtual_time
async def test_without_a_ticket_nothing_is_said_of_it() -> None:
    """The store was slow: the message is filed later."""
    said = desk("2026-11-24T11:00").speak(CallState("c", "shop", ""), TICKET)
    assert said == ["メッセージを承りました。", "お電話ありがとうございました。"]


POSITION = "ただいま電話が混み合っております。現在、お客様の前に{position}がお待ちです。"
WAIT = "おつなぎするまで、およそ{wait}かかる見込みです。このままお待ちください。"


@pytest.mark.parametrize(
    ("ahead", "minutes", "people", "wait", "read"),
    [
        (1, 0.5, "1名様", "1分", ["イチメーサマ", "イップン"]),
        (2, 9, "2名様", "10分", ["ニメーサマ", "ジュップン"]),
        (7, 22, "2名様以上", "25分", ["ニメーサマイジョー", "ニジューゴフン"]),  # the shop's capacity is 2
        (2, 200, "2名様", "2時間以上", ["ニメーサマ", "ニジカンイジョー"]),
    ],
)
@in_virtual_time
async def test_place_in_the_queue(
    ahead: int, minutes: float, people: str, wait: str, read: list[str]
) -> None:
    here, place = desk("2026-11-24T11:00"), Here(ahead, timedelta(minutes=minutes))
    state = CallState("c", "shop", "")
    assert here.speak(state, POSITION + WAIT, place=place) == [
        "ただいま電話が混み合っております。", "現在、お客様の前に", people, "がお待ちです。",
        "おつなぎするまで、およそ", wait, "かかる見込みです。", "このままお待ちください。",
    ]  # fmt: skip
    assert kana([people, wait]) == read


@pytest.mark.parametrize(
    ("ahead", "wait", "said"),
    [
        (0, None, ["ただいま電話が混み合っております。", "このままお待ちください。"]),
        (0, timedelta(), ["ただいま電話が混み合っております。", "このままお待ちください。"]),
        (
            1,
            None,
            [
                "ただいま電話が混み合っております。",
                "現在、お客様の前に",
                "1名様",
                "がお待ちです。",
                "このままお待ちください。",
            ],
        ),
    ],
)
@in_virtual_time
async def test_nobody_ahead_and_unknown_waits_are_not_said(
    ahead: int, wait: timedelta | None, said: list[str]
) -> None:
    assert (
        desk("2026-11-24T11:00").speak(CallState("c", "s", ""), POSITION + WAIT, place=Here(ahead, wait))
        == said
    )


def test_a_large_line_says_at_most_fifty() -> None:
    assert ahead_parts(50, 1000) == ["50名様"]
    assert ahead_parts(51, 1000) == ahead_parts(999, 1000) == ["50名様以上"]


def test_places_waits_and_tickets_are_spoken_before_any_call() -> None:
    text = changed("    max_wait: 2m\n", f"    max_wait: 2m\n    waiting: {POSITION}{WAIT}\n")
    texts = all_texts(load_text(FILE, changed(GOODBYE, f"say: {TICKET}", text), STEPS), date(2026, 11, 24), 1)
    counters = ["1名様", "2名様", "2名様以上"]
    waits = [
        "1分", "2分", "3分", "4分", "5分", "10分", "15分", "20分", "25分", "30分", "40分", "50分", "1時間",
        "1時間30分", "2時間", "2時間以上",
    ]  # fmt: skip
    digits = ["ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー"]
    around = [
        "現在、お客様の前に",
        "がお待ちです。",
        "おつなぎするまで、およそ",
        "かかる見込みです。",
        "受付番号は、",
        "です。",
    ]
    assert set(texts) >= {*counters, *waits, *digits, *around}
    assert "3名様" not in texts


# -- sentences ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("はい。{a}です。いいえ。", ["はい。", "いいえ。"]),
        ("{a}です！はい。", ["はい。"]),
        ("{b}と{a}です。はい。", ["はい。"]),
        ("{b}です。{a}です。", ["ビー", "です。"]),
        ("はい。いいえ。{b}です。", ["はい。いいえ。", "ビー", "です。"]),
        ("{closed_greeting}お話しください。", ["お話しください。"]),
        ("{a}", []),
    ],
)
def test_what_is_left_out_ends_with_its_sentence(text: str, said: list[str]) -> None:
    line = load_text(FILE, SHOP, STEPS).line
    assert parts(text, line=line, said={"b": ["ビー"], "closed_greeting": [""]}) == said


# -- where a value is known ---------------------------------------------------------------

QUEUE = "    max_wait: 2m\n    otherwise: message"
MISTAKES = {
    "position outside a queue": (
        GOODBYE,
        'say: "{position}がお待ちです。"',
        '34:10: play "thanks": say: "{position}" is not known here; say it in "say" or "waiting" of a queue step',
    ),
    "wait outside a queue": (
        "say: お問い合わせは、シャープと1を押してください。",
        'say: "{wait}です。シャープと1を押してください。"',
        '19:10: menu "menu": say: "{wait}" is not known here; say it in "say" or "waiting" of a queue step',
    ),
    "position in the end of a talk": (
        QUEUE,
        '    talk: {max: 30m, over: "{position}です。"}\n' + QUEUE,
        '25:28: queue "agents": talk.over: "{position}" is not known here; '
        'say it in "say" or "waiting" of a queue step',
    ),
    "a ticket before there is one": (
        "say: お問い合わせは、シャープと1を押してください。",
        'say: "受付番号は、{ticket}です。シャープと1を押してください。"',
        '19:10: menu "menu": say: "{ticket}" is not known here; only after a voicemail or callback step, '
        "and none leads here",
    ),
    "a wrong name": (
        GOODBYE,
        'say: "{tickets}です。"',
        '34:10: play "thanks": say: unknown value "{tickets}"; did you mean "{ticket}"?',
    ),
    "a wrong name of the reason": (
        GOODBYE,
        'say: "{reson}です。"',
        '34:10: play "thanks": say: unknown value "{reson}"; did you mean "{reason}"?',
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_check_says_where_a_value_is_not_known(mistake: str) -> None:
    old, new, said = MISTAKES[mistake]
    assert checked(changed(old, new)) == [f"{FILE}:{said}"]


def test_values_are_known_where_they_are() -> None:
    text = changed(QUEUE, f'    say: "{POSITION}"\n    waiting: "{WAIT}"\n{QUEUE}')
    assert checked(changed(GOODBYE, f'say: "{TICKET}"', text)) == []
