"""What the texts of a dialplan become before they are spoken."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime

from ivr.dialplan.greeting import closed_greeting, greeting_moments, opening_hours
from ivr.dialplan.model import Dialplan, LineModel
from ivr.hours.calendar import Calendar
from ivr.prompts import spoken

# Values that change with the time, and who says them.
BY_THE_CLOCK: Mapping[str, Callable[[Calendar, datetime], str]] = {
    "closed_greeting": closed_greeting,
    "opening_hours": opening_hours,
}
# The values that a text may hold, in braces; the names of collected digits come to them.
VALUES = ("line", *BY_THE_CLOCK)

_VALUE = re.compile(r"\{([^{}]*)\}")


def parts(text: str, *, line: LineModel, said: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """The prompts that make up `text`, to be said one after the other; none of them is empty.

    What changes from call to call or from day to day is a part of its own, and what stands around it
    is synthesised once. `said`: value -> its prompts; a value that is not there is left out.
    """
    split = _VALUE.split(text.replace("{line}", line.spoken))
    if len(split) == 1:
        return [text] if (text := split[0].strip()) else []
    pieces: list[str] = []
    for number, piece in enumerate(split):
        if number % 2:
            pieces += (said or {}).get(piece, ())
        elif any(character.isalnum() for character in piece):  # "、" between two values is no prompt
            pieces.append(piece)
    return [piece.strip() for piece in pieces if piece.strip()]


def digit_parts(digits: str) -> list[str]:
    """One prompt for each digit, so that an entry is read back without any synthesis."""
    return [spoken.digits(digit) for digit in digits]


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
    texts: dict[str, None] = {}
    used: dict[str, None] = {}
    for _, _, text in sayings(dialplan):
        texts |= dict.fromkeys(parts(text, line=dialplan.line))
        used |= dict.fromkeys(values(text))
    for value in used:
        if say := BY_THE_CLOCK.get(value):
            for hours in dialplan.hours.values():
                texts |= dict.fromkeys(greeting_moments(Calendar(hours), first, days, say))
        elif value in collected(dialplan):
            texts |= dict.fromkeys(digit_parts("0123456789"))
    return list(texts)


def collected(dialplan: Dialplan) -> set[str]:
    """The names of all digits that callers are asked for."""
    return {name for step in dialplan.steps.values() if (name := step.collects())}
