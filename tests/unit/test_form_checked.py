"""What `ivr check` says about the public form, mails to customers, and rules for due times."""

import pytest

from tests.dialplans import changed, checked, refused


def with_line(text: str) -> str:
    return changed("  capacity: 2\n", f"  capacity: 2\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "  form: {}\n",
        "  form: {callback: {priority: high, due: 2h}, now: {due: 15m}, by_mail: 3 business days, times: true}\n",
        "  form: {company: required, member: optional, email: required, matter: optional}\n",
        "  form: {privacy: お問い合わせへの対応に利用します。, privacy_url: https://www.example.co.jp/privacy}\n",
        "  customers: {tell: done}\n",
        "  customers: {tell: [received, delayed], include: matter, reply_to: desk@example.co.jp, sign: 山田商店}\n",
        "  notify: [{when: [near_due, tier2], mail: a@example.co.jp, include: history}]\n",
        "  notify: [{when: change, webhook: crm, include: [matter, number]}]\n",
    ],
)
def test_these_are_sound(text: str) -> None:
    assert refused(with_line(text)) == [] and checked(with_line(text)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  form: {company: needed}\n", "line: form.company"),
        ("  form: {by_post: true}\n", 'unknown key "by_post"'),
        ("  form: {by_mail: 3 days}\n", '"3 days" is no due time'),
        ("  form: {callback: {hours: ofice}}\n", 'there are no hours "ofice"; did you mean "office"?'),
        ("  form: {privacy_url: javascript:alert(1)}\n", "is no address of a page"),
        ("  form: {privacy_url: 'http://example.co.jp/x'}\n", "is no address of a page"),
        ("  customers: {tell: [everything]}\n", "line: customers.tell"),
        ("  customers: {reply_to: desk}\n", '"desk" is no mail address'),
        (
            "  notify: [{when: change, mail: a@example.co.jp}]\n",
            '"change" is for a webhook, in a rule of its own',
        ),
        ("  notify: [{when: [change, urgent], webhook: crm}]\n", '"change" is for a webhook'),
    ],
)
def test_these_are_refused(text: str, said: str) -> None:
    (problem,) = refused(with_line(text))
    assert problem.startswith("dialplans/shop.yaml:6:") and said in problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  form: {by_mail: 1h, email: off}\n", "who is answered by mail is asked for the address"),
        ("  form: {email: off}\n  customers: {}\n", "the form asks nobody for an address"),
    ],
)
def test_these_cannot_be(text: str, said: str) -> None:
    (problem,) = checked(with_line(text))
    assert problem.startswith("dialplans/shop.yaml:6:") and said in problem


def test_nobody_can_be_rung_at_once_on_a_line_without_agents() -> None:
    text = with_line("  form: {now: {due: 15m}}\n")
    text = changed("    type: queue\n    agents: shop\n    max_wait: 2m\n    otherwise: message\n",
                   "    type: play\n    say: 少々お待ちください。\n    next: message\n", text)  # fmt: skip
    (problem,) = checked(text)
    assert "the line has no queue, so it has no agents" in problem


def test_business_days_of_a_form_need_hours_that_are_named() -> None:
    text = with_line("  form: {callback: {due: 2 business days}}\n")
    text = changed(
        "start: office", "  other: {zone: Asia/Tokyo, weekly: {土: '10:00-12:00'}}\nstart: office", text
    )
    problems = [problem for problem in checked(text) if "form" in problem]
    assert problems == [
        'dialplans/shop.yaml:6:10: line: form.callback: "hours" is missing; which are meant: office, other?'
    ]
