"""ticket: a customer hears how the callback stands, adds something to it, or cancels it.

```yaml
my_callback:
  type: ticket
  message: add_message
  next: goodbye
  otherwise: menu
```
If a callback is open for the number that rings, on this line, it is that one; else the caller types the
ticket number (受付番号), `repeat` times again at most after a wrong one. Said are the number, the state, and by
when or when next somebody rings; never a name, a telephone number or the matter. Whether a wrong number is
misspelled, unknown or another company's, is not told apart.

Then `1` leads to `message`, a voicemail step, whose message joins this callback whatever its menu branch; `2`
cancels it after asking once more, but never while somebody is on the line or when only a supervisor may
close it; `3` says all of it again. From another telephone than the one that is to be rung back, or with a
number withheld, `2` cancels nothing: the wish stands in the history for an agent, who makes sure whose it is. No key goes on to
`next`. Texts behind it may say `{ticket}`.
"""

import logging
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field

from ivr.call import JOINS, Call
from ivr.dialplan.desk import TICKET, Desk
from ivr.dialplan.model import Duration, Step, StepName, Text, parse_duration
from ivr.dialplan.texts import all_moments, digit_parts, moment_parts
from ivr.errors import StoreError
from ivr.keys import KeyTable
from ivr.known import Cancelled, Stands, TicketNow
from ivr.steps.menu import NOTHING, WRONG

log = logging.getLogger("ivr.steps")

ASK = "受付番号を押し、最後にシャープを押してください。"
UNKNOWN = "恐れ入りますが、ご入力いただいた受付番号を確認できませんでした。"
NUMBER, IS = "お客様の受付番号は、", "です。"
STATES: dict[Stands, str] = {
    "open": "ただいま、折り返しの順番をお待ちいただいております。",
    "claimed": "担当者が、折り返しのお電話の準備をしております。",
    "dialing": "ただいま、担当者がお電話を差し上げております。",
    "talking": "ただいま、担当者が対応しております。",
    "working": "担当者が、お問い合わせの内容を確認しております。",
    "waiting": "担当者が、お客様からのご連絡をお待ちしております。",
    "done": "この受付番号のお問い合わせは、対応を終えております。",
    "cancelled": "この受付番号の折り返しは、取り消されております。",
    "unreachable": "お電話を差し上げましたが、ご連絡がつかず、折り返しを終えております。",
}
TRIED = "お電話を差し上げましたが、おつなぎできませんでした。あらためて、お電話いたします。"
BY = "までに、お電話いたします。"
LATE = "お約束の時刻を過ぎており、誠に申し訳ございません。順番に、お電話いたしております。"
FOLLOWING, ABOUT = "次のご連絡は、", "ごろを予定しております。"
MAY_ADD = "ご用件を追加される場合は1を、"
MAY_CANCEL = "折り返しを取り消される場合は2を、"
AGAIN = "もう一度お聞きになる場合は3を押してください。"
SURE = "折り返しを取り消します。よろしければ1を、戻る場合は2を押してください。"
SURE_TO_WISH = "お電話番号を確認できないため、取り消しのご希望を、担当者に申し伝えます。よろしければ1を、戻る場合は2を押してください。"
BECAME: dict[Cancelled, str] = {
    "cancelled": "折り返しを取り消しました。",
    "wished": "取り消しのご希望を承りました。担当者が確認いたします。",
    "on_the_line": "ただいま、担当者がお電話を差し上げておりますので、取り消すことができません。",
    "refused": "恐れ入りますが、お電話では取り消すことができません。担当者からのお電話の際に、お申し付けください。",
}
FAILED = "恐れ入りますが、ただいま、受付の状況をお調べすることができません。"

ABOUT_IT = "asks_about"  # the variable of the state that holds the number of the callback in question
CANCELLED = "cancelled:"  # + that number: what the customer's wish to cancel it became in this call
ADD, CANCEL, REPEAT = "1", "2", "3"
YES, BACK = "1", "2"
LONGEST = 12  # digits
CLOSED: tuple[Stands, ...] = ("done", "cancelled", "unreachable")


