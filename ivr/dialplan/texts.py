"""What the texts of a dialplan become before they are spoken."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from ivr.dialplan.greeting import (
    closed_greeting,
    closed_reason,
    greeting_moments,
    next_opening,
    opening_hours,
)
from ivr.dialplan.model import Dialplan, LineModel
from ivr.hours.calendar import Calendar
from ivr.hours.closings import Closing
from ivr.prompts import spoken

# Values that change with the time, and who says them.
BY_THE_CLOCK: Mapping[str, Callable[[Calendar, datetime], str]] = {
    "closed_greeting": closed_greeting,
    "opening_hours": opening_hours,
    "reason": closed_reason,
    "next_opening": next_opening,
}
# Values of a caller who waits in a queue.
IN_A_QUEUE = ("position", "wait")
# The values that a text may hold, in braces; the names of collected digits come to them.
VALUES = ("line", *BY_THE_CLOCK, *IN_A_QUEUE, "ticket")
GREETING_DAYS = 14  # closed greetings are spoken so far ahead
MOST_AHEAD = 50  # callers; more are "50名様以上"

_VALUE = re.compile(r"\{([^{}]*)\}")
# After the end of a sentence, and around the values that are whole sentences.
_BORDER = re.compile(r"(\{(?:closed_greeting|opening_hours)\})|(?<=[。！？!?])")


def parts(text: str, *, line: LineModel, said: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """The prompts that make up `text`, to be said one after the other; none of them is empty.

    What changes from call to call or from day to day is a part of its own, and what stands around it
    is synthesised once. `said`: value -> its prompts; a sentence that holds a value which is empty or
    not there is left out. Without `said`: all that stands around values.
    """
    text = text.replace("{line}", line.spoken)
    if not values(text):
        return [text] if (text := text.strip()) else []
    pieces: list[str] = []
    for sentence in _sentences(text):
        if said is not None and not all(any(said.get(name, ())) for name in values(sentence)):
            continue
        for number, piece in enumerate(_VALUE.split(sentence)):
            if number % 2:
                pieces += (said or {}).get(piece, ())
            elif any(character.isalnum() for character in piece):  # "、" between two values is no prompt
                pieces.append(piece)
    return [piece.strip() for piece in pieces if piece.strip()]


def _sentences(text: str) -> Iterator[str]:
    """In order; those without a value that follow one another stay together."""
    plain = ""
    for sentence in filter(None, _BORDER.split(text)):
        if not values(sentence):
            plain += sentence
            continue
        if plain:
            yield plain
        yield sentence
        plain = ""
    if plain:
        yield plain


def digit_parts(digits: str) -> list[str]:
    """One prompt for each digit, so that an entry is read back without any synthesis."""
    return [spoken.digits(digit) for digit in digits if digit.isdecimal()]


def ahead_parts(callers: int, capacity: int) -> list[str]:
    """`3名様`; nothing if nobody is ahead. A line of `capacity` has not many more who wait."""
    most = min(capacity, MOST_AHEAD)
    text = spoken.people(callers) if callers <= most else f"{spoken.people(most)}以上"
    return [text] if callers else []


def wait_parts(wait: timedelta | None) -> list[str]:
    """`10分`; nothing while it is unknown, and when nobody has to wait."""
    return [spoken.wait(wait)] if wait else []


def day_named(day: date) -> str:
    """`11月26日、木曜日`."""
    return f"{spoken.date(day)}、{spoken.weekday(day)}"


def moment_parts(then: datetime, now: datetime) -> list[str]:
    """`本日、` `午前9時` `5分`: a time past or to come, where `then` is told."""
    return spoken.moment_parts(then, now.astimezone(then.tzinfo).date())


def all_moments() -> list[str]:
    """All that `moment_parts` can say."""
    return spoken.moments()


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
    for text in [*(text for _, _, text in sayings(dialplan)), *dialplan.line.says().values()]:
        texts |= dict.fromkeys(parts(text, line=dialplan.line))
        used |= dict.fromkeys(values(text))
    texts |= dict.fromkeys(by_the_clock(dialplan, first, days))
    for day in (first + timedelta(days=i) for i in range(days)):
        texts |= dict.fromkeys(text for step in dialplan.steps.values() for text in step.names_day(day))
    for value in used:
        if value == "position":
            capacity = dialplan.line.capacity
            counts = range(1, min(capacity, MOST_AHEAD) + 2)
            texts |= dict.fromkeys(text for count in counts for text in ahead_parts(count, capacity))
        elif value == "wait":
            texts |= dict.fromkeys(spoken.waits())
        elif value == "ticket" or value in collected(dialplan):
            texts |= dict.fromkeys(digit_parts("0123456789"))
    return list(texts)


def by_the_clock(dialplan: Dialplan, first: date, days: int, closings: Sequence[Closing] = ()) -> list[str]:
    """What the values that change with the time become on those days, sudden `closings` and all."""
    used = {value for _, _, text in sayings(dialplan) for value in values(text)}
    texts: dict[str, None] = {}
    for value, say in BY_THE_CLOCK.items():
        for hours in dialplan.hours.values() if value in used else ():
            texts |= dict.fromkeys(greeting_moments(Calendar(hours, closings), first, days, say))
    return list(texts)


def collected(dialplan: Dialplan) -> set[str]:
    """The names of all digits that callers are asked for."""
    return {name for step in dialplan.steps.values() if (name := step.collects())}
