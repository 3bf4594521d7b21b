"""closing: staff close a line at once by telephone, and open it again (臨時休業), with a PIN.

```yaml
staff:
  type: closing
  reasons: {"1": 台風, "2": 設備点検, "3": 停電}
  next: done
  otherwise: bye
```
It stands behind a key that is not announced, or on a number of its own that only staff know, which then
names the `line`. The PIN is set by `ivr pin`; five wrong ones lock it for 15 minutes. It is never saved.
Staff hear the present state, close the line for today or up to a day within two weeks for one of the
`reasons`, or open it again; what they hear last is true, for it was committed before.
"""

import logging
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Duration, Key, Step, StepName, parse_duration
from ivr.dialplan.texts import day_named
from ivr.errors import ClosingError, NotFound, StoreError
from ivr.staff import Unlocked
from ivr.steps import staff
from ivr.steps.menu import NOTHING

log = logging.getLogger("ivr.steps")

ASK = "臨時休業の設定です。暗証番号を押し、最後にシャープを押してください。"
UNAVAILABLE = "この窓口は、電話では設定できません。管理者にお問い合わせください。"
SHUT = "現在、臨時休業中です。お客様には、次のようにご案内しています。"
NOT_SHUT = "現在、臨時休業は設定されていません。"
CHOICES = "本日を臨時休業とする場合は1を、最終日を指定して臨時休業とする場合は2を押してください。"
MAY_REOPEN = "臨時休業を解除する場合は3を押してください。"
LAST_DAY = "臨時休業の最終日を、月と日の4桁で押してください。"
BAD_DAY = "その日付は指定できません。本日から13日後までの日付を押してください。"
TODAY = "本日、"
SURE_TO_CLOSE = "臨時休業とします。よろしければ1を、やり直す場合は2を押してください。"
SURE_TO_REOPEN = "臨時休業を解除します。よろしければ1を、やり直す場合は2を押してください。"
CLOSED = "臨時休業に設定しました。"
REOPENED = "臨時休業を解除しました。"
FAILED = "設定できたことを確認できませんでした。お手数ですが、おかけ直しのうえ、設定をお確かめください。"

MADE = "closing:"  # + name of the step: the variable of the state that says what was committed
DAYS_AHEAD = timedelta(days=13)  # the days that the jobs process has spoken
FOR_TODAY, UP_TO_A_DAY, REOPEN = "1", "2", "3"
YES, AGAIN = "1", "2"


def _one_digit(value: object) -> object:
    if value not in tuple("123456789"):
        raise ValueError(f'"{value}" is no key for a reason; take 1 to 9')
    return value


Reason = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^{}\n]+$")]


