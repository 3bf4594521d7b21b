"""What the list of callbacks is narrowed down to: read from the address, and written into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, or_

from ivr.callbacks.states import CLOSED, STATES
from ivr.store.tables import CallbackRow

Show = Literal["todo", "mine", "handed", "due", "open", "waiting", "owed", "decide", "unread", "handled"]
WORDS: Final[dict[Show, str]] = {
    "todo": "対応が必要",
    "mine": "自分の担当",
    "handed": "自分への引き継ぎ",
    "due": "期限間近・超過",
    "open": "未対応",
    "waiting": "次回・返事待ち",
    "owed": "結果未記録",
    "decide": "連絡不能の判断待ち",
    "unread": "不要・未読",
    "handled": "対応が終わったもの",
}
FACETS: Final = {"line": "窓口", "branch": "メニュー", "state": "状態", "cause": "理由"}
NO_BRANCH: Final = "-"  # 振り分け待ち, in an address
SOON: Final = timedelta(minutes=30)  # so long before the due time it is near
ROOM: Final = 60  # rows at first, and more with each step
MOST: Final = 480
LONGEST: Final = 100  # letters that are looked for
LEFT: Final = tuple(state for state in STATES if state not in CLOSED)


@dataclass(frozen=True, slots=True)
class Filter:
    """`q` looks through all callbacks, whatever `show` says."""

    show: Show = "todo"
    line: str = ""
    branch: str = ""
    state: str = ""
    cause: str = ""
    q: str = ""
    rows: int = ROOM

    def address(self, path: str = "/callbacks", **changes: Any) -> str:
        """With `changes`; what is as usual is left out."""
        wanted, usual = replace(self, **changes), Filter()
        given = {
            name: value
            for name in ("show", *FACETS, "q", "rows")
            if (value := getattr(wanted, name)) != getattr(usual, name)
        }
        return f"{path}?{urlencode(given)}" if given else path

    @property
    def narrowed(self) -> bool:
        return replace(self, rows=ROOM) != Filter()

    @property
    def personal(self) -> bool:
        return self.show in ("mine", "handed") and not self.q

    @property
    def over(self) -> bool:
        """Only what is handled is asked for."""
        return self.state in CLOSED or (self.show == "handled" and not self.q)

    @property
    def both(self) -> bool:
        return not self.state and (self.show == "todo" or bool(self.q))


def read(query: Mapping[str, str]) -> Filter:
    """What makes no sense is as if it was not said."""
    show: Show = next((one for one in WORDS if one == query.get("show")), "todo")
    rows = query.get("rows", "")
    room = min(MOST, max(ROOM, int(rows))) if rows.isascii() and rows.isdigit() and len(rows) < 5 else ROOM
    facets = {name: query.get(name, "")[:64] for name in FACETS}
    return Filter(show=show, q=query.get("q", "").strip()[:LONGEST], rows=room, **facets)


def facets(of: Filter) -> list[ColumnElement[bool]]:
    """Those of line, branch, cause and state."""
    found = []
    for name in FACETS:
        wanted, column = getattr(of, name), getattr(CallbackRow, name)
        if name == "branch" and wanted == NO_BRANCH:
            found.append(column.is_(None))
        elif wanted:
            found.append(column == wanted)
    return found


def shown(show: Show, name: str, now: datetime) -> Sequence[ColumnElement[bool]]:
    """Of what is left to do. `name`: who looks."""
    row = CallbackRow
    match show:
        case "mine":
            return [row.agent == name]
        case "handed":
            return [row.offered_to == name]
        case "due":
            return [row.begun_at.is_(None), row.due_at <= now + SOON]
        case "open":
            return [
                row.state == "open",
                row.exhausted_at.is_(None),
                or_(row.next_at.is_(None), row.next_at <= now),
            ]
        case "waiting":
            return [or_(row.state == "waiting", row.next_at > now)]
        case "owed":
            return [row.unrecorded.is_not(None), row.state != "dialing"]
        case "decide":
            return [row.exhausted_at.is_not(None)]
        case "unread":
            return [row.state == "open", row.reply_wanted.is_(False)]
    return []
