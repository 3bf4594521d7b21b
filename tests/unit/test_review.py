"""The keys after a message: their sentence, what is refused, and how long a caller listens to menus."""

from datetime import date

import pytest
from pydantic import ValidationError

from ivr.dialplan.check import check
from ivr.dialplan.load import load_text
from ivr.steps import STEPS
from ivr.steps.review import Review
from ivr.steps.voicemail import Voicemail

PLAN = """
line: {tenant: shop, name: 山田商店, numbers: ["050-3185-9084"]}
start: left_message
steps:
  left_message:
    type: voicemail
    say: 発信音の後に、お話しください。
    callback: {due: 2h}
    REVIEW
    next: choose
  choose:
    type: menu
    say: MENU
    keys: {"1": bye}
    otherwise: bye
  bye: {type: play, say: お電話ありがとうございました。, next: end}
  end: {type: hangup}
"""


def problems(review: str, menu: str) -> list[str]:
    text = PLAN.replace("REVIEW", review).replace("MENU", menu)
    return [str(each) for each in check("plan.yaml", load_text("plan.yaml", text, STEPS), date(2026, 11, 24))]


def test_the_sentence_is_the_one_of_the_desks() -> None:
    assert Review().text == (
        "この内容でよろしければ1を、録音し直す場合は2を押してください。"
        "そのままお切りいただいても、メッセージは承ります。"
    )


def test_the_sentence_names_the_keys_that_the_line_offers() -> None:
    review = Review.model_validate({"send": "#1", "replace": "false", "listen": "star", "urgent": "9"})
    assert review.text == (
        "この内容でよろしければシャープと1を、お聞きになる場合は米印を、お急ぎの場合は9を押してください。"
        "そのままお切りいただいても、メッセージは承ります。"
    )
    assert review.says().keys() == {"review.say", "review.wrong", "review.marked"}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"listen": "2"}, "one key has two meanings"),
        ({"listen": "22"}, 'the key "22" begins with "2"'),
        (
            {"listen": "3", "say": "1で送信、2で録り直しです。"},
            '"say" does not name the key "3", spoken as 3',
        ),
        ({"send": "#1", "say": "1で送信、2で録り直しです。"}, "spoken as シャープと1"),
    ],
)
def test_keys_that_cannot_be_are_refused(written: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Review.model_validate(written)


def test_a_menu_that_follows_is_heard_behind_the_keys() -> None:
    """70 characters are 10 s of speech; 45 s of menus in a row are the most."""
    assert problems("review: {}", "あ" * 240) == []
    (problem,) = problems("review: {}", "あ" * 280)
    assert "plan.yaml:" in problem
    assert "after the message a caller hears about 48 s of menus; more than 45 s are too long" in problem
    assert problems("", "あ" * 280) == []


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("true", "恐れ入りますが、ご用件を、発信音の後にお話しください。"),
        ("ご用件もお願いいたします。", "ご用件もお願いいたします。"),
        ("false", None),
    ],
)
def test_a_question_is_the_usual_one_or_the_lines_own(written: str, text: str | None) -> None:
    step = Voicemail.model_validate(
        {"type": "voicemail", "say": "どうぞ。", "next": "bye", "ask_matter": written}
    )
    assert step.ask_matter == text
    assert step.says().get("ask_matter") == text


def test_a_notice_of_recording_is_the_sentence_of_the_law() -> None:
    step = Voicemail.model_validate(
        {"type": "voicemail", "say": "どうぞ。", "next": "bye", "recording_notice": "true"}
    )
    assert step.recording_notice == "お問い合わせ内容の確認と応対品質の向上のため、この通話を録音いたします。"
