"""How the text of a message is read for a line; `ivr/messages/reading` does it."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ivr.dialplan.part import Part

Priority = Literal["critical", "high", "medium", "low"]
_SHAPE = re.compile(r"(?=.*0)[A-Z0][A-Z0-]{2,38}[A-Z0]")


def _shape(text: str) -> str:
    if not _SHAPE.fullmatch(text):
        raise ValueError(
            f'"{text}" is no shape of an order number; write 0 for each digit and capital letters as they are, '
            "like EC-000000"
        )
    return text


Shape = Annotated[str, AfterValidator(_shape), Field(json_schema_extra={"pattern": f"^{_SHAPE.pattern}$"})]
Word = Annotated[str, Field(min_length=1, max_length=40)]
Words = Annotated[tuple[Word, ...], Field(min_length=1, max_length=200)]


class PriorityRule(Part):
    """When a message is suggested to be of another priority; all that is given must hold."""

    priority: Priority
    """`critical`, `high`, `medium`, `low`"""
    urgent: Literal["true"] | None = None
    """`true`: the caller says that it is urgent"""
    topic: Word | None = None
    """the message has this topic"""
    says: Words | None = None
    """one of these words is said"""

    @model_validator(mode="after")
    def _has_a_condition(self) -> "PriorityRule":
        if self.urgent is None and self.topic is None and self.says is None:
            raise ValueError('a rule for the priority needs a condition: "urgent", "topic" or "says"')
        return self


class ReadingRules(Part):
    """What is looked for in the text of a message."""

    order: Annotated[tuple[Shape, ...], Field(max_length=20)] = ()
    """shapes of the line's order numbers: 0 is a digit, capital letters are said as they are, `-` may be left
    out: `["EC-000000", "00000000"]`; none: digits after 「注文番号」 and the like"""
    topics: Annotated[dict[Word, Words], Field(max_length=100)] = Field(default={})
    """name of a topic -> words that tell it, in kanji or kana: `{決済: [カード, 引き落とし]}`"""
    fillers: Annotated[tuple[Word, ...], Field(max_length=200)] = ()
    """further words that are left out for reading, beside えーと, あの, まあ and their like"""
    priority: Annotated[tuple[PriorityRule, ...], Field(max_length=100)] = ()
    """rules for a suggested priority, the first that holds counts: `[{urgent: true, priority: high}]`"""

    @model_validator(mode="after")
    def _topics_exist(self) -> "ReadingRules":
        for rule in self.priority:
            if rule.topic is not None and rule.topic not in self.topics:
                raise ValueError(
                    f'"priority" asks for the topic "{rule.topic}", which "topics" does not have'
                )
        return self
