"""play: says something and goes on.

```yaml
welcome: {type: play, say: "お電話ありがとうございます。{line}でございます。", next: office}
```
A key ends the text and stays in the buffer, so a caller who knows the menu need not listen.
"""

from typing import Literal

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Step, StepName, Text


class Play(Step):
    type: Literal["play"]
    say: Text
    """the text"""
    next: StepName
    """the next step"""

    def exits(self) -> dict[str, str]:
        return {"next": self.next}

    def says(self) -> dict[str, str]:
        return {"say": self.say}

    async def run(self, call: Call, desk: Desk) -> str | None:
        await call.play(*desk.speak(call.state, self.say))
        return self.next
