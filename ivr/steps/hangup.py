"""hangup: ends the call. What the caller heard before it is the goodbye.

```yaml
bye: {type: hangup}
```
"""

from typing import ClassVar, Literal

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Step


class Hangup(Step):
    type: Literal["hangup"]
    serves: ClassVar[bool] = True

    async def run(self, call: Call, desk: Desk) -> str | None:
        return None
