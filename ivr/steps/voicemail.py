"""voicemail: greeting, beep, message; a callback is born with it.

```yaml
busy_message:
  type: voicemail
  say: 恐れ入りますが、発信音の後に、お名前、お電話番号、ご用件を具体的にお話しください。
  max: 3m
  silence: 10s
  callback: {priority: medium, due: 1 business day}
  next: thanks
```
Ends by `#`, silence, the limit or hanging up. A caller of whom nothing at all was heard is asked
once more, then hears `nothing`, a goodbye without a promise.
"""

from typing import ClassVar, Literal

from ivr.call import Call, CallerHungUp, Draft, Recorded
from ivr.dialplan.desk import TICKET, Desk
from ivr.dialplan.model import CallbackModel, Duration, Step, StepName, Text, parse_duration

ASK_NUMBER = "番号を通知せずにおかけのため、折り返し先のお電話番号を、市外局番からお話しください。"
AGAIN = "恐れ入りますが、お声を確認できませんでした。発信音の後に、もう一度お話しください。"
NOTHING = "恐れ入りますが、お声を確認できませんでした。お手数ですが、おかけ直しください。お電話ありがとうございました。"


class Voicemail(Step):
    type: Literal["voicemail"]
    say: Text
    """the greeting; a key ends it, and the beep follows"""
    next: StepName
    """the step after the message, where you thank the caller"""
    max: Duration = parse_duration("3m")
    """the longest message"""
    silence: Duration = parse_duration("10s")
    """that ends it"""
    callback: CallbackModel = CallbackModel()
    """what is promised"""
    ask_number: Text = ASK_NUMBER
    """said after `say` to a caller who withholds the number"""
    again: Text = AGAIN
    """said when nothing was heard"""
    nothing: Text = NOTHING
    """said when nothing was heard the second time"""
    serves: ClassVar[bool] = True
    makes_ticket: ClassVar[bool] = True
    ends_by_itself: ClassVar[bool] = True

    def exits(self) -> dict[str, str]:
        return {"next": self.next}

    def says(self) -> dict[str, str]:
        return {"say": self.say, "ask_number": self.ask_number, "again": self.again, "nothing": self.nothing}

    def hours_used(self) -> dict[str, str]:
        return {"callback.hours": self.callback.hours} if self.callback.hours else {}

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        call.keys.empty()  # a stray key must never cut a message
        if state.message_id is None:
            greeting = desk.speak(state, self.say)
            if call.caller.number is None:
                greeting += desk.speak(state, self.ask_number)
            await call.play(*greeting)
        draft = await self._begin(call, desk)
        # The first take bears the message's name. After a take-back the draft knows how far it got.
        speech = draft.file.stem == draft.id and await self._take(call, desk, draft)
        if not speech:
            draft = await self._begin(call, desk)
            if state.retries == 0:
                await self._ask_again(call, desk, draft)
            speech = await self._take(call, desk, draft, last=True)
        state.message_id = None
        if not speech:
            await call.play(*desk.speak(state, self.nothing))
            return None
        return self.next

    async def _begin(self, call: Call, desk: Desk) -> Draft:
        draft = await desk.mailbox.begin(call, desk.promise(call.state, self.callback))
        call.state.message_id = draft.id
        desk.journal.entered(call)
        return draft

    async def _take(self, call: Call, desk: Desk, draft: Draft, *, last: bool = False) -> bool:
        """One beep and one recording, made durable; False: proven non-speech. The `last` take is filed anyhow."""
        call.keys.empty()  # keys pressed during the greeting end the greeting, not the message
        recorded = await call.record(
            draft.file, longest=self.max.total_seconds(), silence=self.silence.total_seconds()
        )
        call.keys.empty()
        again = not last and recorded.ended_by != "hangup"
        speech = await self._finish(call, desk, draft, recorded, again=again)
        if recorded.ended_by == "hangup":
            raise CallerHungUp  # nobody is there to hear what would follow
        return speech

    async def _finish(self, call: Call, desk: Desk, draft: Draft, recorded: Recorded, *, again: bool) -> bool:
        stored = await desk.mailbox.finish(draft, recorded, again=again)
        call.state.outcome = "message" if stored.speech else "silent"
        if stored.ticket is not None:
            call.state.variables[TICKET] = stored.ticket
        return stored.speech

    async def _ask_again(self, call: Call, desk: Desk, draft: Draft) -> None:
        try:
            await call.play(*desk.speak(call.state, self.again))
        except CallerHungUp:
            await self._finish(call, desk, draft, Recorded("hangup"), again=False)
            raise
        call.state.retries = 1  # a call that is taken back from its second take is not asked again
        desk.journal.entered(call)
