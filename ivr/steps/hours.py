"""hours: open or closed now, by a calendar of the dialplan.

```yaml
office: {type: hours, hours: office, open: menu, closed: closed_message}
```
"""

from typing import Literal

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Step, StepName


class HoursStep(Step):
    type: Literal["hours"]
    hours: str
    """name under `hours:`"""
    open: StepName
    """the step while open"""
    closed: StepName
    """the step while closed"""

    def exits(self) -> dict[str, str]:
        return {"open": self.open, "closed": self.closed}

    def hours_used(self) -> dict[str, str]:
        return {"hours": self.hours}

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        state.variables["hours"] = self.hours
        if desk.calendars[self.hours].state(desk.clock.now()).open:
            state.cause = None
            return self.open
        state.cause = "closed"
        return self.closed
