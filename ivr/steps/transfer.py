"""transfer: puts the caller through to a telephone number, or leads the call to another line.

```yaml
head_office:
  type: transfer
  to: 03-1234-5678
  ring: 30s
  otherwise: busy_message
```
`to`: a number that the operator allows (`IVR_TRANSFERS`); it rings while the caller waits with music.
`line` instead, another line of the same tenant: the call goes on there, as by `goto`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.call import Call, Cause, Dialled
from ivr.dialplan import visit
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Duration, Elsewhere, LimitModel, Step, StepName, Text, parse_duration
from ivr.dialplan.numbers import e164
from ivr.steps.queue import TALKING

CONNECTING = "おつなぎいたします。そのままお待ちください。"
CAUSES: dict[str, Cause] = {"busy": "busy", "no_answer": "no_answer", "failed": "no_answer"}


class Transfer(Step):
    type: Literal["transfer"]
    to: Annotated[str | None, BeforeValidator(lambda value: e164(str(value)))] = None
    """a Japanese telephone number; this or `line` is needed"""
    line: str | None = None
    """another line, the name of its file without `.yaml`, in which the call goes on at its start"""
    otherwise: StepName | None = None
    """the step when the number is busy, does not answer or cannot be reached; needed with `to`"""
    next: StepName | None = None
    """the step after the talk, if the other side hangs up first; none: the call ends"""
    ring: Annotated[Duration, Field(examples=["30s"])] = parse_duration("30s")
    """how long the number rings"""
    say: Text = CONNECTING
    """said while it rings, or before the call goes on in the other line"""
    talk: LimitModel | None = None
    """the limit of the talk, like `{max: 30m, warn: 5m}`; at its end the call goes to `next`"""
    serves: ClassVar[bool] = True
    ends_by_itself: ClassVar[bool] = True

    @model_validator(mode="after")
    def _whole(self) -> "Transfer":
        if (self.to is None) == (self.line is None):
            raise ValueError('it needs either "to", a telephone number, or "line", another line')
        if self.to is not None and self.otherwise is None:
            raise ValueError('"otherwise" is missing: where a caller goes when nobody answers')
        if self.line is not None:
            for field in ("otherwise", "next", "ring", "talk"):
                if field in self.model_fields_set:
                    raise ValueError(f'"{field}" says nothing about another line; take it out')
        return self

    def exits(self) -> dict[str, str]:
        ways = {"otherwise": self.otherwise, "next": self.next}
        return {way: step for way, step in ways.items() if step is not None}

    def says(self) -> dict[str, str]:
        limit = {"talk.warning": self.talk.warning, "talk.over": self.talk.over} if self.talk else {}
        return {"say": self.say} | limit

    def leads_out(self) -> Elsewhere | None:
        return Elsewhere(self.line, None) if self.line else None

    def transfers_to(self) -> dict[str, str]:
        return {"to": self.to} if self.to else {}

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        if self.to is None:
            await call.play(*desk.speak(state, self.say))
            return None
        call.keys.empty()
        if TALKING in state.variables:  # taken back from a talk: it goes on, or it has ended meanwhile
            dialled = Dialled("answered")
        else:
            left = visit.left(desk, state)
            ring = self.ring.total_seconds() if left is None else min(self.ring.total_seconds(), left)
            dialled = await call.dial(self.to, *desk.speak(state, self.say), ring=ring)
        call.keys.empty()  # nobody asked for keys
        if dialled.ended_by != "answered":
            state.cause = CAUSES[dialled.ended_by]
            return self.otherwise
        state.outcome = "answered"
        state.variables[TALKING] = self.type
        await visit.talk(call, desk, self.talk)
        del state.variables[TALKING]
        return self.next
