"""`ivr explain`: is a line open at a moment, why, by which rule, until when, and what its callers hear."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from ivr.dialplan.across import walked
from ivr.dialplan.model import Dialplan
from ivr.dialplan.pick import zone_of
from ivr.dialplan.shared import read_whole
from ivr.dialplan.source import YamlPath
from ivr.hours.calendar import Calendar
from ivr.hours.rules import Reason
from ivr.hours.text import DAY
from ivr.keys import KeyTable
from ivr.terminal.call import Agent
from ivr.terminal.session import groups, simulate

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Explanation:
    """`hours` None: the line has none and is always open. `until` and `next_open` None: never.

    `rule`: the place in the file and what stands there. `hears`: up to the first question or wait.
    """

    hours: str | None
    open: bool
    reason: str
    rule: str | None
    until: datetime | None
    next_open: datetime | None
    hears: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "open": self.open,
            "reason": self.reason,
            "until": self.until.isoformat() if self.until else None,
            "next_open": self.next_open.isoformat() if self.next_open else None,
        }

    def as_text(self) -> str:
        lines = [
            f"{'open' if self.open else 'closed'}  ({self.reason})",
            f"hours      {self.hours or 'none: always open'}",
            f"rule       {self.rule or '-'}",
            f"until      {_moment(self.until)}",
            f"next open  {_moment(self.next_open)}",
            "callers hear",
        ]
        return "\n".join([*lines, *(f"  「{text}」" for text in self.hears)])


def reason_text(reason: Reason) -> str:
    """ "weekend", "holiday: 勤労感謝の日"."""
    return f"{reason.kind}: {reason.name}" if reason.name else reason.kind


def explain(file: str, dialplan: Dialplan, at: datetime) -> Explanation:
    """`at` is aware; `file` heads the rule."""
    zone = zone_of(dialplan)
    agents = [Agent(group, group, answers=None) for group in groups(dialplan)]
    session = simulate(dialplan, _Leaving(), at, agents, zone=zone)
    hears = tuple(text.removesuffix("…") for text in session.heard)
    # The hours that the call asked last, maybe in a line that it went to.
    asked = [
        (each, hours)
        for each, step in walked(dialplan, session.state.path)
        if each.steps[step].type == "hours"
        for hours in each.steps[step].hours_used().values()
    ]
    own = [(dialplan, hours) for hours in list(dialplan.hours)[:1]]
    if not (asked or own):
        return Explanation(None, True, "open", None, None, None, hears)
    there, name = (asked or own)[-1]
    model = there.hours[name]
    calendar = Calendar(model)
    state = calendar.state(at)
    return Explanation(
        hours=name,
        open=state.open,
        reason=reason_text(state.reason),
        rule=_place(
            file if there is dialplan else there.files[0],
            there,
            name,
            calendar.day(business_day(calendar, at)).rule,
        ),
        until=_local(state.until, calendar.zone),
        next_open=_local(calendar.next_open(at), calendar.zone),
        hears=hears,
    )


def business_day(calendar: Calendar, at: datetime) -> date:
    """The local day whose rule holds at that moment: the day before, while its night lasts."""
    local = at.astimezone(calendar.zone)
    today, minute = local.date(), local.hour * 60 + local.minute
    tonight = any(start <= minute < end for start, end in calendar.day(today).intervals)
    last_night = any(start <= minute + DAY < end for start, end in calendar.day(today - ONE_DAY).intervals)
    return today - ONE_DAY if last_night and not tonight else today


def _place(file: str, dialplan: Dialplan, hours: str, path: YamlPath) -> str:
    source = read_whole(file, dialplan.source)
    line, column = source.key_at[("hours", hours, *path)]
    node: Any = source.tree
    for name in ("hours", hours, *path):
        node = node[name]
    value = f": {node}" if isinstance(node, str) else " does not name the weekday"
    written = source.shared.get(("hours", hours), file)
    return f"{written}:{line}:{column}: {' '.join(map(str, path))}{value}"


class _Leaving:
    """Hangs up at the first question."""

    def keys(self, table: KeyTable, *, waiting: bool) -> str | None:
        return None

    def digits(self, longest: int, end_key: str) -> str | None:
        return None

    def words(self) -> str | None:
        return None


def _local(moment: datetime | None, zone: tzinfo) -> datetime | None:
    return moment.astimezone(zone) if moment else None


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d (%a) %H:%M}" if moment else "never"
