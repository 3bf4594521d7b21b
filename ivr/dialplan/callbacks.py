"""What a line promises those who are to be rung back, and how its agents go about it; `ivr/callbacks` keeps to it."""

import re
from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ivr.dialplan.part import Duration, Part
from ivr.dialplan.reading import Priority

_DUE = re.compile(r"[1-9]\d* business (day|hour)s?|[1-9]\d* ?(m|h|minutes?|hours?)")
ALWAYS = "always"
URGENT: Priority = "high"  # at least, of a message whose caller pressed the key for urgent ones
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


def parse_due(value: object) -> object:
    text = " ".join(str(value).split())
    if not _DUE.fullmatch(text):
        raise ValueError(
            f'"{text}" is no due time; write for example "1 business day", "4 business hours" or "15m"'
        )
    return text


def span_of(text: str) -> tuple[time, time] | None:
    """(9:00, 20:00) of "9:00-20:00", the same every day; None if it is written otherwise. ValueError: no such times."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    try:
        begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    except ValueError:
        raise ValueError(f'"{text}" has no such time of day; write for example "9:00-20:00"') from None
    if begin >= end:
        raise ValueError(f'"{text}" ends before it begins; write for example "9:00-20:00"')
    return begin, end


def _dial_hours(text: str) -> str:
    span_of(text)
    return text


Due = Annotated[str, BeforeValidator(parse_due)]
AgentName = Annotated[str, Field(min_length=1, max_length=64)]
DialHours = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_dial_hours)]


class CallbackModel(Part):
    """The callback that a message or the form makes."""

    priority: Priority = "medium"
    """`critical`, `high`, `medium`, `low`"""
    due: Due | None = None
    """`N business days`: the close of the Nth business day after the day of receipt; `N business hours`:
    open time only; `15m`, `2h`: by the clock; none: what `line: callbacks:` says for the priority"""
    hours: str | None = None  # default: the line's only hours; `check` demands it when there are several
    """which hours count; none: those that the call passed, else the line's first"""


class TargetModel(Part):
    """By when a callback of one priority is begun and solved."""

    response: Due = "1 business day"
    """by when work on it begins, as `due` of a step: `15m` by the clock, `4 business hours`, `1 business day`"""
    outside: Due | None = None
    """the same for who asks while the line is closed; none: `response`"""
    resolution: Due | None = None
    """by when it is solved; none: nothing is promised"""
    news: Duration | None = None
    """how often the customer hears of the progress until then: `1h`"""


class AttemptRules(Part):
    """What follows when a customer is not reached."""

    most: Annotated[int, Field(ge=1, le=20)] = 3
    """attempts; after them a supervisor decides (連絡不能)"""
    days: Annotated[int, Field(ge=1, le=10)] = 2
    """business days that they are spread over, at least"""
    busy: Duration = timedelta(minutes=10)
    """before the next attempt when the customer's telephone was busy (話中)"""
    absent: Duration = timedelta(hours=2)
    """the same when nobody was there (不在); it is made in another part of the day, or when the customer wishes"""


class DialLimits(Part):
    """How often is rung at most."""

    per_day: Annotated[int, Field(ge=1, le=50)] = 5
    """dials to one number in one day, whatever the ticket"""
    at_once: Annotated[int, Field(ge=1, le=1000)] = 10
    """customers of the line rung or talked to at one time"""


class AbandonedRules(Part):
    """Who gives up waiting is rung back."""

    after: Duration = timedelta(seconds=20)
    """so long one must have waited"""


class EscalationRules(Part):
    """Who is told when a due time is near or past."""

    near: Duration = timedelta(minutes=15)
    """so long before the due time it is near"""
    second: Duration = timedelta()
    """so long after the due time it moves up to tier 2"""
    third: Duration = timedelta(hours=1)
    """the same to tier 3"""


def _names(*allowed: str) -> AfterValidator:
    """A text may hold these names in braces and no others."""

    def check(text: str) -> str:
        for name in re.findall(r"\{([^{}]*)\}", text):
            if name == "matter" and name not in allowed:
                raise ValueError("{matter} is said to the customer alone; write it in `confirmed`")
            if name not in allowed:
                raise ValueError(
                    f'"{{{name}}}" is no name here; there are {", ".join(map("{{{}}}".format, allowed))}'
                )
        return text

    return AfterValidator(check)