class ClosingStep(Step):
    type: Literal["closing"]
    reasons: Annotated[
        dict[Annotated[Key, BeforeValidator(_one_digit)], Reason], Field(min_length=1, max_length=9)
    ]
    """key, `1` to `9` -> the reason as callers hear it: 「本日は、台風のため、臨時休業とさせていただいております。」"""
    next: StepName
    """the step when something was set"""
    otherwise: StepName
    """the step for who has no right PIN, does not answer, or when it failed"""
    line: str | None = None
    """the line that is closed, by the name of its file, of the same company; none: this one"""
    repeat: Annotated[int, Field(ge=0, le=5)] = 2
    """how often each question is asked again, 0 to 5"""
    wait: Duration = parse_duration("8s")
    """for the first key after a question"""

    def exits(self) -> dict[str, str]:
        return {"next": self.next, "otherwise": self.otherwise}

    def caller_exits(self) -> frozenset[str]:
        return frozenset({"next"})

    def says(self) -> dict[str, str]:
        fixed = (
            ASK, UNAVAILABLE, SHUT, NOT_SHUT, CHOICES, MAY_REOPEN, LAST_DAY, BAD_DAY, TODAY, SURE_TO_CLOSE,
            SURE_TO_REOPEN, CLOSED, REOPENED, FAILED, *staff.SAYS,
        )  # fmt: skip
        because = {f"reasons.{key}": self._because(key) for key in self.reasons}
        return (
            {f"text {number}": text for number, text in enumerate(fixed)}
            | {"reasons": self._which()}
            | because
        )

    def names_day(self, day: date) -> list[str]:
        return [_up_to(day)]

    def closes(self) -> str | None:
        return self.line or ""

    async def run(self, call: Call, desk: Desk) -> str | None:
        """Taken back after the commit, it confirms again; before, it asks for the PIN again."""
        made = f"{MADE}{call.state.step}"
        try:
            if made not in call.state.variables:
                if not await self._may(call, desk) or (done := await self._set(call, desk)) is None:
                    return self.otherwise
                call.state.variables[made] = done
                desk.journal.entered(call)
            await call.play(call.state.variables[made], whole=True)
            del call.state.variables[made]
            return self.next
        except (StoreError, NotFound, ClosingError) as error:
            log.error("a closing by telephone failed", extra={"call_id": call.id, "error": str(error)})
            await call.play(FAILED, whole=True)
        return self.otherwise

    async def _may(self, call: Call, desk: Desk) -> bool:
        async def unlock(pin: str) -> Unlocked:
            unlocked = await desk.closings.unlock(self._line(desk), desk.line.tenant, pin)
            if unlocked == "unavailable":
                log.error("no PIN opens this step", extra={"call_id": call.id, "line": self._line(desk)})
            return unlocked

        return await staff.admitted(
            call, ASK, unlock, unavailable=UNAVAILABLE, tries=self.repeat + 1, wait=self.wait
        )

    async def _set(self, call: Call, desk: Desk) -> str | None:
        """What confirms the change, which is committed then; None: nothing was changed."""
        line, tenant, by = self._line(desk), desk.line.tenant, f"telephone {call.id}"
        while True:
            today = desk.closings.today(line, tenant)
            state = [SHUT, today.hears, CHOICES, MAY_REOPEN] if today.closed else [NOT_SHUT, CHOICES]
            offered = (FOR_TODAY, UP_TO_A_DAY, *([REOPEN] if today.closed else []))
            chosen = await self._key(call, list(filter(None, state)), offered)
            if chosen == REOPEN:
                sure = await self._key(call, [SURE_TO_REOPEN], (YES, AGAIN))
                if sure == YES:
                    await desk.closings.reopen(line, tenant, by)
                    return REOPENED
            else:
                last: date | None = today.date
                if chosen != FOR_TODAY:
                    last = await self._last_day(call, today.date) if chosen else None
                key = await self._key(call, [self._which()], self.reasons) if last else None
                if last is None or key is None:
                    return None
                day = TODAY if last == today.date else _up_to(last)
                sure = await self._key(call, [self._because(key), day, SURE_TO_CLOSE], (YES, AGAIN))
                if sure == YES:
                    await desk.closings.close(line, tenant, last, self.reasons[key], by)
                    return CLOSED
            if sure is None:
                return None

    async def _last_day(self, call: Call, today: date) -> date | None:
        excuse: list[str] = []
        for _ in range(self.repeat + 1):
            await call.play(*excuse, LAST_DAY)
            digits = await staff.digits(call, 4, self.wait)
            day = _coming(digits, today)
            if day is not None:
                return day
            call.keys.empty()
            excuse = [BAD_DAY if digits else NOTHING]
        return None

    async def _key(self, call: Call, question: list[str], keys: Iterable[str]) -> str | None:
        return await staff.chosen(call, question, keys, tries=self.repeat + 1, wait=self.wait)

    def _line(self, desk: Desk) -> str:
        return self.line or desk.key

    def _because(self, key: str) -> str:
        return f"{self.reasons[key]}のため、"

    def _which(self) -> str:
        choices = "".join(f"{reason}は{key}を、" for key, reason in self.reasons.items())
        return f"理由をお選びください。{choices.removesuffix('、')}押してください。"


def _up_to(day: date) -> str:
    return f"{day_named(day)}まで、"


def _coming(digits: str, today: date) -> date | None:
    """`1126` -> the next 26th of November, if it is within DAYS_AHEAD."""
    for year in (today.year, today.year + 1):
        try:
            day = date(year, int(digits[:2]), int(digits[2:]))
        except ValueError:
            continue
        if today <= day <= today + DAYS_AHEAD:
            return day
    return None
