"""Waves of callers on one running product, and what is done to it meanwhile."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from typing import Literal

import aiohttp
import numpy as np

from tests.asterisk.desk import Desk, until
from tests.asterisk.sayings import BROKEN, CANCEL, CONTRACT, INVOICE, LOGIN, ORDER, RETURN
from tests.speech import speak
from tools.kill_matrix.callers import LINE, RATE, Caller
from tools.kill_matrix.judge import Case, Figures, judge, pending
from tools.kill_matrix.troubles import full, hung, locked

CALLERS = 5
APART = 4.0  # seconds within which they dial
LATEST = 13.0  # seconds after the wave's begin at which something is killed
SETTLED = 240.0  # seconds for the rest: adopting takes 15 s, each text a second or two
SENTENCES = (
    (INVOICE, BROKEN),
    (LOGIN, ORDER),
    (CONTRACT,),
    (RETURN, INVOICE),
    (CANCEL, BROKEN),
)
OTHERS = ("jobs", "transcriber")
Victim = Literal["engine", "asterisk", "jobs", "transcriber"]

DIALPLAN = f"""\
line: {{tenant: ecforce, name: 試験窓口, numbers: ["{LINE[:3]}-{LINE[3:7]}-{LINE[7:]}"], capacity: 20}}
hours:
  office: {{zone: Asia/Tokyo, weekly: {{月-金: "10:00-17:00"}}, holidays: JP}}
start: message
steps:
  message: {{type: voicemail, say: 発信音の後に、お話しください。, max: 60s, silence: 10s, callback: {{priority: medium, due: 1 business day}}, next: thanks}}
  thanks: {{type: play, say: "メッセージを承りました。担当者より、折り返しお電話いたします。お電話ありがとうございました。", next: bye}}
  bye: {{type: hangup}}
"""


class Matrix:
    """`numbers`: the first of the callers' numbers, of which each is used once."""

    def __init__(self, desk: Desk, dice: random.Random, numbers: int) -> None:
        self.desk = desk
        self.figures = Figures()
        self.kills: dict[str, int] = dict.fromkeys(("engine", "asterisk", *OTHERS), 0)
        self._dice = dice
        self._number = numbers
        self._cases: list[Case] = []

    def callers(self, count: int) -> list[tuple[Caller, str]]:
        """With what each says, written apart."""
        made = []
        for position in range(count):
            sentences = SENTENCES[position % len(SENTENCES)]
            words = np.concatenate([speak(one) for one in sentences])
            wait = self._dice.uniform(0, APART)
            made.append((Caller(self.desk, f"0{self._number}", words, wait), " ".join(sentences)))
            self._number += 1
        return made

    def trouble(self, name: str) -> None:
        """Callers while the database is locked, the transcriber hangs, or the disk gets full under their messages."""
        until_now(self.well, SETTLED, "the product serves calls")
        callers = self.callers(CALLERS)

        def all_speak() -> bool:
            return all(caller.left.said and caller.left.said[-1][1] > 2 * RATE for caller, _ in callers)

        with {
            "locked": lambda: locked(self.desk),
            "hung": lambda: hung(self.desk),
            "full": lambda: full(self.desk, all_speak),
        }[name]() as moment:
            for caller, _ in callers:
                caller.start()
            for caller, words in callers:
                caller.join(180)
                self._cases.append(Case(caller.left, words, moment.at))

    def wave(self, victim: Victim | None, others: Sequence[Victim] = OTHERS, count: int = CALLERS) -> None:
        """Callers, and `victim` and `others` killed at random instants; of Asterisk, it cuts every call."""
        until_now(self.well, SETTLED, "the product serves calls")
        callers = self.callers(count)
        begin = time.monotonic()
        for caller, _ in callers:
            caller.start()
        moments = sorted((begin + self._dice.uniform(0.5, LATEST), one) for one in others)
        if victim is not None:
            moments = sorted([*moments, (begin + self._dice.uniform(0.5, LATEST - 2), victim)])
        killed: float | None = None
        alone: float | None = None
        for moment, one in moments:
            time.sleep(max(0.0, moment - time.monotonic()))
            at = self.kill(one)
            if one == "engine":
                alone = at
            elif one == "asterisk":
                killed = at
                for caller, _ in callers:
                    caller.cut.set()
        for caller, words in callers:
            caller.join(60)
            over = (
                caller.left.hung_up is not None and killed is not None and caller.left.hung_up + 0.5 < killed
            )
            self._cases.append(Case(caller.left, words, None if over else killed, alone))

    def kill(self, name: Victim) -> float:
        """When."""
        process = self.desk.process(name)
        if process is not None:  # else it is being started again
            os.kill(process, signal.SIGKILL)
            self.kills[name] += 1
        return time.monotonic()

    async def well(self) -> bool:
        """The engine has told Asterisk that it takes calls."""
        if self.desk.process("engine") is None or self.desk.process("asterisk") is None:
            return False
        try:
            apps = await self.desk.ari("applications")
        except (OSError, aiohttp.ClientError):  # Asterisk is starting
            return False
        return isinstance(apps, list) and any(app["name"].startswith("ivr-") for app in apps)

    def end(self) -> Figures:
        """When nothing is on its way any more, or after a patience."""
        until_now(lambda: not pending(self.desk), SETTLED, "every message is settled", fails=False)
        for case in self._cases:
            judge(self.desk, case, self.figures)
        self._cases.clear()
        return self.figures


def until_now(look: Callable[[], object], limit: float, what: str, *, fails: bool = True) -> None:
    try:
        asyncio.run(until(look, limit, what))
    except AssertionError:
        if fails:
            raise
