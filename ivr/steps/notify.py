"""notify: tells somebody of this call, by mail, webhook or Slack, and goes on at once.

```yaml
urgent_told:
  type: notify
  about: 至急のご用件
  to: {mail: [oncall@example.co.jp], slack: night, include: [number]}
  next: urgent_message
```
The caller notices nothing of it. The notice is durable before the call goes on, and is sent by the jobs
process; each place is told once for a call and a step. Who is told of messages and callbacks stands under
`line:`, in `notify`.
"""

import logging
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ivr.call import Call, Notice
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Step, StepName
from ivr.dialplan.notices import PlacesModel
from ivr.errors import StoreError

log = logging.getLogger("ivr.steps")


class Notify(Step):
    type: Literal["notify"]
    about: Annotated[str, Field(min_length=1, max_length=200)]
    """what the notice says of the call; every notice holds it, so nothing confidential"""
    to: PlacesModel
    """who is told"""
    next: StepName
    """the next step"""

    @model_validator(mode="after")
    def _there_is_no_message(self) -> "Notify":
        if set(self.to.include) - {"number"}:
            raise ValueError('there is no message yet: "include" may hold "number" only')
        return self

    def exits(self) -> dict[str, str]:
        return {"next": self.next}

    async def run(self, call: Call, desk: Desk) -> str | None:
        notice = Notice(self.about, tuple(self.to.targets()), "number" in self.to.include)
        try:
            await desk.mailbox.tell(call, notice)
        except StoreError:
            # A full disk costs the notice, not the call: what comes next may still be heard.
            log.exception("nobody can be told of a call", extra={"call_id": call.id})
        return self.next
