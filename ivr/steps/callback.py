"""callback: offers to ring back, and makes the callback; the caller leaves no message.

```yaml
ring_back:
  type: callback
  callback: {priority: high, due: 15m}
  next: thanks
  otherwise: busy_message
```
The caller's number is read aloud: 1 confirms it, 2 takes another one by keys, which is read back, too. Who
withholds the number is asked for one straight away. Only numbers in Japan at which a person answers are
taken. Keys that were pressed before are dropped. The callback is durable before the call goes on to
`next`, where you thank the caller; texts there may say `{number}` and `{ticket}`.
"""

import asyncio
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ivr.call import Call
from ivr.dialplan.desk import TICKET, Desk
from ivr.dialplan.model import CallbackModel, Duration, Step, StepName, Text, parse_duration
from ivr.keys import KeyTable
from ivr.outside import national, to_ring_back
from ivr.steps.menu import NOTHING, WRONG

OFFER = (
    "おかけになっている番号、{number}に、折り返しお電話いたします。"
    "よろしければ1を、別の番号をご希望の場合は2を押してください。"
)
ASK = "折り返し先のお電話番号を、市外局番から押し、最後にシャープを押してください。"
WITHHELD = "番号を通知せずにおかけのため、折り返し先のお電話番号を、市外局番から押し、最後にシャープを押してください。"
CONFIRM = (
    "折り返し先のお電話番号は、{number}でございます。よろしければ1を、訂正される場合は2を押してください。"
)
REFUSED = (
    "恐れ入りますが、ご入力いただいた番号には、折り返しのお電話を差し上げることができません。"
    "日本国内の、固定電話、携帯電話、またはアイピー電話の番号を、押してください。"
)
NUMBER = "number"  # the digits that texts say as {number}
MADE = "callback:"  # + line:step: the variable of the state that says that its promise was made
TYPES = "types:"  # the same, once the caller wants another number
YES, OTHER = "1", "2"
LONGEST = 16  # digits, 010-81 among them


class Callback(Step):
    type: Literal["callback"]
    next: StepName
    """the step after the promise, where you thank the caller"""
    otherwise: StepName
    """the step when the caller gave no number, or confirmed none"""
    callback: CallbackModel = CallbackModel()
    """what is promised"""
    say: Text = OFFER
    """the offer to ring the caller's own number, `{number}`; `1` takes it, `2` asks for another one"""
    ask: Text = ASK
    """asks for another number, or for one when the caller's own cannot be rung back"""
    withheld: Text = WITHHELD
    """asks a caller who withholds the number for one"""
    confirm: Text = CONFIRM
    """reads back what was entered, `{number}`; `1` goes on, `2` asks again"""
    refused: Text = REFUSED
    """said before asking again when nobody can be rung back at what was entered"""
    repeat: Annotated[int, Field(ge=0, le=5)] = 2
    """how often is asked again after a wrong entry or none, 0 to 5; a correction counts"""
    wait: Duration = parse_duration("5s")
    """for the first key after a text"""
    between: Duration = parse_duration("4s")
    """without a further key, which ends the entry"""
    wrong: Text = WRONG
    """said before asking again after a wrong key"""
    nothing: Text = NOTHING
    """the same when no key came"""
    serves: ClassVar[bool] = True
    makes_ticket: ClassVar[bool] = True
    ends_by_itself: ClassVar[bool] = True  # a promise is not cut

    def exits(self) -> dict[str, str]:
        return {"next": self.next, "otherwise": self.otherwise}

    def caller_exits(self) -> frozenset[str]:
        return frozenset({"next"})

    def says(self) -> dict[str, str]:
        fields = ("say", "ask", "withheld", "confirm", "refused", "wrong", "nothing")
        return {field: getattr(self, field) for field in fields}

    def hours_used(self) -> dict[str, str]:
        return {"callback.hours": self.callback.hours} if self.callback.hours else {}

    def collects(self) -> str | None:
        return NUMBER

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        made = f"{MADE}{state.line}:{state.step}"
        if made not in state.variables:  # else taken back, or led here a second time: one promise is enough
            number = await self._number(call, desk)
            call.keys.empty()
            if number is None:
                return self.otherwise
            promise = desk.promise(state, self.callback)
            try:
                ticket = await desk.mailbox.ring_back(call, number, promise)
            except asyncio.CancelledError:
                state.outcome = "callback"  # it was made to the end: nobody need ask the caller again
                raise
            state.outcome, state.cause = "callback", "asked"
            state.variables[made] = "yes"
            if ticket is not None:
                state.variables[TICKET] = ticket
            desk.journal.entered(call)
        return self.next

    async def _number(self, call: Call, desk: Desk) -> str | None:
        """E.164, confirmed by the caller; None if it came to nothing."""
        call.keys.empty()  # a stray key must never confirm a number
        state = call.state
        types = f"{TYPES}{state.line}:{state.step}"
        own = to_ring_back(call.caller.number)
        if own is not None and types not in state.variables:
            answer = await self._answer(call, desk, own, self.say)
            if answer != OTHER:
                return own if answer == YES else None
            state.variables[types] = "yes"
            desk.journal.entered(call)
        return await self._entered(call, desk, self.ask if call.caller.number else self.withheld)

    async def _entered(self, call: Call, desk: Desk, question: str) -> str | None:
        state = call.state
        excuse: list[str] = []
        while True:
            await call.play(*excuse, *desk.speak(state, question))
            read = await call.read_digits(
                LONGEST,
                end_key="#",
                first=self.wait.total_seconds(),
                between=self.between.total_seconds(),
            )
            number = to_ring_back(read.digits)
            if number is not None:
                answer = await self._answer(call, desk, number, self.confirm)
                if answer != OTHER:
                    return number if answer == YES else None
                excuse = []
            else:
                call.keys.empty()  # a wrong entry takes what was typed behind it along
                excuses = {"timeout": self.nothing, "invalid": self.wrong, "complete": self.refused}
                excuse = desk.speak(state, excuses[read.ended_by])
            if not self._once_more(call, desk):
                return None

    async def _answer(self, call: Call, desk: Desk, number: str, question: str) -> str | None:
        """YES, OTHER, or None if the caller pressed neither."""
        state = call.state
        state.digits[NUMBER] = national(number)
        excuse: list[str] = []
        while True:
            await call.play(*excuse, *desk.speak(state, question))
            read = await call.read_keys(KeyTable((YES, OTHER)), first=self.wait.total_seconds())
            if read.key is not None or not self._once_more(call, desk):
                return read.key
            excuse = desk.speak(state, self.wrong if read.ended_by == "invalid" else self.nothing)

    def _once_more(self, call: Call, desk: Desk) -> bool:
        state = call.state
        if state.retries >= self.repeat:
            return False
        state.retries += 1
        desk.journal.entered(call)
        return True
