"""voicemail: greeting, beep, message; a callback is born with it.

```yaml
busy_message:
  type: voicemail
  say: 恐れ入りますが、発信音の後に、お名前、お電話番号、ご用件を具体的にお話しください。
  max: 3m
  silence: 10s
  ask_matter: true
  review: {listen: "3", append: "4", urgent: "5"}
  callback: {priority: medium, due: 1 business day}
  next: thanks
```
Ends by `#`, silence, the limit or hanging up. A caller of whom nothing at all was heard is asked
once more, then hears `nothing`, a goodbye without a promise.

While the caller speaks, the transcriber listens. If the text is there in time and says no matter, or no number though
the caller withholds it, the caller is asked for it, and the answer is put behind the message; one question is the most.

With `review` the caller then hears the keys that send the message, record it again, play it, record more, or mark it as
urgent; `urgent: {key: "9", twice: true, priority: critical}` takes a key that is pressed twice. No key and hanging up send it, and so does a second wrong one. What was said is lost only to something else that
was said for a second at least after the key that records it again. After six recordings it is sent.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from ivr.call import Call, CallerHungUp, Draft, Recorded, Taken, Why
from ivr.dialplan.callbacks import URGENT
from ivr.dialplan.desk import TICKET, Desk
from ivr.dialplan.model import CallbackModel, Duration, Step, StepName, Text, parse_duration
from ivr.errors import IvrError, StoreError
from ivr.steps.review import Choice, Review

ASK_NUMBER = "番号を通知せずにおかけのため、折り返し先のお電話番号を、市外局番からお話しください。"
AGAIN = "恐れ入りますが、お声を確認できませんでした。発信音の後に、もう一度お話しください。"
NOTHING = "恐れ入りますが、お声を確認できませんでした。お手数ですが、おかけ直しください。お電話ありがとうございました。"
NOTICE = "お問い合わせ内容の確認と応対品質の向上のため、この通話を録音いたします。"
MATTER = "恐れ入りますが、ご用件を、発信音の後にお話しください。"
NUMBER = "恐れ入りますが、折り返し先のお電話番号を、発信音の後に、市外局番からお話しください。"
MOST_TAKES = 6  # of one message
MANY_WORDS = 150  # no message of so many asks for a call and says nothing else

Done = Why | Choice


def _said(usual: str, value: Any) -> Any:
    return {"true": usual, "false": None}.get(value, value) if isinstance(value, str) else value


def _optional(usual: str) -> Any:
    """The type of a text that is said only if the line wants it: `true` is the usual one."""
    return Annotated[Text | None, BeforeValidator(partial(_said, usual), json_schema_input_type=bool | Text)]


class Voicemail(Step):
    type: Literal["voicemail"]
    say: Text
    """the greeting; a key ends it, and the beep follows"""
    next: StepName
    """the step after the message, where you thank the caller"""
    max: Duration = parse_duration("3m")
    """the longest message, and the longest of each further recording"""
    silence: Duration = parse_duration("10s")
    """that ends it"""
    callback: CallbackModel = CallbackModel()
    """what is promised"""
    recording_notice: _optional(NOTICE) = None  # type: ignore[valid-type]
    """said to its end before `say`: that the call is recorded, and why; `true`: the usual sentence"""
    ask_number: Text = ASK_NUMBER
    """said after `say` to a caller who withholds the number"""
    again: Text = AGAIN
    """said when nothing was heard"""
    nothing: Text = NOTHING
    """said when nothing was heard the second time"""
    ask_matter: _optional(MATTER) = None  # type: ignore[valid-type]
    """asks a caller for the matter who has said none; `true`: the usual sentence"""
    ask_number_after: _optional(NUMBER) = None  # type: ignore[valid-type]
    """asks a caller for the number who withholds it and has said none; `true`: the usual sentence"""
    review: Review | None = None
    """the keys after the message, `{}`: 1 sends it and 2 records it again; none: it is sent at once"""
    serves: ClassVar[bool] = True
    makes_ticket: ClassVar[bool] = True
    ends_by_itself: ClassVar[bool] = True

    def exits(self) -> dict[str, str]:
        return {"next": self.next}

    def says(self) -> dict[str, str]:
        optional = {
            "recording_notice": self.recording_notice,
            "ask_matter": self.ask_matter,
            "ask_number_after": self.ask_number_after,
        }
        return {
            "say": self.say,
            "ask_number": self.ask_number,
            "again": self.again,
            "nothing": self.nothing,
            **{field: text for field, text in optional.items() if text is not None},
            **(self.review.says() if self.review else {}),
        }

    def menu_at_its_end(self) -> str:
        return self.review.text if self.review else ""

    def hours_used(self) -> dict[str, str]:
        return {"callback.hours": self.callback.hours} if self.callback.hours else {}

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        call.keys.empty()  # a stray key must never cut a message
        if state.message_id is None:
            await self._greet(call, desk)
        # After a take-back the draft knows how far it got.
        urgent = self.review.urgent_priority if self.review else URGENT
        draft = await desk.mailbox.begin(call, desk.promise(state, self.callback, urgent))
        state.message_id = draft.id
        desk.journal.entered(call)
        speech = await self._message(call, desk, draft)
        state.message_id = None
        if not speech:
            await call.play(*desk.speak(state, self.nothing))
            return None
        return self.next

    async def _greet(self, call: Call, desk: Desk) -> None:
        if self.recording_notice is not None:
            await call.play(*desk.speak(call.state, self.recording_notice), whole=True)
        greeting = desk.speak(call.state, self.say)
        if call.caller.number is None:
            greeting += desk.speak(call.state, self.ask_number)
        await call.play(*greeting)

    async def _message(self, call: Call, desk: Desk, draft: Draft) -> bool:
        """One beep for each take, until the message is filed; False: proven non-speech."""
        done: Done = "more"
        while done not in ("send", "urgent"):
            async with self._kept(call, desk, draft, Recorded("hangup")):
                await self._prepare(call, desk, draft)
            recorded = await self._take(call, draft)
            async with self._kept(call, desk, draft, recorded):
                done, draft = await self._after(call, desk, draft, recorded)
        speech = await self._finish(call, desk, draft, recorded, urgent=done == "urgent")
        if done == "urgent" and self.review is not None:
            await call.play(*desk.speak(call.state, self.review.says_marked))
        return speech

    @asynccontextmanager
    async def _kept(self, call: Call, desk: Desk, draft: Draft, recorded: Recorded) -> AsyncIterator[None]:
        """Whatever ends the call inside, the message is filed: who is led to the fallback has left one."""
        try:
            yield
        except (CallerHungUp, asyncio.CancelledError, IvrError):
            await self._finish(call, desk, draft, recorded)
            raise

    async def _prepare(self, call: Call, desk: Desk, draft: Draft) -> None:
        """Says what a further take is for; not again after a take-back."""
        state, said = call.state, len(draft.takes) - 1
        if state.retries < said:
            call.keys.empty()
            await call.play(*desk.speak(state, self._texts_of_takes()[draft.takes[-1]]))
            state.retries = said
            desk.journal.entered(call)

    def _texts_of_takes(self) -> Mapping[Why, str]:
        review = self.review or Review()
        return {
            "unheard": self.again,
            "matter": self.ask_matter or MATTER,
            "number": self.ask_number_after or NUMBER,
            "instead": review.instead,
            "more": review.more,
        }

    async def _take(self, call: Call, draft: Draft) -> Recorded:
        call.keys.empty()  # keys pressed during the greeting end the greeting, not the message
        longest, silence = self.max.total_seconds(), self.silence.total_seconds()
        try:
            recorded = await call.record(draft.file, longest=longest, silence=silence, hear=True)
        except asyncio.CancelledError:
            # The recording goes on without us, and is adopted. Even if it has not begun, something was said before.
            if draft.takes[-1] not in ("first", "unheard"):
                call.state.outcome = "message"
            raise
        call.keys.empty()
        return recorded

    async def _after(self, call: Call, desk: Desk, draft: Draft, recorded: Recorded) -> tuple[Done, Draft]:
        """What becomes of the message after a take, and the draft for that."""
        if recorded.ended_by == "hangup":
            raise CallerHungUp  # nobody is there to hear what would follow
        done = await self._wish(call, desk, draft, recorded)
        if done == "send" or done == "urgent":
            return done, draft
        try:
            return done, await desk.mailbox.another(draft, done)
        except StoreError:
            return "send", draft

    async def _wish(self, call: Call, desk: Desk, draft: Draft, recorded: Recorded) -> Done:
        if recorded.ended_by == "failed":
            return "send"
        taken = await desk.mailbox.taken(draft, recorded)
        if not taken.files:
            return "unheard" if draft.takes == ("first",) else "send"
        if len(draft.takes) >= MOST_TAKES:
            return "send"
        missing = await self._missing(call, desk, draft, taken)
        if missing is not None or self.review is None:
            return missing or "send"
        return await self.review.choose(call, desk, taken.files)

    async def _missing(
        self, call: Call, desk: Desk, draft: Draft, taken: Taken
    ) -> Literal["matter", "number"] | None:
        """What the caller is asked for; one question is the most."""
        text = taken.transcript
        asks_number = self.ask_number_after is not None and call.caller.number is None
        if not {"unheard", "matter", "number"}.isdisjoint(draft.takes) or text is None:
            return None
        if not (self.ask_matter or asks_number) or len(text.words) > MANY_WORDS:
            return None
        found = await desk.reader.understood(call.state.line, text)
        if found is not None and asks_number and not found.number:
            return "number"
        if found is not None and self.ask_matter and not found.matter:
            return "matter"
        return None

    async def _finish(
        self, call: Call, desk: Desk, draft: Draft, recorded: Recorded, *, urgent: bool = False
    ) -> bool:
        stored = await desk.mailbox.finish(draft, recorded, urgent=urgent)
        call.state.outcome = "message" if stored.speech else "silent"
        if stored.ticket is not None:
            call.state.variables[TICKET] = stored.ticket
        return stored.speech
