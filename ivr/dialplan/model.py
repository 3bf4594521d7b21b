"""What a dialplan is once it is read: a line, its hours, a graph of steps.

Immutable. The types of step live in `ivr/steps`, one file each; this room
knows only what all of them have in common.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from ivr.call import Call
from ivr.dialplan import duty
from ivr.dialplan.callbacks import CallbackModel as CallbackModel
from ivr.dialplan.callbacks import CallbackRules
from ivr.dialplan.form import CustomerMails, FormRules
from ivr.dialplan.notices import NoticeRule
from ivr.dialplan.part import Duration as Duration
from ivr.dialplan.part import Part
from ivr.dialplan.part import parse_duration as parse_duration
from ivr.dialplan.reading import ReadingRules
from ivr.dialplan.retention import RetentionRules
from ivr.hours.model import HoursModel

if TYPE_CHECKING:
    from ivr.dialplan.across import Beside
    from ivr.dialplan.desk import Desk

_KEY = re.compile(r"[0-9*#]{1,8}")
NAMED_KEYS = {"star": "*", "hash": "#", "米印": "*", "シャープ": "#"}


def parse_key(value: object) -> object:
    text = str(value).strip()
    text = NAMED_KEYS.get(text, text)
    if not _KEY.fullmatch(text):
        raise ValueError(f'"{text}" is no telephone key; use digits, "*" (star) and "#" (hash), e.g. "#1"')
    return text


Key = Annotated[str, BeforeValidator(parse_key)]
StepName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
DigitsName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]

SECRET = (
    "secret:"  # + name of secret digits: the variable of the state that holds the step that asked for them
)


WARNING = "恐れ入りますが、お話しいただけるお時間が、残り少なくなっております。"
OVER = "恐れ入りますが、お時間となりましたので、お話を終了いたします。お電話ありがとうございました。"


TURNED_AWAY = (
    "誠に恐れ入りますが、おかけになっている番号からのお電話は、お受けいたしかねます。"
    "ご了承くださいますよう、お願いいたします。"
)


def _turned_away(value: object) -> object:
    return {"true": TURNED_AWAY, "false": None}.get(value, value) if isinstance(value, str) else value


class LimitModel(Part):
    """The limit of a talk."""

    max: Duration
    """after which it ends"""
    warn: Duration | None = None
    """so long before the end `warning` is said; none: nobody is warned"""
    warning: Text = WARNING
    """said to both in a talk"""
    over: Text = OVER
    """said to both at the end of a talk"""

    @model_validator(mode="after")
    def _in_order(self) -> "LimitModel":
        if not self.max:
            raise ValueError('"max" is no time at all')
        if self.warn is not None and self.warn >= self.max:
            raise ValueError('"warn" is as long as "max" or longer; it is counted back from the end')
        return self


class VisitModel(LimitModel):
    """The limit of a whole call."""

    otherwise: StepName
    """the step for who is there at the end, where you say goodbye or offer something else; whoever is
    leaving a message is not cut"""


class LineModel(Part):
    tenant: str
    """the company whose calls are answered (契約企業); users and tokens of another one see nothing of them"""
    name: str
    """as it is shown"""
    read_as: str | None = None
    """as it is spoken, in kana where the voice would misread it"""
    numbers: Annotated[tuple[str, ...], Field(min_length=1)]
    """list of Japanese telephone numbers; a number belongs to one line only"""
    capacity: Annotated[int, Field(ge=1, le=10_000)] = 10
    """callers waiting or talking at one time; who comes beyond it finds all lines busy. Menus and
    voicemail do not count."""
    visit: VisitModel | None = None
    """the longest call, talks and waiting included: `{max: 60m, warn: 5m, otherwise: time_is_up}`"""
    reading: ReadingRules = ReadingRules()
    """what is looked for in the text of a message"""
    notify: Annotated[tuple[NoticeRule, ...], Field(max_length=50)] = ()
    """who is told of what"""
    callbacks: CallbackRules = CallbackRules()
    """what those are promised who are to be rung back, and when they are rung"""
    form: FormRules | None = None
    """the public form at `/request/<line>`; none: there is none"""
    customers: CustomerMails | None = None
    """what customers who gave a mail address are told of; none: of nothing"""
    turn_away: Annotated[Text | None, BeforeValidator(_turned_away, json_schema_input_type=bool | Text)] = (
        TURNED_AWAY
    )
    """what a caller hears whose number stands approved on the list 着信規制, before the call ends; `false`: here
    they are answered as everybody is"""
    retention: RetentionRules = RetentionRules()
    """how long recordings, texts and numbers are kept: `{audio: 90d, text: 1y, calls: 2y}`"""

    @property
    def spoken(self) -> str:
        return self.read_as or self.name

    def says(self) -> dict[str, str]:
        """YAML path under `line` -> text."""
        visit = {"visit.warning": self.visit.warning, "visit.over": self.visit.over} if self.visit else {}
        turned_away = {"turn_away": self.turn_away} if self.turn_away else {}
        on_duty = duty.TEXTS if self.callbacks.duty else ()
        return visit | turned_away | {f"callbacks.duty.{number}": text for number, text in enumerate(on_duty)}


class GroupModel(Part):
    """A group of agents."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """as it is shown"""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A step of another line, by the line's key; None: its start."""

    line: str
    step: str | None


