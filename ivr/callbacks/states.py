"""The one table of a callback's states: the words people see, and which change is allowed."""

from typing import Literal, get_args

from ivr.errors import Conflict

State = Literal[
    "open", "claimed", "dialing", "talking", "working", "waiting", "done", "cancelled", "unreachable"
]

STATES: tuple[State, ...] = get_args(State)

WORDS: dict[State, str] = {
    "open": "未対応",
    "claimed": "担当中",
    "dialing": "発信中",
    "talking": "通話中",
    "working": "確認中",
    "waiting": "お客様待ち",
    "done": "対応済み",
    "cancelled": "取消",
    "unreachable": "連絡不能",
}

# Somebody rings the customer or talks, or has not said yet how that went.
ON_THE_LINE: frozenset[State] = frozenset({"dialing", "talking"})

# Nothing is left to do in these.
CLOSED: frozenset[State] = frozenset({"done", "cancelled", "unreachable"})

TRANSITIONS: dict[State, frozenset[State]] = {
    "open": frozenset({"claimed", "done", "cancelled", "unreachable"}),
    # to itself: another agent takes it over after the lease
    "claimed": frozenset({"claimed", "open", "dialing", "done", "cancelled", "unreachable"}),
    "dialing": frozenset({"talking", "open"}),
    "talking": frozenset({"done", "working", "waiting", "open"}),
    "working": frozenset({"dialing", "waiting", "done", "open", "cancelled", "unreachable"}),
    "waiting": frozenset({"dialing", "working", "done", "open", "cancelled", "unreachable"}),
    "done": frozenset({"open"}),
    "cancelled": frozenset(),
    "unreachable": frozenset(),
}


def owes_result(state: str, unrecorded: str | None) -> bool:
    """結果未記録: `unrecorded` has rung the customer, and has not said how it went."""
    return unrecorded is not None and state != "dialing" and state not in CLOSED


def require(before: str, after: State) -> None:
    """Conflict, with the words of the pages, if a callback cannot go from `before` to `after`."""
    for state in STATES:
        if state == before:
            if after not in TRANSITIONS[state]:
                said = f"この折り返しは「{WORDS[state]}」のため、「{WORDS[after]}」にできません。"
                raise Conflict(said, id="state")
            return
    raise Conflict(f'a callback has no state "{before}"')
