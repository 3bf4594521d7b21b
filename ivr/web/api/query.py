"""What a list may be asked for: limit, after, line, state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ivr.web.refusals import BadRequest

KNOWN = ("limit", "after", "line", "state")
MOST = 1000


@dataclass(frozen=True, slots=True)
class ListQuery:
    limit: int = 100
    after: str | None = None
    line: str | None = None
    state: str | None = None


def list_query(given: Mapping[str, str], states: Sequence[str]) -> ListQuery:
    """BadRequest that says what to write instead."""
    for name in given:
        if name not in KNOWN:
            raise BadRequest(f'unknown parameter "{name}"; known are {", ".join(KNOWN)}')
    for name in ("after", "line"):
        if name in given and not given[name]:
            raise BadRequest(f"{name} is empty; give a value or leave it out")
    state = given.get("state")
    if state is not None and state not in states:
        raise BadRequest(f"state={state}: unknown; write one of {', '.join(states)}")
    return ListQuery(_limit(given.get("limit", "100")), given.get("after"), given.get("line"), state)


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if not 1 <= number <= MOST:
        raise BadRequest(f"limit={text}: write a whole number from 1 to {MOST}")
    return number
