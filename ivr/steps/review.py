"""What a caller may do with a message after it was recorded; part of the step `voicemail`."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from ivr.call import Call
from ivr.dialplan import patience
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Duration, Key, Text, parse_duration
from ivr.dialplan.part import Part
from ivr.dialplan.reading import Priority
from ivr.keys import KeyTable
from ivr.steps.menu import WRONG

Choice = Literal["send", "urgent", "instead", "more"]
OFFERS: Mapping[Choice | Literal["listen"], str] = {
    "send": "この内容でよろしければ{key}を",
    "instead": "録音し直す場合は{key}を",
    "listen": "お聞きになる場合は{key}を",
    "more": "続けてお話しになる場合は{key}を",
    "urgent": "お急ぎの場合は{key}を",
}
TWICE = "緊急の場合は{key}を2回"
ANYHOW = "押してください。そのままお切りいただいても、メッセージは承ります。"
INSTEAD = "発信音の後に、もう一度お話しください。"
MORE = "発信音の後に、続けてお話しください。"
URGENT = "お急ぎのご用件として承りました。"
CRITICAL = "緊急のご用件として承りました。"
ONCE_MORE = "緊急のご用件として承ります。よろしければ、もう一度{key}を押してください。"
MOST_CHOICES = 10  # then the message is sent


def _none_if_false(value: Any) -> Any:
    return None if value == "false" else value


class UrgentKey(Part):
    """The key by which a caller declares a message urgent."""

    key: Key
    """the key"""
    twice: bool = False
    """`true`: it counts when it is pressed twice; the caller hears so"""
    priority: Literal["high", "critical"] = "high"
    """what the callback becomes at least"""


def _in_full(value: Any) -> Any:
    return {"key": value} if isinstance(value, str) else value


class Review(Part):
    """Keys for who has left a message."""

    send: Key = "1"
    """sends the message; so do hanging up and no key"""
    replace: Annotated[Key | None, BeforeValidator(_none_if_false, json_schema_input_type=bool | Key)] = "2"
    """records it again, what was said before stays until something else is; `false`: not offered"""
    listen: Key | None = None
    """plays it"""
    append: Key | None = None
    """records more behind it"""
    urgent: Annotated[UrgentKey | None, BeforeValidator(_in_full, json_schema_input_type=Key | UrgentKey)] = (
        None
    )
    """marks it as urgent and sends it: a key, or `{key: "9", twice: true, priority: critical}`"""
    say: Text | None = None
    """says the keys; without it the sentence is made of them"""
    wait: Duration = parse_duration("5s")
    """for the first key after the text"""
    instead: Text = INSTEAD
    """said before it is recorded again"""
    more: Text = MORE
    """said before more is recorded"""
    marked: Text | None = None
    """said after the key for urgent ones; none: 「お急ぎ…」, 「緊急…」 for `critical`"""
    wrong: Text = WRONG
    """said before the keys after a wrong one"""

    @model_validator(mode="after")
    def _keys_are_told(self) -> "Review":
        keys = self.choices()
        for short, long in permutations([*keys], 2):
            if long.startswith(short):
                raise ValueError(f'the key "{long}" begins with "{short}"')
        if len(keys) < len(self._keys()):
            raise ValueError("one key has two meanings")
        for key in keys:
            if spoken(key) not in self.text:
                raise ValueError(f'"say" does not name the key "{key}", spoken as {spoken(key)}')
        return self

    @property
    def text(self) -> str:
        offers = [self._offer(choice).format(key=spoken(key)) for key, choice in self.choices().items()]
        return self.say or "、".join(offers) + ANYHOW

    def _offer(self, choice: Choice | Literal["listen"]) -> str:
        return TWICE if choice == "urgent" and self.urgent and self.urgent.twice else OFFERS[choice]

    @property
    def urgent_priority(self) -> Priority:
        return self.urgent.priority if self.urgent else "high"

    @property
    def says_marked(self) -> str:
        return self.marked or (CRITICAL if self.urgent_priority == "critical" else URGENT)

    @property
    def _once_more(self) -> str | None:
        """Said after the first time, where the key counts only twice."""
        if self.urgent is None or not self.urgent.twice:
            return None
        return ONCE_MORE.format(key=spoken(self.urgent.key))

    def choices(self) -> dict[str, Choice | Literal["listen"]]:
        return dict(self._keys())

    def _keys(self) -> list[tuple[str, Choice | Literal["listen"]]]:
        offered: list[tuple[str | None, Choice | Literal["listen"]]] = [
            (self.send, "send"),
            (self.replace, "instead"),
            (self.listen, "listen"),
            (self.append, "more"),
            (self.urgent.key if self.urgent else None, "urgent"),
        ]
        return [(key, choice) for key, choice in offered if key is not None]

    def says(self) -> dict[str, str]:
        offered = {choice for _, choice in self._keys()}
        extra = {"instead": self.instead, "more": self.more, "urgent": self.says_marked}
        fields = {"instead": "review.instead", "more": "review.more", "urgent": "review.marked"}
        return {
            "review.say": self.text,
            "review.wrong": self.wrong,
            **{fields[choice]: text for choice, text in extra.items() if choice in offered},
            **({"review.urgent.twice": self._once_more} if self._once_more else {}),
        }

    async def choose(self, call: Call, desk: Desk, files: Sequence[Path]) -> Choice:
        """What becomes of the message that `files` are."""
        choices, say = self.choices(), desk.speak(call.state, self.text)
        table = KeyTable(choices)
        excuse: list[str] = []
        patience.begin(call.state, say)
        for _ in range(MOST_CHOICES):
            await call.play(*excuse, *say)
            read = await call.read_keys(table, first=self.wait.total_seconds())
            if read.ended_by == "timeout":
                return "send"
            excuse = []
            if read.key is None:
                excuse = desk.speak(call.state, self.wrong)
                if not patience.again(call.state, [*excuse, *say]):
                    return "send"
                continue
            choice = choices[read.key]
            if choice == "urgent" and not await self._pressed_twice(call, desk, read.key):
                patience.begin(call.state, say)
                continue
            if choice != "listen":
                return choice
            for file in files:
                await call.play_recording(file)
            patience.begin(call.state, say)
        return "send"

    async def _pressed_twice(self, call: Call, desk: Desk, key: str) -> bool:
        """Once is enough where the line says nothing else; any other key, or none, takes it back."""
        if self._once_more is None:
            return True
        await call.play(*desk.speak(call.state, self._once_more))
        return (await call.read_keys(KeyTable((key,)), first=self.wait.total_seconds())).key == key


def spoken(key: str) -> str:
    """As callers are told of it: シャープと1."""
    return "と".join({"#": "シャープ", "*": "米印"}.get(part, part) for part in key)