_Said = Annotated[str, Field(min_length=1, max_length=500)]
_ToAnybody = Annotated[_Said, _names("agent", "line", "customer")]
_ToCustomer = Annotated[_Said, _names("agent", "line", "customer", "asked", "matter")]


class CallScript(Part):
    """What the screen gives an agent to say who rings a customer back.

    `{agent}`: the agent's name; `{line}`: the line's; `{customer}`: 佐藤花子様; ○○商店のご担当者様 or
    お電話をくださった方 where no name is known.
    """

    opening: _ToAnybody = "{agent}と申します。{customer}でいらっしゃいますでしょうか。"
    """to whoever answers"""
    family: _ToAnybody = "{agent}と申します。またお電話いたします。"
    """to somebody else who answers: neither the matter nor, unless you write `{line}`, who rings"""
    machine: _ToAnybody = "{agent}と申します。またお電話いたします。"
    """on an answering machine (留守電)"""
    confirmed: _ToCustomer = (
        "{line}の{agent}でございます。{asked}にお問い合わせいただきました件で、お電話いたしました。{matter}"
    )
    """to the customer, shown once the agent has confirmed that it is he; `{asked}`: when he asked, `{matter}`: what for"""


class CallbackRules(Part):
    """Callbacks of the line."""

    critical: TargetModel = TargetModel()
    """what holds for callbacks of this priority: `{response: 15m, resolution: 4h, news: 1h}`; a step that
    states its own `due` wins. So below"""
    high: TargetModel = TargetModel()
    medium: TargetModel = TargetModel()
    low: TargetModel = TargetModel()
    hours: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """which hours are business time here; none: the line's first"""
    dial_hours: dict[Priority | Literal["other"], DialHours] = Field(default={"other": "9:00-20:00"})
    """when customers are rung, by priority: `{critical: always, other: "9:00-20:00"}`; `always`, a part of every
    day, or the name of hours. Never at another time"""
    attempts: AttemptRules = AttemptRules()
    """what follows when a customer is not reached: `{most: 3, days: 2, busy: 10m, absent: 2h}`"""
    limits: DialLimits = DialLimits()
    """how often is rung at most: `{per_day: 5, at_once: 10}`"""
    abandoned: AbandonedRules | None = None
    """`{after: 20s}`: who gives up waiting later than that is rung back; none: nobody"""
    escalation: EscalationRules = EscalationRules()
    """when a callback is shown as near, and moves up: `{near: 15m, second: 0m, third: 1h}`"""
    script: CallScript = CallScript()
    """what agents say: `{family: "{agent}と申します。またお電話いたします。"}`"""
    tel_links: bool = False
    """true: on the screen of a mobile an agent may ring with that telephone, whose number the customer then sees"""

    duty: Annotated[tuple[AgentName, ...], Field(max_length=20)] = ()
    """the agents on duty (当番), `[tanaka, sato]`: rung one after the other, by mobile if one is registered, for a
    critical callback that comes while the line is closed, until one accepts; none: nobody"""

    def target(self, priority: str) -> TargetModel:
        found: dict[str, TargetModel] = {
            "critical": self.critical,
            "high": self.high,
            "medium": self.medium,
        }
        return found.get(priority, self.low)

    def response(self, priority: str, *, is_open: bool) -> str:
        """What is promised when a step states nothing."""
        target = self.target(priority)
        return target.response if is_open else target.outside or target.response

    def responses(self, priority: str) -> list[str]:
        """Both of `response`."""
        return [self.response(priority, is_open=True), self.response(priority, is_open=False)]

    def dialled(self, priority: str) -> tuple[time, time] | str:
        """When customers with a callback of this priority are rung: a part of every day, ALWAYS, or the name of hours."""
        written: dict[str, str] = {str(name): text for name, text in self.dial_hours.items()}
        text = written.get(priority) or written.get("other") or "9:00-20:00"
        return span_of(text) or text

    def hours_used(self) -> dict[str, str]:
        """Field -> name of the hours it refers to."""
        found = {"hours": self.hours} if self.hours else {}
        named = {key: text for key, text in self.dial_hours.items() if text != ALWAYS and not span_of(text)}
        return found | {f"dial_hours.{key}": text for key, text in named.items()}
