"""mailbox: staff hear the messages of their lines by telephone, with a PIN, and deal with them.

```yaml
messages:
  type: mailbox
  lines: [eccall]
  next: goodbye
  otherwise: goodbye
```
It stands behind a key that is not announced, or on a number of its own that only staff know. The PIN is the
one of the line in which the step stands (`ivr pin`); three tries a call, and five wrong ones over all calls
lock it for 15 minutes. It is never saved.

Staff hear how many messages there are, new ones and those that they kept; then each: when it came, from which
number, the recording. A key cuts whatever is said. `1` plays it again, `2` keeps it and goes on, `3` clears it
after asking once more: the message leaves the list and its callback is done (対応済み), with who and when in
its history; nothing is deleted, and the recording stays as long as the line keeps recordings. Where an agent
is about the callback, it stays as it is. `4`, with `ring_back: true`, rings the caller back, as agents do: by
the rules of the line (`callbacks`), never when somebody else is about it; and only numbers that the operator
allows (`IVR_TRANSFERS`). `9` ends. What staff do not clear, by hanging up too, stays.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ivr.call import Call, CallerHungUp
from ivr.dialplan import visit
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Duration, Step, StepName, parse_duration
from ivr.dialplan.texts import all_moments, digit_parts, moment_parts
from ivr.errors import Conflict, NotFound, StoreError
from ivr.outside import national
from ivr.staff import KeptMessage, MayRing, NotRung, Unlocked
from ivr.steps import staff

log = logging.getLogger("ivr.steps")

ASK = "メッセージの確認です。暗証番号を押し、最後にシャープを押してください。"
UNAVAILABLE = "この番号では、メッセージを確認できません。管理者にお問い合わせください。"
NEW, KEPT = "新しいメッセージは、", "保存されているメッセージは、"
NONE = "メッセージはありません。"
URGENT = "至急のメッセージです。"
RECEIVED = "に、お預かりしたメッセージです。"
FROM, COUNTRY, IS = "お電話番号は、", "国番号、", "です。"
WITHHELD = "番号の通知はありません。"
WITHHELD_AS = {"payphone": "公衆電話からのお電話です。", "unavailable": "表示圏外からのお電話です。"}
NO_AUDIO = "このメッセージの録音は、再生できません。"
CHOICES = (
    "もう一度聞く場合は1を、次へ進む場合は2を、対応済みとする場合は3を、終了する場合は9を押してください。"
)
MAY_RING = "お客様に電話をかける場合は4を押してください。"
SURE = "折り返しも対応済みとします。よろしければ1を、戻る場合は2を押してください。"
CLEARED = {
    "done": "対応済みとしました。",
    "kept": "メッセージを対応済みとしました。折り返しには、ほかのご用件があるため、一覧に残っています。",
    "taken": "この折り返しは、お電話では変更できません。ほかの担当者が対応中でないか、画面でご確認ください。",
}
REFUSED: Mapping[NotRung, str] = {
    "taken": CLEARED["taken"],
    "hours": "ただいまは、お客様に電話をかけられる時間帯ではありません。",
    "wish": "ただいまは、お客様がご希望の時間帯ではありません。",
    "never": "このお客様には、電話をかけられません。",
}
CALLING = "お客様におつなぎします。そのままお待ちください。"
DIALLED = {
    "busy": "お客様は、お話し中でした。",
    "no_answer": "お客様は、お出になりませんでした。",
    "failed": "この番号には、おつなぎできませんでした。",
}
NO_MORE = "メッセージは、以上です。"
FAILED = "ただいま、メッセージを確認できません。お手数ですが、のちほどおかけ直しください。"

RINGS_BACK = "rings_back"  # the variable of the state that holds the message whose caller staff talk to
PIN_TRIES = 3
MOST = 20  # messages; more are "20件以上"
AGAIN, NEXT, CLEAR, RING, END = "1", "2", "3", "4", "9"
YES, BACK = "1", "2"
Went = Literal["on", "end"]


class MailboxStep(Step):
    type: Literal["mailbox"]
    next: StepName
    """the step after the last message, or when staff end it"""
    otherwise: StepName
    """the step for who has no right PIN, does not answer, or when it failed"""
    lines: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)] | None = None
    """the lines whose messages are heard, by the names of their files, of the same company; none: all of it"""
    ring_back: bool = False
    """`true`: staff may ring the caller back"""
    ring: Duration = parse_duration("30s")
    """how long the caller's telephone rings then"""
    repeat: Annotated[int, Field(ge=0, le=5)] = 2
    """how often each question is asked again, 0 to 5"""
    wait: Duration = parse_duration("8s")
    """for the first key after a question"""
    # A talk and a message that is cleared are not cut; it looks at the time before each message.
    ends_by_itself: ClassVar[bool] = True

    def exits(self) -> dict[str, str]:
        return {"next": self.next, "otherwise": self.otherwise}

    def caller_exits(self) -> frozenset[str]:
        return frozenset({"next"})

    def says(self) -> dict[str, str]:
        ringing = (MAY_RING, *REFUSED.values(), CALLING, *DIALLED.values()) if self.ring_back else ()
        fixed = (
            ASK, UNAVAILABLE, *staff.SAYS, NEW, KEPT, NONE, URGENT, RECEIVED, FROM, COUNTRY, IS, WITHHELD,
            *WITHHELD_AS.values(), NO_AUDIO, CHOICES, SURE, *CLEARED.values(), NO_MORE, FAILED, *ringing,
        )  # fmt: skip
        counts = [_count(number) for number in range(MOST + 1)]
        pieces = [*fixed, *counts, *digit_parts("0123456789"), *all_moments()]
        return {f"text {number}": text for number, text in enumerate(pieces)}

    def hears_lines(self) -> dict[str, str]:
        return {f"lines.{place}": line for place, line in enumerate(self.lines or ())}

    async def run(self, call: Call, desk: Desk) -> str | None:
        """Taken back, it asks for the PIN again; what was cleared before stays cleared."""
        try:
            if message := call.state.variables.get(RINGS_BACK):
                await self._talk(
                    call, desk, message
                )  # taken back from it: it goes on, or has ended meanwhile
            if await self._may(call, desk) and await self._listen(call, desk):
                return self.next
        except (StoreError, NotFound, Conflict) as error:
            log.error("messages could not be heard", extra={"call_id": call.id, "error": str(error)})
            await call.play(FAILED, whole=True)
        return self.otherwise

    async def _may(self, call: Call, desk: Desk) -> bool:
        async def unlock(pin: str) -> Unlocked:
            unlocked = await desk.retrieval.unlock(desk.key, pin)
            if unlocked == "unavailable":
                log.error("no PIN opens this step", extra={"call_id": call.id, "line": desk.key})
            return unlocked

        return await staff.admitted(
            call, ASK, unlock, unavailable=UNAVAILABLE, tries=PIN_TRIES, wait=self.wait
        )

    async def _listen(self, call: Call, desk: Desk) -> bool:
        """One message after the other; the list is asked for anew each time, for others work on it too.

        False: a question was not answered.
        """
        passed: set[str] = set()
        waiting = await desk.retrieval.waiting(self.lines or (), desk.line.tenant)
        call.state.outcome = "informed"  # who hangs up from here on has not been left alone
        desk.journal.entered(call)
        await call.play(*_counted(waiting))
        while not visit.is_over(desk, call.state):
            message = next((each for each in waiting if each.id not in passed), None)
            if message is None:
                if passed:
                    await call.play(NO_MORE)
                return True
            passed.add(message.id)
            went = await self._one(call, desk, message)
            if went != "on":
                return went == "end"
            waiting = await desk.retrieval.waiting(self.lines or (), desk.line.tenant)
        return True

    async def _one(self, call: Call, desk: Desk, message: KeptMessage) -> Went | None:
        """None: staff do not answer."""
        by, tenant = _by(call), desk.line.tenant
        choices = [CHOICES, MAY_RING] if self.ring_back else [CHOICES]
        keys = (AGAIN, NEXT, CLEAR, END, *((RING,) if self.ring_back else ()))
        play, rang = True, False
        while True:
            if play:
                await self._play(call, desk, message)
            key = await staff.chosen(call, choices, keys, tries=self.repeat + 1, wait=self.wait)
            if key == CLEAR and await self._clear(call, desk, message):
                return "on"
            if key == RING:
                rang = await self._ring_back(call, desk, message) or rang
            if rang and key in (NEXT, END, None):
                await desk.retrieval.give_back(message.id, tenant, by)
            if key in (NEXT, END, None):
                return "on" if key == NEXT else "end" if key == END else None
            play = key == AGAIN

    async def _play(self, call: Call, desk: Desk, message: KeptMessage) -> None:
        told = await call.play(*self._told(desk, message))
        if told.ended_by == "key":
            return  # it was passed over, and stays new
        if message.file is None:
            await call.play(NO_AUDIO)
        else:
            await call.play_recording(message.file)
        await desk.retrieval.heard(message.id, desk.line.tenant, _by(call))

    def _told(self, desk: Desk, message: KeptMessage) -> list[str]:
        urgent = [URGENT] if message.urgent else []
        return [*urgent, *moment_parts(message.received, desk.clock.now()), RECEIVED, *_number(message)]

    async def _clear(self, call: Call, desk: Desk, message: KeptMessage) -> bool:
        sure = await staff.chosen(call, [SURE], (YES, BACK), tries=self.repeat + 1, wait=self.wait)
        if sure != YES:
            return False
        cleared = await desk.retrieval.clear(message.id, desk.line.tenant, _by(call))
        await call.play(CLEARED[cleared], whole=True)
        return cleared != "taken"

    async def _ring_back(self, call: Call, desk: Desk, message: KeptMessage) -> bool:
        """Whether staff talked to the caller of the message; then it is theirs until they say what became of it."""
        by, tenant = _by(call), desk.line.tenant
        may = await desk.retrieval.may_ring(message.id, tenant, by)
        if not isinstance(may, MayRing):
            await call.play(REFUSED[may])
            return False
        call.keys.empty()
        dialled = await call.dial(may.number, CALLING, ring=self.ring.total_seconds())
        call.keys.empty()  # nobody asked for keys
        try:
            await desk.retrieval.rang(message.id, tenant, by, dialled.ended_by)
        except StoreError:
            if dialled.ended_by != "answered":
                raise
            # The two talk all the same.
            log.exception("a talk was not written down", extra={"call_id": call.id})
        if dialled.ended_by != "answered":
            await call.play(DIALLED[dialled.ended_by])
            return False
        call.state.variables[RINGS_BACK] = message.id
        await self._talk(call, desk, message.id)
        return True

    async def _talk(self, call: Call, desk: Desk, message: str) -> None:
        """Not over when we are stopped: the two go on talking without us."""
        left: CallerHungUp | None = None
        try:
            await visit.talk(call, desk, None)
        except CallerHungUp as gone:
            left = gone
        await desk.retrieval.rang(message, desk.line.tenant, _by(call), "over")
        if left is not None:
            raise left
        del call.state.variables[RINGS_BACK]
        call.keys.empty()


def _by(call: Call) -> str:
    return f"telephone {call.id}"


def _count(number: int) -> str:
    return f"{number}件です。" if number < MOST else f"{MOST}件以上です。"


def _counted(waiting: Sequence[KeptMessage]) -> list[str]:
    new = sum(not each.heard for each in waiting)
    kept = len(waiting) - new
    if not waiting:
        return [NONE]
    return [NEW, _count(min(new, MOST)), *([KEPT, _count(min(kept, MOST))] if kept else [])]


def _number(message: KeptMessage) -> list[str]:
    if message.number is None:
        return [WITHHELD_AS.get(message.withheld or "", WITHHELD)]
    if message.number.startswith("+81"):
        return [FROM, *digit_parts(national(message.number)), IS]
    return [FROM, COUNTRY, *digit_parts(message.number), IS]
