"""say_hours: says today's hours while they last; then, and on closed days, why and when the line opens next.

```yaml
times: {type: say_hours, hours: office, next: goodbye}
```
`say` may put words around it: `{opening_hours}` is said by the hours of this step.
"""

from typing import Literal

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Step, StepName, Text


class SayHours(Step):
    type: Literal["say_hours"]
    hours: str
    """name under `hours:`"""
    next: StepName
    """the next step"""
    say: Text = "{opening_hours}"
    """the text; words may stand around the value"""

    def exits(self) -> dict[str, str]:
        return {"next": self.next}

    def says(self) -> dict[str, str]:
        return {"say": self.say}

    def hours_used(self) -> dict[str, str]:
        return {"hours": self.hours}

    async def run(self, call: Call, desk: Desk) -> str | None:
        await call.play(*desk.speak(call.state, self.say, self.hours))
        return self.next
