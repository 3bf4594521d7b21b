"""The guard at the dial: whether a customer may be rung now. Pure; asked at the instant of dialling."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ivr.callbacks.policy import Policy
from ivr.callbacks.wishes import wished
from ivr.outside import to_ring_back

Code = Literal[
    "no_number",
    "not_dialled",
    "wrong_number",
    "not_wanted",
    "barred",
    "locked",
    "unrecorded",
    "hours",
    "day_limit",
    "line_limit",
    "wish",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """`reason`: for the page. `may_insist`: the agent may dial all the same, knowing it."""

    code: Code
    reason: str
    may_insist: bool = False


@dataclass(frozen=True, slots=True)
class DialFacts:
    """`number` E.164. `locked_by`: who dials it now, on any ticket; `unrecorded`: who did, and has not said how that went
    (`ivr.store.callbacks.unrecorded`).
    `barred`: why it is on 発信禁止, or is to be.
    """

    number: str | None
    wrong_number: str | None
    reply_wanted: bool | None
    priority: str
    wish: str | None
    barred: str | None
    locked_by: str | None
    dials_today: int
    on_the_line: int
    unrecorded: str | None = None


def may_dial(
    facts: DialFacts, policy: Policy, now: datetime, insist: Collection[Code] = ()
) -> Refusal | None:
    """None: yes. `insist`: refusals that the agent has seen and goes against, where that is possible."""
    told = (
        _number(facts),
        _permission(facts),
        _last(facts),
        _time(facts, policy, now),
        _wish(facts, policy, now),
    )
    for refusal in told:
        if refusal is not None and not (refusal.may_insist and refusal.code in insist):
            return refusal
    return None


def _number(facts: DialFacts) -> Refusal | None:
    if facts.number is None:
        return Refusal("no_number", "電話番号が分からないため、発信できません。番号を入力してください。")
    if to_ring_back(facts.number) != facts.number:
        return Refusal(
            "not_dialled",
            "この番号には発信できません。発信できるのは、国内の固定電話・携帯電話・IP電話だけです。",
        )
    if facts.number == facts.wrong_number:
        return Refusal("wrong_number", "番号違いと記録されています。正しい番号を入力してください。")
    return None


def _permission(facts: DialFacts) -> Refusal | None:
    if facts.reply_wanted is False:
        return Refusal("not_wanted", "折り返し不要の受付です。必要な場合は「要」に変更してください。")
    if facts.barred is not None:
        return Refusal("barred", f"発信禁止の番号です（{facts.barred}）。")
    if facts.locked_by is not None:
        return Refusal("locked", f"{facts.locked_by}さんが、このお客様に発信中です。")
    return None


def _last(facts: DialFacts) -> Refusal | None:
    if facts.unrecorded is None:
        return None
    said = f"{facts.unrecorded}さんがこのお客様にかけたお電話の結果が、まだ記録されていません。先に確かめてください。"
    return Refusal("unrecorded", said, may_insist=True)


def _time(facts: DialFacts, policy: Policy, now: datetime) -> Refusal | None:
    if not policy.window(facts.priority).allows(now):
        return Refusal("hours", "お客様にお電話できる時間帯ではありません。")
    limits = policy.rules.limits
    if facts.dials_today >= limits.per_day:
        return Refusal("day_limit", f"この番号には、本日すでに{facts.dials_today}回発信しています。")
    if facts.on_the_line >= limits.at_once:
        return Refusal("line_limit", "同時に発信できる件数に達しています。しばらくしてから発信してください。")
    return None


def _wish(facts: DialFacts, policy: Policy, now: datetime) -> Refusal | None:
    span = wished(facts.wish)
    if span is None or span[0] <= now.astimezone(policy.zone).time() < span[1]:
        return None
    return Refusal("wish", f"お客様のご希望の時間帯（{facts.wish}）ではありません。", may_insist=True)