class Step(Part):
    """One thing that happens to a caller. A type of step is a subclass in `ivr/steps`."""

    type: str
    # True if a caller who reaches this step is served: a person, a message or a goodbye
    serves: ClassVar[bool] = False
    # True if texts after it may say the `{ticket}` of the callback that it makes.
    makes_ticket: ClassVar[bool] = False
    # True if the end of the visit's time does not stop it: it looks at the time itself, or must not be cut.
    ends_by_itself: ClassVar[bool] = False

    @property
    def secret_digits(self) -> bool:
        """True if what it collects is never saved and never said."""
        return False

    def exits(self) -> dict[str, str]:
        """Every way out: the YAML path of the field ("next", "keys.#1") -> name of the next step."""
        return {}

    def leads_out(self) -> "Elsewhere | None":
        """The step of another line that follows it."""
        return None

    @property
    def is_last(self) -> bool:
        """True if nothing follows it."""
        return not self.exits() and self.leads_out() is None

    def caller_exits(self) -> frozenset[str]:
        """Those of `exits` that are taken only by the caller's doing; any other may not close a loop."""
        return frozenset()

    def says(self) -> dict[str, str]:
        """Every text this step can say: the YAML path of the field -> text with `{values}`."""
        return {}

    def names_day(self, day: date) -> list[str]:
        """Beside `says`, what it can say that names this day: spoken for each of the coming days."""
        return []

    def menu_at_its_end(self) -> str:
        """The keys that it tells after something else happened in it; menus that follow are heard behind them."""
        return ""

    def says_in_queue(self) -> frozenset[str]:
        """Those of `says` that are said to a caller in a queue, who has a `{position}` and a `{wait}`."""
        return frozenset()

    def hours_used(self) -> dict[str, str]:
        """YAML path -> name of the hours it refers to."""
        return {}

    def collects(self) -> str | None:
        """The name of the digits it asks for; texts say them as `{name}`."""
        return None

    def digits_used(self) -> dict[str, str]:
        """YAML path -> name of the collected digits that it needs beside those in its texts."""
        return {}

    def transfers_to(self) -> dict[str, str]:
        """YAML path -> telephone number (E.164) outside that it puts callers through to."""
        return {}

    def closes(self) -> str | None:
        """The key of a line that staff close by it at once; "" is its own, None: it closes none."""
        return None

    def hears_lines(self) -> dict[str, str]:
        """YAML path -> key of a line whose messages staff hear by it."""
        return {}

    def groups_used(self) -> dict[str, str]:
        """YAML path -> name of the group of agents that it refers to."""
        return {}

    async def run(self, call: Call, desk: "Desk") -> str | None:
        """Does it and returns the name of the next step; None ends the call, or what `leads_out` follows."""
        raise NotImplementedError


@dataclass(frozen=True)
class Dialplan:
    """One checked version of one line's dialplan; `hash` is the SHA-256 of its source, hex.

    `source` holds the line's own file and all shared ones that it uses, see `split_source`. Of what is
    shared, `hours` and `steps` have only what the line comes to.
    """

    key: str  # file name without ending
    hash: str
    source: str
    files: tuple[str, ...]  # what it was read from, as problems are headed; its own first
    line: LineModel
    hours: Mapping[str, HoursModel]
    groups: Mapping[str, GroupModel]  # empty: any name is one
    start: str
    steps: Mapping[str, Step]
    # The dialplans that were read with it, itself among them; None: it was read alone, nobody knows the others.
    beside: "Beside | None" = field(default=None, compare=False, repr=False)

    def entry(self, where: Elsewhere) -> str:
        """The step to which a goto leads here: the start, if this version has no such step."""
        return where.step if where.step is not None and where.step in self.steps else self.start

    @cached_property
    def menus_to_come(self) -> Mapping[str, float]:
        """Step -> the most seconds of menus that may follow it in a row; see ivr/dialplan/patience.py."""
        from ivr.dialplan import graph, patience  # they know this room's models

        own = patience.lengths(self.steps)
        if self.beside is None:
            return graph.to_come(self.steps, own)
        return {name: self.beside.menus_to_come[f"{self.key}:{name}"] for name in own}
