"""collect: asks for digits, such as a member ID, and keeps them for the call.

```yaml
member:
  type: collect
  name: member_id
  say: 会員番号を押し、最後にシャープを押してください。
  min: 6
  max: 8
  confirm: 会員番号は、{member_id}、でよろしいでしょうか。よろしければ1を、訂正される場合は2を押してください。
  next: support
  otherwise: support
```
The digits end by `end`, by `max` of them, or by a pause. Texts may say them as `{member_id}`, one by one;
a branch may go by them. With `spoken: true` the
caller may also say them, one by one, and says シャープ at the end or pauses; they are read back by `confirm`,
which takes はい and いいえ then. With `secret: true` they are never saved and never said, and keys that were
pressed before the question are dropped.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import SECRET, DigitsName, Duration, Key, Step, StepName, Text, parse_duration
from ivr.keys import DigitsRead, KeyTable
from ivr.steps.menu import NOTHING, WRONG
from ivr.steps.spoken import DIGITS, LONGER, listening, yes_or_no

MAY_SPEAK = "番号は、1桁ずつ、お話しいただくこともできます。"

YES, AGAIN = "1", "2"
Length = Annotated[int, Field(ge=1, le=32)]


class Collect(Step):
    type: Literal["collect"]
    name: DigitsName
    """what the digits are called: small letters, digits and `_`"""
    say: Text
    """the question"""
    next: StepName
    """the step after an entry"""
    otherwise: StepName
    """the step after the last wrong entry, or none"""
    min: Length = 1
    """the fewest digits"""
    max: Length = 16
    """the most, up to 32; with these the entry is over"""
    end: Key = "#"
    """the key that ends an entry: `"#"` or `star`."""
    confirm: Text | None = None
    """said after an entry; must hold `{name}`. `1` goes on, `2` asks again."""
    spoken: bool = False
    """`true`: the digits may also be said, in Japanese; needs `confirm`, not together with `secret`"""
    may_speak: Text = MAY_SPEAK
    """said after `say` then"""
    secret: bool = False
    """`true`: the digits are never saved and never said; after a restart in mid-call the caller is asked
    again. Keys pressed before the question are dropped."""
    repeat: Annotated[int, Field(ge=0, le=5)] = 2
    """how often the question is asked again, 0 to 5; a correction counts"""
    wait: Duration = parse_duration("5s")
    """for the first key after the text; two seconds more with `spoken`"""
    between: Duration = parse_duration("4s")
    """without a further key, which ends the entry; two seconds more with `spoken`"""
    wrong: Text = WRONG
    """said before the question after a wrong entry: too short, or another key than a digit"""
    nothing: Text = NOTHING
    """the same when no key came"""

    @model_validator(mode="after")
    def _whole(self) -> "Collect":
        if self.min > self.max:
            raise ValueError(f'"min" is {self.min}, more than "max", which is {self.max}')
        if self.end not in ("#", "*"):
            raise ValueError(f'"end" is "{self.end}"; it must be "#" or "*"')
        if self.spoken and self.secret:
            raise ValueError('"spoken" digits would be heard by others, and these are "secret"; take one out')
        if self.spoken and self.confirm is None:
            raise ValueError('"confirm" is missing: digits that were said must be read back')
        if self.confirm is not None and self.secret:
            raise ValueError('"confirm" would say what is secret; take one of the two out')
        if self.confirm is not None and f"{{{self.name}}}" not in self.confirm:
            raise ValueError(f'"confirm" must read back what was entered: write "{{{self.name}}}" in it')
        return self

    @property
    def secret_digits(self) -> bool:
        return self.secret

    def exits(self) -> dict[str, str]:
        return {"next": self.next, "otherwise": self.otherwise}

    def caller_exits(self) -> frozenset[str]:
        return frozenset({"next"})

    def says(self) -> dict[str, str]:
        texts = {"say": self.say, "wrong": self.wrong, "nothing": self.nothing}
        texts |= {"may_speak": self.may_speak} if self.spoken else {}
        return texts | ({"confirm": self.confirm} if self.confirm else {})

    def collects(self) -> str | None:
        return self.name

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        self._forget(call)
        if self.secret:
            call.keys.empty()  # what was typed ahead was not meant for a question of this kind
        question = desk.speak(state, self.say)
        if self.spoken:
            question += desk.speak(state, self.may_speak)
        excuse: list[str] = []
        while True:
            read = await self._entered(call, [*excuse, *question])
            excuse = desk.speak(state, self.nothing if read.ended_by == "timeout" else self.wrong)
            if len(read.digits) >= self.min:
                self._keep(call, read.digits)
                answer = await self._confirmed(call, desk)
                if answer == YES:
                    return self.next
                self._forget(call)
                excuse = [] if answer == AGAIN else desk.speak(state, self.nothing)
            call.keys.empty()  # a wrong entry takes what was typed behind it along
            if state.retries >= self.repeat:
                return self.otherwise
            state.retries += 1
            desk.journal.entered(call)

    async def _entered(self, call: Call, question: list[str]) -> DigitsRead:
        longer = LONGER if self.spoken else 0.0
        answers = {**DIGITS, "シャープ": self.end} if self.spoken else None
        async with listening(call, answers):
            await call.play(*question)
            return await call.read_digits(
                self.max,
                end_key=self.end,
                first=self.wait.total_seconds() + longer,
                between=self.between.total_seconds() + longer,
            )

    async def _confirmed(self, call: Call, desk: Desk) -> str | None:
        """YES, AGAIN, or None if the caller pressed neither."""
        if self.confirm is None:
            return YES
        first = self.wait.total_seconds() + (LONGER if self.spoken else 0.0)
        async with listening(call, yes_or_no(YES, AGAIN) if self.spoken else None):
            await call.play(*desk.speak(call.state, self.confirm))
            return (await call.read_keys(KeyTable((YES, AGAIN)), first=first)).key

    def _keep(self, call: Call, digits: str) -> None:
        state = call.state
        if self.secret:
            state.secrets[self.name] = digits
            state.variables[SECRET + self.name] = str(state.step)
        else:
            state.digits[self.name] = digits

    def _forget(self, call: Call) -> None:
        state = call.state
        state.digits.pop(self.name, None)
        state.secrets.pop(self.name, None)
        state.variables.pop(SECRET + self.name, None)
