"""consent: says rules or a notice; the caller agrees by a key, or by staying.

```yaml
recording:
  type: consent
  say: 応対品質の向上のため、この通話を録音いたします。ご了承いただける場合は1を、いただけない場合は2を押してください。
  agree: "1"
  refuse: "2"
  next: support
  otherwise: goodbye
```
With `spoken: true` the caller may also say はい or いいえ. Keys that were pressed before are dropped, and what was
said before the end of the text counts for nothing. Without `agree` the text is said to its end, whatever is
pressed, and who stays agrees.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Duration, Key, Step, StepName, Text, parse_duration
from ivr.keys import KeyTable
from ivr.steps.menu import NOTHING, WRONG
from ivr.steps.spoken import LONGER, listening, yes_or_no

MAY_SPEAK = "はい、または、いいえ、と、お話しいただくこともできます。"


class Consent(Step):
    type: Literal["consent"]
    say: Text
    """the rules or the notice"""
    next: StepName
    """the step for who agrees"""
    agree: Key | None = None
    """the key that agrees; without it, who stays agrees"""
    refuse: Key | None = None
    """the key that refuses"""
    spoken: bool = False
    """`true`: the caller may also say はい or いいえ, in the usual words; いいえ needs `refuse`"""
    may_speak: Text = MAY_SPEAK
    """said after `say` then"""
    otherwise: StepName | None = None
    """the step for who refuses or does not answer; needed with `agree`"""
    repeat: Annotated[int, Field(ge=0, le=5)] = 1
    """how often the text is said again after a wrong key or none, 0 to 5"""
    wait: Duration = parse_duration("5s")
    """for the first key after the text; two seconds more with `spoken`"""
    wrong: Text = WRONG
    """said before the text after a wrong key"""
    nothing: Text = NOTHING
    """the same when no key came"""

    @model_validator(mode="after")
    def _whole(self) -> "Consent":
        if self.agree is None and (self.refuse or self.otherwise):
            raise ValueError('"agree" is missing; without it the caller agrees by staying and cannot refuse')
        if self.agree is not None and self.otherwise is None:
            raise ValueError('"otherwise" is missing: where a caller goes who does not agree')
        if self.spoken and not (self.agree and self.refuse):
            raise ValueError('"spoken" needs "agree" and "refuse": the keys that はい and いいえ stand for')
        if self.agree is not None and self.agree == self.refuse:
            raise ValueError('"agree" and "refuse" are the same key')
        return self

    def exits(self) -> dict[str, str]:
        return {"next": self.next} | ({"otherwise": self.otherwise} if self.otherwise else {})

    def caller_exits(self) -> frozenset[str]:
        return frozenset({"next"} if self.agree else ())

    def says(self) -> dict[str, str]:
        asked = {"wrong": self.wrong, "nothing": self.nothing} if self.agree else {}
        return {"say": self.say} | asked | ({"may_speak": self.may_speak} if self.spoken else {})

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        call.keys.empty()  # a stray key must never give consent
        rules = desk.speak(state, self.say)
        if self.agree is None:
            await call.play(*rules, whole=True)
            return self.next
        rules += desk.speak(state, self.may_speak) if self.spoken else []
        async with listening(call, yes_or_no(self.agree, self.refuse) if self.spoken else None):
            return await self._ask(call, desk, self.agree, rules)

    async def _ask(self, call: Call, desk: Desk, agree: str, rules: list[str]) -> str | None:
        state = call.state
        first = self.wait.total_seconds() + (LONGER if self.spoken else 0.0)
        table = KeyTable([agree, *([self.refuse] if self.refuse else [])])
        excuse: list[str] = []
        while True:
            await call.play(*excuse, *rules)
            read = await call.read_keys(table, first=first)
            if read.key is not None:
                state.path.append(read.key)
                return self.next if read.key == agree else self.otherwise
            if state.retries >= self.repeat:
                return self.otherwise
            state.retries += 1
            desk.journal.entered(call)
            excuse = desk.speak(state, self.wrong if read.ended_by == "invalid" else self.nothing)
