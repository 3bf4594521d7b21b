"""Texts become parts: what changes daily stands alone, so that the rest is spoken once."""

from datetime import date

import pytest

from ivr.dialplan.load import load_text
from ivr.dialplan.model import LineModel
from ivr.dialplan.texts import all_texts, parts, stray_brace, values
from ivr.steps import STEPS
from tests.dialplans import FILE, changed

LINE = LineModel(tenant="a", name="山田商店", read_as="ヤマダショウテン", numbers=("050-3185-9080",))
CLOSED = "本日は休業日でございます。"


@pytest.mark.parametrize(
    ("text", "closed", "said"),
    [
        ("はい、{line}でございます。", None, ["はい、ヤマダショウテンでございます。"]),
        ("{closed_greeting}お話しください。", CLOSED, [CLOSED, "お話しください。"]),
        ("はい。{closed_greeting}お話しください。", CLOSED, ["はい。", CLOSED, "お話しください。"]),
        ("{closed_greeting}", CLOSED, [CLOSED]),
        ("{closed_greeting}お話しください。", "", ["お話しください。"]),
        ("{closed_greeting}お話しください。", None, ["お話しください。"]),
        ("{closed_greeting} {line}", None, ["ヤマダショウテン"]),
        ("file:welcome", None, ["file:welcome"]),
    ],
)
def test_a_text_becomes_parts(text: str, closed: str | None, said: list[str]) -> None:
    greeting = {"closed_greeting": [closed]} if closed is not None else {}
    assert parts(text, line=LINE, said=greeting) == said


def test_values_of_a_call_are_parts_and_what_is_unknown_is_left_out() -> None:
    said = {"card": ["ヨン", "ハチ"], "bank": ["ニー"]}
    assert parts("{card}、{bank}。", line=LINE, said=said) == ["ヨン", "ハチ", "ニー"]
    assert parts("番号は{card}です。{none}", line=LINE, said=said) == ["番号は", "ヨン", "ハチ", "です。"]
    assert parts("番号は{card}です。", line=LINE) == ["番号は", "です。"]
    assert parts("。", line=LINE) == ["。"], "an admin hears that it cannot be spoken"


def test_a_line_without_a_reading_is_said_by_its_name() -> None:
    line = LineModel(tenant="a", name="山田商店", numbers=("050-3185-9080",))
    assert parts("{line}です。", line=line) == ["山田商店です。"]


def test_values_and_stray_braces() -> None:
    assert values("{line}と{x}") == ["line", "x"]
    assert not stray_brace("{line}")
    assert stray_brace("{line") and stray_brace("line}") and stray_brace("{{line}}")


def test_all_that_can_be_said_in_two_days_of_which_one_is_closed() -> None:
    # 2026-11-22 is a Sunday, 2026-11-23 a Monday; this shop keeps no public holidays.
    dialplan = load_text(FILE, changed("お電話ありがとうございました。", "'{line}でした。'"), STEPS)
    texts = all_texts(dialplan, date(2026, 11, 22), 2)
    assert set(texts) >= {
        "お問い合わせは、シャープと1を押してください。",
        "恐れ入りますが、ご入力を確認できませんでした。もう一度、番号を押してください。",
        "担当者におつなぎいたします。そのままお待ちください。",
        "発信音の後に、お話しください。",
        "山田商店でした。",
        "本日は休業日でございます。次の営業は、11月23日、月曜日の、午前10時からでございます。",
        "本日の受付は、午前10時からでございます。",
        "本日の受付は終了いたしました。次の営業は、11月24日、火曜日の、午前10時からでございます。",
    }
    assert len(texts) == len(set(texts))
    assert not [text for text in texts if "{" in text]


def test_greetings_are_not_spoken_for_who_does_not_say_them() -> None:
    dialplan = load_text(FILE, changed("{closed_greeting}", ""), STEPS)
    assert not [text for text in all_texts(dialplan, date(2026, 11, 22), 14) if "本日" in text]
