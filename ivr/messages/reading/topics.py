"""The line's own topics, and the priority that its rules suggest."""

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.dialplan.reading import PriorityRule, ReadingRules
from ivr.messages.reading.said import kana_of

_SHORTEST = 3  # letters of a keyword in kana that may be looked for in the kana of the text


@dataclass(frozen=True, slots=True)
class Topic:
    """`start`, `end`: characters; both 0 if it was found by its sound alone."""

    name: str
    keyword: str
    start: int
    end: int


def find_topics(text: str, kana: str, rules: ReadingRules) -> list[Topic]:
    """One for each topic, by the keyword that is said first."""
    sound = kana.replace(" ", "")
    found = []
    for name, keywords in rules.topics.items():
        places = [(place, word) for word in keywords if (place := text.find(word)) >= 0]
        if places:
            place, word = min(places)
            found.append(Topic(name, word, place, place + len(word)))
        elif heard := next((word for word in keywords if _sounds(word, sound)), None):
            found.append(Topic(name, heard, 0, 0))
    return found


def _sounds(word: str, sound: str) -> bool:
    kana = kana_of(word).replace(" ", "")
    return len(kana) >= _SHORTEST and kana in sound


def find_priority(
    text: str, topics: Sequence[Topic], urgent: str | None, rules: ReadingRules
) -> tuple[PriorityRule, str] | None:
    """The first rule that holds, and why in Japanese."""
    for rule in rules.priority:
        why = []
        if rule.urgent is not None:
            why.append(f"「{urgent}」と話しています" if urgent else "")
        if rule.topic is not None:
            why.append(f"話題が「{rule.topic}」です" if any(one.name == rule.topic for one in topics) else "")
        if rule.says is not None:
            word = next((word for word in rule.says if word in text), None)
            why.append(f"「{word}」とあります" if word else "")
        if all(why):
            return rule, "、".join(why)
    return None
