"""The figures of a period as tables, for the page and for spreadsheets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ivr.reports.period import Period
from ivr.reports.tally import Tally, quantile, share
from ivr.web import words
from ivr.web.reports import labels


@dataclass(frozen=True, slots=True)
class Cell:
    """`name` and `scope` lead to its rows; no name: it is reckoned from others."""

    text: str
    name: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    key: str
    title: str
    about: str
    head: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


LOAD = {
    "call": "通話",
    "call.answered": "応答",
    "call.lost": "取れなかった",
    "message": "留守番電話",
    "ask": "折り返し依頼",
    "dial": "架電",
    "done": "対応済み",
}
WORK = {"call.answered": "応答した通話", "dial": "架電", "dial.reached": "本人と通話", "done": "対応済み"}


def tables(tally: Tally, of: Period) -> list[Table]:
    return [
        _promise(tally),
        _times(tally),
        _calls(tally),
        _lost(tally),
        _dials(tally),
        _tries(tally),
        _agents(tally),
        _days(tally, of),
        _hours(tally),
    ]


def _counted(tally: Tally, name: str, scope: str = "") -> Cell:
    return Cell(str(tally.n(name, scope)), name, scope)


def _rate(tally: Tally, part: str, whole: str, scope: str = "") -> Cell:
    return Cell(labels.percent(share(tally.n(part, scope), tally.n(whole, scope))))


def _by_priority(tally: Tally) -> list[tuple[str, str]]:
    """Priorities that occur, each with its scope, and all of them together."""
    there = [p for p in labels.PRIORITIES if tally.n("ask", f"priority:{p}")]
    return [*((words.PRIORITIES[p], f"priority:{p}") for p in there), ("合計", "")]


def _promise(tally: Tally) -> Table:
    rows = []
    for title, scope in _by_priority(tally):
        kept, broken = tally.n("ask.kept", scope), tally.n("ask.broken", scope)
        cells = [_counted(tally, f"ask.{name}", scope) for name in ("promised", *labels.PROMISES)]
        rows.append((title, [*cells, Cell(labels.percent(share(kept, kept + broken)))]))
    head = ["優先度", "お約束", *labels.PROMISES.values(), "守った割合"]
    about = "お客様にお伝えした時刻までに対応を始めたか。まとめる、直す、取り消す、のいずれでも変わりません。"
    return Table("promise", "お約束", about, head, rows)


def _times(tally: Tally) -> Table:
    rows = []
    for title, scope in _by_priority(tally):
        cells = []
        for what, name in (("response", "ask.responded"), ("resolution", "ask.resolved")):
            rising = tally.seconds.get((what, scope.removeprefix("priority:")), ())
            parts = [quantile(rising, part) for part in (50, 90, 100)]
            cells += [_counted(tally, name, scope), *(Cell(labels.seconds_said(part)) for part in parts)]
        aims = [_counted(tally, name, scope) for name in ("ask.within", "ask.beyond")]
        rows.append((title, [*cells, *aims]))
    said = ("中央値", "90%", "最長")
    head = [
        "優先度",
        "応答",
        *(f"応答 {p}" for p in said),
        "解決",
        *(f"解決 {p}" for p in said),
        "目標内",
        "目標超過",
    ]
    return Table(
        "times",
        "応答と解決までの時間",
        "お問い合わせから、対応の開始まで（応答）、対応済みまで（解決）。",
        head,
        rows,
    )


def _shares(
    tally: Tally,
    key: str,
    title: str,
    about: str,
    of: str,
    given: Mapping[str, str],
    head: str,
    total: str = "合計",
) -> Table:
    """How many of `of` are each of `given`, name -> words; what does not occur is left out."""
    rows = [
        (word, [_counted(tally, name), _rate(tally, name, of)])
        for name, word in given.items()
        if tally.n(name)
    ]
    rows.append((total, [_counted(tally, of), Cell("")]))
    return Table(key, title, about, [head, "件数", "割合"], rows)


def _calls(tally: Tally) -> Table:
    given = {f"call.{code}": word for code, word in labels.OUTCOMES.items()}
    found = _shares(tally, "calls", "通話の結果", "終わった通話。", "call", given, "結果")
    rates = [
        ("応答率", [_counted(tally, "call.answered"), _rate(tally, "call.answered", "call.offered")]),
        ("放棄率", [_counted(tally, "call.gone"), _rate(tally, "call.gone", "call.offered")]),
        ("オペレーターを求めた通話", [_counted(tally, "call.offered"), Cell("")]),
    ]
    return Table("calls", found.title, found.about, found.head, [*found.rows, *rates])


def _lost(tally: Tally) -> Table:
    given = {f"call.lost.{code}": word for code, word in labels.LOSSES.items()}
    about = "応答も、留守番電話も、折り返しの依頼もないまま終わった通話。"
    return _shares(tally, "lost", "取れなかった通話", about, "call.lost", given, "理由")


def _dials(tally: Tally) -> Table:
    given = {f"dial.{code}": word for code, word in labels.DIALS.items()}
    found = _shares(tally, "dials", "架電の結果", "お客様への架電。", "dial", given, "結果")
    by_hand = ("うち手元の電話", [_counted(tally, "dial.hand"), _rate(tally, "dial.hand", "dial")])
    return Table("dials", found.title, found.about, found.head, [*found.rows, by_hand])


def _tries(tally: Tally) -> Table:
    given = {f"done.{code}": word for code, word in labels.TRIES.items()}
    return _shares(
        tally,
        "tries",
        "対応済みまでの架電",
        "期間中に対応済みになった折り返し。",
        "done",
        given,
        "架電の回数",
    )


def _rows(
    tally: Tally, names: Mapping[str, str], scopes: Sequence[tuple[str, str]]
) -> list[tuple[str, list[Cell]]]:
    return [(title, [_counted(tally, name, scope) for name in names]) for title, scope in scopes]


def _agents(tally: Tally) -> Table:
    scopes = [(scope.removeprefix("agent:") or "（担当なし）", scope) for scope in tally.scopes("agent")]
    return Table(
        "agents",
        "オペレーター",
        "通話に応答した方、架電した方、対応済みにした方ごと。",
        ["オペレーター", *WORK.values()],
        _rows(tally, WORK, scopes),
    )


def _days(tally: Tally, of: Period) -> Table:
    days = [of.first + timedelta(days=number) for number in range(of.days)]
    scopes = [(_day(day), f"day:{day}") for day in days]
    return Table("days", "日ごと", "窓口の時計での日付。", ["日", *LOAD.values()], _rows(tally, LOAD, scopes))


def _day(day: date) -> str:
    return f"{day.month}/{day.day}({labels.WEEKDAYS[day.weekday()]})"


def _hours(tally: Tally) -> Table:
    there = [hour for hour in range(24) if any(tally.n(name, f"hour:{hour}") for name in LOAD)]
    hours = range(there[0], there[-1] + 1) if there else range(0)
    scopes = [(f"{hour}時台", f"hour:{hour}") for hour in hours]
    return Table(
        "hours", "時間帯ごと", "期間中の合計。", ["時間帯", *LOAD.values()], _rows(tally, LOAD, scopes)
    )
