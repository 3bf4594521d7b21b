"""People who press, speak, wait and leave as the dice fall, on a line, at all times of two years."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import get_args

from ivr.call import Outcome
from ivr.dialplan.model import Dialplan
from ivr.hours.calendar import Calendar
from ivr.keys import KEYS, KeyTable
from ivr.terminal.call import Agent
from ivr.terminal.session import Session, groups, visit
from tests.flows.office import TOKYO

GOODBYE = "お電話ありがとうございました。"
FIRST = datetime(2026, 1, 1, tzinfo=TOKYO)
MINUTES = 2 * 365 * 24 * 60
USUAL = ("#1", "#2", "#3", "#9", "1", "2", "3", "4", "5")
MOST_QUESTIONS = 100  # nobody is asked more often; whoever is, goes round in circles


class RandomCaller:
    def __init__(self, dice: random.Random) -> None:
        self.left = False
        self.questions = 0
        self._dice = dice

    def keys(self, table: KeyTable, *, waiting: bool) -> str | None:
        if self._leaves():
            return None
        known = [key for key in USUAL if table.match(key, waited=True).state == "complete"]
        wrong = "".join(self._dice.choices(KEYS, k=self._dice.randint(1, 6)))
        none = 8 if waiting else 2
        return self._dice.choice([*known, *known, *known, "#1#2", wrong, *[""] * none])

    def digits(self, longest: int, end_key: str) -> str | None:
        return None if self._leaves() else "".join(self._dice.choices(KEYS, k=longest))

    def words(self) -> str | None:
        return None if self._leaves() else self._dice.choice(["田中です。折り返しお電話ください。", ""])

    def _leaves(self) -> bool:
        self.questions += 1
        assert self.questions < MOST_QUESTIONS, "the caller is asked for ever"
        self.left = self._dice.random() < 0.05
        return self.left


def staffing(dialplan: Dialplan, dice: random.Random) -> list[Agent]:
    """Of each group one agent, or none."""
    kinds = [Agent("", "", answers=3.0), Agent("", "", answers=None), Agent("", "", state="talking"), None]
    chosen = ((group, dice.choice(kinds)) for group in groups(dialplan))
    return [Agent(group, group, kind.answers, 60.0, kind.state) for group, kind in chosen if kind]


async def call(
    seed: int, dialplan: Dialplan, calendars: Mapping[str, Calendar]
) -> tuple[RandomCaller, Session]:
    dice = random.Random(seed)
    at = FIRST + timedelta(minutes=dice.randrange(MINUTES))
    if dice.random() < 0.8:  # most people know when somebody is there
        at = at.replace(hour=dice.randint(10, 16))
    caller = RandomCaller(dice)
    session = await visit(dialplan, calendars, caller, at, staffing(dialplan, dice), zone=TOKYO)
    return caller, session


def served(caller: RandomCaller, session: Session) -> bool:
    """A person, a message or a goodbye; or the caller's own leaving, which alone may end with nothing."""
    outcome = session.state.outcome
    if outcome == "answered":
        return session.talked_to is not None
    if outcome == "message":
        return session.message is not None and session.message.due is not None
    if outcome == "callback":
        return session.asked is not None
    assert outcome in get_args(Outcome)
    own = caller.left and outcome in ("abandoned", "silent", "informed")  # informed: of the ticket
    return session.heard[-1].endswith(GOODBYE) or own
