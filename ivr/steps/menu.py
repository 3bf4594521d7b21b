"""menu: says the choices and goes where the pressed key leads.

```yaml
menu:
  type: menu
  say: 導入に関するお問い合わせは、シャープと1を、ご請求は、シャープと2を押してください。
  keys: {"#1": product, "#2": billing}
  repeat: 2
  otherwise: product
```
With `spoken`, callers may say what they want, too, once the choices have been said: `spoken: {製品: "#1",
請求: "#2"}`. A phrase counts like its key, what else is said counts as nothing, and keys count all the time.
`#1` is also matched by `1` alone unless the menu gives `1` another meaning. A lone `#` waits 2 s for what
follows; so does a key that another one begins with.
"""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ivr.call import Call
from ivr.dialplan import patience
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Duration, Key, Step, StepName, Text, parse_duration
from ivr.keys import KeyTable
from ivr.steps.spoken import LONGER, Phrases, listening, one_of

WRONG = "恐れ入りますが、ご入力いただいた番号を確認できませんでした。もう一度、番号を押してください。"
MAY_SPEAK = "音声でもお答えいただけます。"
NOTHING = "恐れ入りますが、ご入力を確認できませんでした。もう一度、番号を押してください。"


class Menu(Step):
    type: Literal["menu"]
    say: Text
    """the choices"""
    keys: Annotated[dict[Key, StepName], Field(min_length=1)]
    """key -> step; a key is 1 to 8 of the digits, `*` and `#`"""
    otherwise: StepName
    """the step after the last wrong key, or none"""
    repeat: Annotated[int, Field(ge=0, le=5)] = 2
    """how often the choices are said again, 0 to 5, as far as the 45 s of menus allow"""
    replay: Key | None = None
    """a key, usually `star` (米印), that says the choices again as often as the caller likes; say it in
    `say`"""
    spoken: Phrases | None = None
    """phrase -> its key, up to 20, in words: what callers may say instead; none: they press keys"""
    may_speak: Text = MAY_SPEAK
    """said after `say` where they may"""
    wait: Duration = parse_duration("5s")
    """for the first key after the text; two seconds more where callers may speak"""
    wrong: Text = WRONG
    """said before the choices after a wrong key"""
    nothing: Text = NOTHING
    """the same when no key came"""

    @model_validator(mode="after")
    def _replay_is_free(self) -> "Menu":
        if self.replay in self.keys:
            raise ValueError(f'"{self.replay}" is the replay key and leads to a step, too')
        return self

    @field_validator("spoken")
    @classmethod
    def _for_keys_of_this_menu(cls, spoken: Phrases | None, told: ValidationInfo) -> Phrases | None:
        known = {*told.data.get("keys", {}), told.data.get("replay")}
        for phrase, key in (spoken or {}).items():
            if "keys" in told.data and key not in known:
                raise ValueError(f'"{phrase}" stands for "{key}", which is no key of this menu')
        return spoken

    def exits(self) -> dict[str, str]:
        return {**{f"keys.{key}": step for key, step in self.keys.items()}, "otherwise": self.otherwise}

    def caller_exits(self) -> frozenset[str]:
        return frozenset(f"keys.{key}" for key in self.keys)

    def says(self) -> dict[str, str]:
        spoken = {"may_speak": self.may_speak} if self.spoken else {}
        return {"say": self.say, "wrong": self.wrong, "nothing": self.nothing} | spoken

    async def run(self, call: Call, desk: Desk) -> str | None:
        async with listening(call, one_of(self.spoken) if self.spoken else None):
            return await self._run(call, desk)

    async def _run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        first = self.wait.total_seconds() + (LONGER if self.spoken else 0.0)
        table = KeyTable([*self.keys, *([self.replay] if self.replay else [])])
        choices = desk.speak(state, self.say)
        if self.spoken:
            choices += desk.speak(state, self.may_speak)
        excuse: list[str] = []
        while True:
            await call.play(*excuse, *choices)
            read = await call.read_keys(table, first=first)
            if read.key is not None and read.key == self.replay:
                excuse = []
                continue
            if read.key is not None:
                state.path.append(read.key)
                return self.keys[read.key]
            excuse = desk.speak(state, self.wrong if read.ended_by == "invalid" else self.nothing)
            if state.retries >= self.repeat or not patience.again(state, [*excuse, *choices]):
                return self.otherwise
            state.retries += 1
            desk.journal.entered(call)
