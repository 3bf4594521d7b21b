"""Telephone keys: one buffer for the whole call, and how a menu or an entry of digits reads it.

A key pressed during a prompt stops it and counts; type-ahead runs through
consecutive menus. `received == used + emptied + len(keys)` holds at any time.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

# Waits at most so many seconds for what is asked; says if it came. CallerHungUp flies through.
Until = Callable[[Callable[[], bool], float], Awaitable[bool]]

KEYS = "0123456789*#"
AFTER_A_KEY = 2.0  # seconds that a lone "#" waits for what follows
AFTER_THE_LAST = 1.0  # seconds in which an end key may follow an entry that is full anyhow


class KeyBuffer:
    def __init__(self) -> None:
        self.received = 0
        self.used = 0
        self.emptied = 0
        self._keys = ""
        self.on_key: Callable[[], None] = lambda: None  # set by the call: wakes whoever waits

    def __str__(self) -> str:
        return self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def push(self, key: str) -> None:
        """One key that the caller pressed; anything that is no telephone key is ignored."""
        if key in KEYS and len(key) == 1:
            self.received += 1
            self._keys += key
            self.on_key()

    def more_than(self, count: int) -> Callable[[], bool]:
        return lambda: len(self._keys) > count

    def use(self, count: int) -> str:
        """Takes the first `count` keys out: they had their effect."""
        taken, self._keys = self._keys[:count], self._keys[count:]
        self.used += len(taken)
        return taken

    def empty(self) -> int:
        """Throws away what is buffered (DESIGN.md, Keys) and says how many keys that were."""
        count = len(self._keys)
        self.emptied += count
        self._keys = ""
        return count


class Match(NamedTuple):
    """What the buffered keys mean to a menu."""

    state: Literal["empty", "incomplete", "complete", "invalid"]
    key: str | None = None  # the menu's own spelling, e.g. "#1" even if "1" was pressed
    length: int = 0  # how many buffered keys it took


class KeyTable:
    """The keys that a menu or queue listens to.

    A key such as "#1" is also matched by "1" alone unless the menu gives "1"
    (or something that begins with "1") a meaning of its own.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        given = list(keys)
        wanted = {key: key for key in given}
        for key in given:
            bare = key[1:]
            if key[0] == "#" and bare and not any(other.startswith(bare[0]) for other in given):
                wanted[bare] = key
        self._wanted = wanted
        self._prefixes = {key[:n] for key in wanted for n in range(1, len(key))}

    def match(self, pressed: str, *, waited: bool = False) -> Match:
        """`waited`: nothing more came within AFTER_A_KEY, so what is there must do."""
        if not pressed:
            return Match("empty")
        best = 0
        for length in range(1, len(pressed) + 1):
            head = pressed[:length]
            if head in self._wanted:
                best = length
            if head not in self._prefixes:
                break
        else:
            if not waited:
                return Match("incomplete")
        if best:
            return Match("complete", self._wanted[pressed[:best]], best)
        return Match("invalid", length=len(pressed))


class Entry(NamedTuple):
    """What the buffered keys mean to an entry of digits; `full`: an end key may still follow."""

    state: Literal["empty", "incomplete", "full", "complete", "invalid"]
    digits: str = ""
    length: int = 0  # how many buffered keys it took


def match_digits(pressed: str, longest: int, end_key: str) -> Entry:
    """Digits up to `end_key` or up to `longest` of them, whichever comes first; any other key is wrong."""
    for count, key in enumerate(pressed):
        if key == end_key:
            return Entry("complete", pressed[:count], count + 1)
        if count == longest:  # it is meant for what follows
            return Entry("complete", pressed[:count], count)
        if not key.isdecimal():
            return Entry("invalid", length=len(pressed))
    if not pressed:
        return Entry("empty")
    return Entry("full" if len(pressed) == longest else "incomplete", pressed, len(pressed))


@dataclass(frozen=True, slots=True)
class KeysRead:
    """`key` is the table's spelling, set only when matched."""

    ended_by: Literal["matched", "invalid", "timeout"]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class DigitsRead:
    """`digits` (not shown in logs) only when complete; "timeout": not one key came."""

    ended_by: Literal["complete", "invalid", "timeout"]
    digits: str = field(default="", repr=False)


async def read_keys(keys: KeyBuffer, table: KeyTable, until: Until, *, first: float) -> KeysRead:
    """Each key restarts the wait for the next: a lone "#" waits AFTER_A_KEY for what follows."""
    waited = False
    while True:
        match = table.match(str(keys), waited=waited)
        if match.state == "complete":
            keys.use(match.length)
            return KeysRead("matched", match.key)
        if match.state == "invalid":
            keys.empty()
            return KeysRead("invalid")
        had = len(keys)
        pressed = await until(keys.more_than(had), AFTER_A_KEY if had else first)
        if not pressed and not had:
            return KeysRead("timeout")
        waited = not pressed


async def read_digits(
    keys: KeyBuffer, longest: int, until: Until, *, end_key: str, first: float, between: float
) -> DigitsRead:
    while True:
        entry = match_digits(str(keys), longest, end_key)
        had = len(keys)
        pause = {"empty": first, "incomplete": between, "full": AFTER_THE_LAST}.get(entry.state)
        if pause is not None and await until(keys.more_than(had), pause):
            continue
        if entry.state == "invalid":
            keys.empty()
            return DigitsRead("invalid")
        keys.use(entry.length)
        return DigitsRead("complete" if had else "timeout", entry.digits)


def spoken_keys(said: str, answers: Mapping[str, str]) -> str:
    """The keys of what was said, if it is made of `answers` (phrase -> its keys) and of nothing else; else "".

    Spellings of one phrase are parted by "|". Of several ways to take it apart the one with the longest last phrase counts. Spaces do not.
    """
    text = "".join(said.split())
    spellings = [(one, keys) for phrase, keys in answers.items() for one in phrase.split("|")]
    phrases = sorted((("".join(one.split()), keys) for one, keys in spellings), key=_length)
    found = {0: ""}  # place in the text up to which it is answers -> their keys
    for end in range(1, len(text) + 1):
        for phrase, keys in phrases:
            begin = end - len(phrase)
            if phrase and text.endswith(phrase, 0, end) and begin in found:
                found[end] = found[begin] + keys
    return found.get(len(text), "")


def _length(answer: tuple[str, str]) -> int:
    return len(answer[0])
