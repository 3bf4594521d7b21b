"""What people do on the telephone. Each function is one person's whole call and returns what must come of it."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tools.driver.audio import RATE, Samples, likeness, share_of, speech, tone
from tools.driver.dialplan import Destination, Line, Way, e164, national_number
from tools.driver.instance import Instance
from tools.driver.sip import Telephone

MOBILES = (("090", 8), ("080", 8), ("070", 8), ("03", 8), ("06", 8))
CALLER_TONE, AGENT_TONE = 440.0, 620.0  # Hz
GREETING_LIKE = 0.7


class Failed(Exception):
    """What somebody on the telephone had to notice and did not."""


@dataclass
class Outcome:
    """What the product must have made of one call. `cause` None: no callback at all."""

    who: str
    line: str
    number: str | None  # E.164
    outcome: str
    path: list[str] | None  # None: it was not looked at
    cause: str | None = None
    callback_path: list[str] | None = None
    due: str = ""
    said: str = ""  # words apart by blanks
    between: tuple[datetime, datetime] | None = None  # the product's clock during the call, at the widest


Call = Callable[[], Outcome]


@dataclass
class Caller:
    """Somebody who dials; `number` None: withheld."""

    instance: Instance
    line: Line
    dice: random.Random
    number: str | None

    @classmethod
    def new(cls, instance: Instance, line: Line, dice: random.Random, *, withheld: bool = False) -> "Caller":
        own = random.Random(dice.random())  # people act at the same time, each with dice of their own
        return cls(instance, line, own, None if withheld else national_number(own, MOBILES))

    @property
    def e164(self) -> str | None:
        return None if self.number is None else e164(self.number)

    def dial(self) -> Telephone:
        if self.number is None:
            telephone = Telephone(self.instance.sip, "anonymous@anonymous.invalid", display="Anonymous")
        else:
            user = self.dice.choice((self.number, self.number, e164(self.number)))
            telephone = Telephone(self.instance.sip, user)
        dialled = self.dice.choice((self.line.number, self.line.number, e164(self.line.number)))
        telephone.dial(dialled)
        return telephone

    def press(self, telephone: Telephone, way: Way) -> None:
        """The keys of the menus: in one go during the greeting or slowly, with `#` or without."""
        assert telephone.media is not None
        keys = way.keys if self.dice.random() < 0.6 else way.alone
        slow = self.dice.random() < 0.4
        time.sleep(self.dice.uniform(0.2, 1.5))
        for number, key in enumerate(keys):
            if number and slow:
                telephone.media.said()
                time.sleep(self.dice.uniform(1.0, 2.5))
            telephone.media.press(key)
        telephone.media.said()


def leave_message(
    caller: Caller,
    who: str,
    cause: str,
    said: str,
    *,
    way: Way | None = None,
    message: str,
    path: list[str],
    queue_key: str = "",
) -> Outcome:
    """Goes `way`, waits for the beep (or presses `queue_key` before), speaks, ends somehow."""
    audio = speech(said.replace(" ", ""))
    earliest, _ = caller.instance.now()
    telephone = caller.dial()
    try:
        media = telephone.media
        assert media is not None
        if way is not None:
            caller.press(telephone, way)
        if queue_key:
            time.sleep(caller.dice.uniform(1.5, 3.0))
            media.press(queue_key)
        if not media.beep(1, 60):
            raise Failed(f"{who}: no beep came")
        greeted = media.heard()
        time.sleep(caller.dice.uniform(0.2, 0.8))
        media.say(audio)
        media.said()
        ending = caller.dice.choice(("#", "silence", "hang-up"))
        time.sleep(0.3)
        if ending == "hang-up":
            telephone.hang_up()
        else:
            media.press("#" if ending == "#" else "")
            if not telephone.over.wait(20):
                raise Failed(f"{who}: nobody said goodbye after the message (ended by {ending})")
            if len(media.heard()) - len(greeted) < RATE:
                raise Failed(f"{who}: no thanks were heard")
    finally:
        telephone.close()
    _, latest = caller.instance.now()
    _heard_greeting(who, greeted, caller.line.greetings[message])  # only now: a caller must not think long
    return Outcome(
        f"{who}, ended by {ending}", caller.line.key, caller.e164, "message", None, cause, path,
        caller.line.dues[message], said, (earliest, latest),
    )  # fmt: skip


def queue_message(
    caller: Caller, who: str, cause: str, said: str, to: Destination, *, asks: bool = False
) -> Outcome:
    message = to.asked if asks else to.message
    path = [*to.way.path, *([to.key] if asks else []), message]
    key = to.key if asks else ""
    return leave_message(caller, who, cause, said, way=to.way, message=message, path=path, queue_key=key)


def closed_message(caller: Caller, who: str, said: str) -> Outcome:
    line = caller.line
    return leave_message(caller, who, "closed", said, message=line.closed_message, path=line.closed_path)


def say_nothing(caller: Caller, who: str) -> Outcome:
    """Of silence nothing may come; the caller is asked once more."""
    telephone = caller.dial()
    try:
        assert telephone.media is not None
        if not telephone.media.beep(2, 60) or not telephone.over.wait(30):
            raise Failed(f"{who}: not asked once more, or no goodbye")
    finally:
        telephone.close()
    return Outcome(who, caller.line.key, caller.e164, "silent", caller.line.closed_path)


def hang_up_in_menu(caller: Caller, who: str, way: Way) -> Outcome:
    telephone = caller.dial()
    try:
        assert telephone.media is not None
        time.sleep(caller.dice.uniform(0.5, 4.0))
        if len(way.keys) > 1:
            telephone.media.press(way.keys[0])
            telephone.media.said()
            time.sleep(caller.dice.uniform(0.2, 1.5))
    finally:
        telephone.close()
    return Outcome(who, caller.line.key, caller.e164, "abandoned", None)


def hang_up_in_queue(caller: Caller, who: str, to: Destination) -> Outcome:
    telephone = caller.dial()
    try:
        caller.press(telephone, to.way)
        time.sleep(2.0)
    finally:
        telephone.close()
    return Outcome(who, caller.line.key, caller.e164, "abandoned", to.way.path)


class Talk:
    """Keeps an agent talking until all who must find the line busy have been there."""

    def __init__(self, witnesses: int) -> None:
        self.begun = threading.Event()
        self.seen = threading.Semaphore(0)
        self._witnesses = witnesses

    def meanwhile(self, call: Call) -> Call:
        def witness() -> Outcome:
            self.begun.wait(60)
            try:
                return call()
            finally:
                self.seen.release()

        return witness

    def last(self) -> None:
        self.begun.set()
        for _ in range(self._witnesses):
            self.seen.acquire(timeout=90)


def talk(caller: Caller, who: str, to: Destination, agent: Telephone, kept: Talk) -> Outcome:
    """Is answered, hears the agent and is heard, and stays as long as `kept` says."""
    telephone = caller.dial()
    try:
        caller.press(telephone, to.way)
        if not agent.up.wait(20):
            raise Failed(f"{who}: the agent's telephone was not rung")
        assert telephone.media is not None and agent.media is not None
        telephone.media.say(tone(CALLER_TONE, 2.5))
        agent.media.say(tone(AGENT_TONE, 2.5))
        telephone.media.said()
        time.sleep(0.5)
        heard = share_of(AGENT_TONE, telephone.media.heard()), share_of(CALLER_TONE, agent.media.heard())
        if min(heard) < 0.5:
            raise Failed(f"{who}: caller and agent did not hear each other: {heard}")
        kept.last()
        if telephone.over.is_set():
            raise Failed(f"{who}: the talk was cut off")
        leaver, other = (telephone, agent) if caller.dice.random() < 0.5 else (agent, telephone)
        leaver.hang_up()
        if not other.over.wait(10):
            raise Failed(f"{who}: one hung up, and the other was left alone")
    finally:
        kept.begun.set()
        telephone.close()
    return Outcome(who, caller.line.key, caller.e164, "answered", to.way.path)


def _heard_greeting(who: str, heard: Samples, text: str) -> None:
    found = likeness(speech(text), heard)
    if found < GREETING_LIKE:
        raise Failed(f"{who}: the greeting before the beep was not heard ({found:.2f})")
