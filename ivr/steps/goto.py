"""goto: goes on in another line of the same tenant, at one of its steps or at its start.

```yaml
to_eccall: {type: goto, line: eccall, step: menu}
```
The call belongs to that line from then on: its hours, agents and capacity, its messages and callbacks. It
runs on the version that is live in that moment.
"""

from typing import Literal

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Elsewhere, Step, StepName


class Goto(Step):
    type: Literal["goto"]
    line: str
    """the other line: the name of its file without `.yaml`"""
    step: StepName | None = None
    """one of its steps; without it, its start"""

    def leads_out(self) -> Elsewhere | None:
        return Elsewhere(self.line, self.step)

    async def run(self, call: Call, desk: Desk) -> str | None:
        return None
