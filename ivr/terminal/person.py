"""Who calls in the terminal: asked for keys and words whenever the telephone waits for them."""

from collections.abc import Sequence
from typing import Protocol

from ivr.keys import KeyTable, match_digits


class Person(Protocol):
    """None, to any question, hangs up."""

    def keys(self, table: KeyTable, *, waiting: bool) -> str | None:
        """What to press now; "" presses nothing. `waiting`: in a queue, where a text was just said."""

    def digits(self, longest: int, end_key: str) -> str | None:
        """Up to `longest` digits, the end key with them if it is to be pressed; "" presses nothing."""

    def words(self) -> str | None:
        """What to say after the beep, ended by #; "" says nothing."""


class Scripted:
    """`keys`: for one menu after the other, each takes what it needs; "," ends what is for one of them,
    so ",#1" presses nothing in the first. `words`: one text after each beep."""

    def __init__(self, keys: str, words: Sequence[str]) -> None:
        self._menus = ["".join(part.split()) for part in keys.split(",")] if keys else []
        self._words = list(words)

    def keys(self, table: KeyTable, *, waiting: bool) -> str | None:
        if not self._menus:
            return ""
        pressed = _needed(table, self._menus[0])
        if waiting and table.match(pressed, waited=True).state != "complete":
            return ""  # they are for a menu that may still come
        return self._press(len(pressed))

    def digits(self, longest: int, end_key: str) -> str | None:
        if not self._menus:
            return ""
        entry = match_digits(self._menus[0], longest, end_key)
        return self._press(1 if entry.state == "invalid" else entry.length)

    def _press(self, count: int) -> str:
        pressed, rest = self._menus[0][:count], self._menus[0][count:]
        self._menus[:1] = [rest] if rest else []
        return pressed

    def words(self) -> str | None:
        return self._words.pop(0) if self._words else ""

    @property
    def left(self) -> str:
        """Keys that nobody asked for."""
        return ",".join(self._menus)


def _needed(table: KeyTable, keys: str) -> str:
    """As many of `keys` as it takes until the table has a meaning for them, or none."""
    for length in range(1, len(keys)):
        if table.match(keys[:length]).state != "incomplete":
            return keys[:length]
    return keys


class Typing:
    """Somebody at the keyboard. Enter alone lets time pass; Ctrl-D hangs up."""

    def keys(self, table: KeyTable, *, waiting: bool) -> str | None:
        return _ask("keys (Enter waits on)> " if waiting else "keys (Enter: none, Ctrl-D hangs up)> ")

    def digits(self, longest: int, end_key: str) -> str | None:
        return _ask(f"digits (up to {longest}, {end_key} ends them)> ")

    def words(self) -> str | None:
        return _ask("after the beep you say> ")


def _ask(question: str) -> str | None:
    try:
        return input(question).strip()
    except EOFError:
        print()
        return None
