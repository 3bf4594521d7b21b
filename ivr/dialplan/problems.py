"""What is wrong with a dialplan, said so that whoever wrote it can mend it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from ivr.errors import DialplanError

MOST_NAMES = 20

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` and `column` count from 1; `where` is for example `menu "menu"`, empty for the file as a whole."""

    file: str
    line: int
    column: int
    where: str
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """One line, whatever stood in the file."""
        words = [f"{self.file}:{self.line}:{self.column}"]
        if self.severity == "warning":
            words.append("warning")
        if self.where:
            words.append(self.where)
        return ": ".join([*words, self.message]).replace("\n", "\\n")


class BadDialplan(DialplanError):
    """A dialplan did not pass its check; `problems` says where and why, warnings among them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(
            sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
        )
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """ "; did you mean "menu"?" or, when nothing is near, what there is to choose from."""
    names = list(dict.fromkeys(known))
    near = get_close_matches(wrong, names, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    if not names:
        return ""
    more = ", …" if len(names) > MOST_NAMES else ""
    return f"; there is {', '.join(names[:MOST_NAMES])}{more}"