class TicketStep(Step):
    type: Literal["ticket"]
    next: StepName
    """the step for who has heard enough, or cancelled it; say goodbye there"""
    otherwise: StepName
    """the step for who has no callback, or when it cannot be looked up"""
    message: StepName | None = None
    """the voicemail step for who adds something; none: that is not offered"""
    say: Text = ASK
    """asks for the number of a caller for whom nothing is open"""
    repeat: Annotated[int, Field(ge=0, le=5)] = 2
    """how often is asked again after a wrong entry or none, 0 to 5"""
    wait: Duration = parse_duration("6s")
    """for the first key after a text"""
    between: Duration = parse_duration("4s")
    """without a further key, which ends the entry"""
    makes_ticket: ClassVar[bool] = True

    def exits(self) -> dict[str, str]:
        ways = {"next": self.next, "otherwise": self.otherwise}
        return ways | ({"message": self.message} if self.message else {})

    def caller_exits(self) -> frozenset[str]:
        return frozenset({"message"})

    def says(self) -> dict[str, str]:
        fixed = (
            UNKNOWN, NUMBER, IS, *STATES.values(), TRIED, BY, LATE, FOLLOWING, ABOUT, MAY_ADD, MAY_CANCEL, AGAIN,
            SURE, SURE_TO_WISH, *BECAME.values(), FAILED, WRONG, NOTHING,
        )  # fmt: skip
        pieces = [*fixed, *digit_parts("0123456789"), *all_moments()]
        return {"say": self.say} | {f"text {number}": text for number, text in enumerate(pieces)}

    async def run(self, call: Call, desk: Desk) -> str | None:
        """Taken back, it goes on with the same callback; what was cancelled is not asked about again."""
        state = call.state
        try:
            found = await self._find(call, desk)
            if found is None:
                return self.otherwise
            state.outcome = "informed"  # who hangs up from here on has not been left alone
            state.variables[ABOUT_IT] = state.variables[TICKET] = found.number
            desk.journal.entered(call)
            following = await self._tell(call, desk, found)
        except StoreError as error:
            log.error("a callback could not be looked up", extra={"call_id": call.id, "error": str(error)})
            await call.play(FAILED)
            following = self.otherwise
        state.variables.pop(ABOUT_IT, None)
        return following

    async def _find(self, call: Call, desk: Desk) -> TicketNow | None:
        state, number, tenant = call.state, call.caller.number, desk.line.tenant
        if (known := state.variables.get(ABOUT_IT)) is not None:
            return await desk.customers.callback(known, number, tenant)
        return await desk.customers.callback_of(number, state.line, tenant) or await self._typed(call, desk)

    async def _typed(self, call: Call, desk: Desk) -> TicketNow | None:
        state, tenant = call.state, desk.line.tenant
        first, between = self.wait.total_seconds(), self.between.total_seconds()
        excuse: list[str] = []
        while True:
            await call.play(*excuse, *desk.speak(state, self.say))
            read = await call.read_digits(LONGEST, end_key="#", first=first, between=between)
            if read.digits:
                found = await desk.customers.callback(read.digits, call.caller.number, tenant)
                if found is not None:
                    return found
                call.keys.empty()  # what was typed behind a wrong one answers no question
            if state.retries >= self.repeat:
                return None
            state.retries += 1
            desk.journal.entered(call)
            excuse = [NOTHING if read.ended_by == "timeout" else UNKNOWN]

    async def _tell(self, call: Call, desk: Desk, found: TicketNow) -> str:
        """The next step."""
        state = call.state
        if (before := state.variables.get(CANCELLED + found.number)) is not None:
            await call.play(BECAME[cast(Cancelled, before)], whole=True)
            return self.next
        again, tries = True, 0
        excuse: list[str] = []
        while True:
            told = _told(found, desk) if again else []
            offers, keys = self._offers(found)
            await call.play(*excuse, *told, *offers)
            read = await call.read_keys(KeyTable(keys), first=self.wait.total_seconds())
            excuse, again = [], read.key == REPEAT
            if read.key == ADD and self.message is not None:
                state.variables[JOINS] = found.number
                return self.message
            if read.key == CANCEL and await self._sure(call, found):
                became = await self._cancel(call, desk, found)
                await call.play(BECAME[became], whole=True)
                return self.next
            if read.ended_by == "timeout" or (read.key is None and tries >= self.repeat):
                return self.next
            tries += read.key is None
            excuse = [WRONG] if read.key is None else []

    def _offers(self, found: TicketNow) -> tuple[list[str], list[str]]:
        left = found.state not in CLOSED
        add = left and self.message is not None
        texts = [*([MAY_ADD] if add else []), *([MAY_CANCEL] if left else []), AGAIN]
        return texts, [*([ADD] if add else []), *([CANCEL] if left else []), REPEAT]

    async def _sure(self, call: Call, found: TicketNow) -> bool:
        call.keys.empty()  # a key too many cancels nothing
        await call.play(SURE if found.own else SURE_TO_WISH)
        read = await call.read_keys(KeyTable((YES, BACK)), first=self.wait.total_seconds())
        return read.key == YES

    async def _cancel(self, call: Call, desk: Desk, found: TicketNow) -> Cancelled:
        state = call.state
        became = await desk.customers.cancel(found.number, call.caller.number, desk.line.tenant)
        if became in ("cancelled", "wished"):
            state.variables[CANCELLED + found.number] = became
            desk.journal.entered(call)
        return became


def _told(found: TicketNow, desk: Desk) -> Sequence[str]:
    now = desk.clock.now()
    tried = found.tried and found.state == "open"
    told = [NUMBER, *digit_parts(found.number), IS, TRIED if tried else STATES[found.state]]
    if found.state in ("open", "claimed", "working", "waiting"):
        if found.following is not None and found.following > now:
            told += [FOLLOWING, *moment_parts(found.following, now), ABOUT]
        elif found.due is not None and found.due > now:
            told += [*moment_parts(found.due, now), BY]
        elif found.due is not None:
            told.append(LATE)
    return told
