"""The rows of a figure as a person or a spreadsheet reads them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from ivr.callbacks import states
from ivr.reports.facts import Kind
from ivr.web import words
from ivr.web.reports import labels

WHEN: Final = {"call": "着信", "ask": "受付", "dial": "架電", "done": "対応済み", "message": "受付"}
HEADS: Final[dict[Kind, Sequence[str]]] = {
    "call": ("電話番号", "結果", "理由", "担当", "長さ"),
    "ask": ("お名前", "会社名", "電話番号", "優先度", "お約束", "着手", "状態", "担当"),
    "dial": ("電話番号", "担当", "結果", "手元の電話"),
    "done": ("お名前", "会社名", "受付", "担当", "架電の回数"),
    "message": ("電話番号", "理由", "長さ"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """`at`: by the clock of the line. `ticket` None: it has none."""

    at: datetime
    line: str
    ticket: str | None
    cells: Sequence[str]


def item(kind: Kind, row: Any, local: datetime, names: Mapping[str, str]) -> Item:
    """`names`: of the lines."""
    zone = local.tzinfo
    assert isinstance(zone, ZoneInfo)
    cells = _CELLS[kind](row, zone)
    return Item(local, names.get(row.line, row.line), getattr(row, "ticket", None), cells)


def head(kind: Kind) -> list[str]:
    return [WHEN[kind], "窓口", "受付番号", *HEADS[kind]]


def plain(one: Item) -> list[str]:
    """For a spreadsheet, in the columns of `head`."""
    return [f"{one.at:%Y-%m-%d %H:%M:%S}", one.line, one.ticket or "", *one.cells]


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _call(row: Any, zone: ZoneInfo) -> list[str]:
    number = words.phone(row.number, row.withheld)
    seconds = (row.ended_at - row.at).total_seconds()
    outcome = labels.OUTCOMES.get(row.outcome, row.outcome)
    return [number, outcome, words.CAUSES.get(row.cause, ""), row.agent or "", words.length(seconds)]


def _ask(row: Any, zone: ZoneInfo) -> list[str]:
    return [
        row.name or "",
        row.company or "",
        words.phone(row.number, row.withheld),
        words.PRIORITIES.get(row.priority, row.priority),
        _moment(row.due_at, zone),
        _moment(row.begun_at, zone),
        states.WORDS[row.state],
        row.agent or "",
    ]


def _dial(row: Any, zone: ZoneInfo) -> list[str]:
    result = labels.DIALS[row.outcome or "open"]
    return [words.phone(row.number or None, "deleted"), row.agent, result, "はい" if row.by_hand else ""]


def _done(row: Any, zone: ZoneInfo) -> list[str]:
    return [row.name or "", row.company or "", _moment(row.created_at, zone), row.agent or "", str(row.dials)]


def _message(row: Any, zone: ZoneInfo) -> list[str]:
    return [words.phone(row.number, row.withheld), words.CAUSES[row.cause], words.length(row.duration)]


_CELLS: Final[dict[Kind, Callable[[Any, ZoneInfo], list[str]]]] = {
    "call": _call,
    "ask": _ask,
    "dial": _dial,
    "done": _done,
    "message": _message,
}
