"""survey: questions that the caller answers by a grade, 1 to 5; the grades are kept with the call.

```yaml
survey:
  type: survey
  questions:
    manner: 担当者の応対はいかがでしたでしょうか。たいへん良いは5を、良いは4を、普通は3を、悪いは2を、たいへん悪いは1を押してください。
    solved: お問い合わせは、解決いたしましたでしょうか。解決した場合は5を、解決していない場合は1を押してください。
  next: thanks
```
A question without an answer is asked once more; then the survey ends, for the caller does not want it.
"""

from typing import Annotated, Literal

from pydantic import Field

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import DigitsName, Duration, Step, StepName, Text, parse_duration
from ivr.keys import KeyTable
from ivr.steps.menu import NOTHING, WRONG

GRADES = KeyTable("12345")


class Survey(Step):
    type: Literal["survey"]
    questions: Annotated[dict[DigitsName, Text], Field(min_length=1, max_length=10)]
    """name -> text, up to ten; say in each what the grades mean"""
    next: StepName
    """the step after the last question, or when the caller stops answering"""
    repeat: Annotated[int, Field(ge=0, le=5)] = 1
    """how often a question is asked again after a wrong key or none, 0 to 5"""
    wait: Duration = parse_duration("5s")
    """for the key after the text"""
    wrong: Text = WRONG
    """said before the question after a wrong key"""
    nothing: Text = NOTHING
    """the same when no key came"""

    def exits(self) -> dict[str, str]:
        return {"next": self.next}

    def says(self) -> dict[str, str]:
        asked = {f"questions.{name}": text for name, text in self.questions.items()}
        return asked | {"wrong": self.wrong, "nothing": self.nothing}

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        for name, question in self.questions.items():
            if name in state.answers:  # taken back from a later question
                continue
            grade = await self._ask(call, desk, question)
            if grade is None:
                break
            state.answers[name] = grade
            state.retries = 0
            desk.journal.entered(call)
        return self.next

    async def _ask(self, call: Call, desk: Desk, question: str) -> int | None:
        state = call.state
        excuse: list[str] = []
        while True:
            await call.play(*excuse, *desk.speak(state, question))
            read = await call.read_keys(GRADES, first=self.wait.total_seconds())
            if read.key is not None:
                return int(read.key)
            if state.retries >= self.repeat:
                return None
            state.retries += 1
            desk.journal.entered(call)
            excuse = desk.speak(state, self.wrong if read.ended_by == "invalid" else self.nothing)
