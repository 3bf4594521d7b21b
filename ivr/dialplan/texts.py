"""What the texts of a dialplan become before they are spoken."""

import re
from collections.abc import Iterator
from datetime import date

from ivr.dialplan.greeting import greeting_moments
from ivr.dialplan.model import Dialplan, LineModel
from ivr.hours.calendar import Calendar

# The values that a text may hold, in braces.
VALUES = ("line", "closed_greeting")

_CLOSED = "{closed_greeting}"
_VALUE = re.compile(r"\{([^{}]*)\}")


def parts(text: str, *, line: LineModel, closed: str | None) -> list[str]:
    """The prompts that make up `text`, to be said one after the other; none of them is empty.

    The greeting of a closed line changes with the day, so it is a part of its own and what
    stands around it is synthesised once. `closed` None or empty: it is left out.
    """
    pieces: list[str] = []
    for number, fixed in enumerate(text.split(_CLOSED)):
        if number and closed:
            pieces.append(closed)
        pieces.append(fixed.replace("{line}", line.spoken))
    return [piece.strip() for piece in pieces if piece.strip()]


def values(text: str) -> list[str]:
    """The names in braces, in order, known or not."""
    return _VALUE.findall(text)


def stray_brace(text: str) -> bool:
    return "{" in (rest := _VALUE.sub("", text)) or "}" in rest


def sayings(dialplan: Dialplan) -> Iterator[tuple[str, str, str]]:
    """Every text of the dialplan as (step, YAML path of the field, text)."""
    for name, step in dialplan.steps.items():
        for field, text in step.says().items():
            yield name, field, text


def all_texts(dialplan: Dialplan, first: date, days: int) -> list[str]:
    """Every prompt that callers can hear on `days` days from `first`, each once."""
    greetings = [
        greeting
        for hours in dialplan.hours.values()
        for greeting in greeting_moments(Calendar(hours), first, days)
    ]
    texts: dict[str, None] = {}
    for _, _, text in sayings(dialplan):
        texts |= dict.fromkeys(parts(text, line=dialplan.line, closed=None))
        if _CLOSED in text:
            texts |= dict.fromkeys(greetings)
    return list(texts)
