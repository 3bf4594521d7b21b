"""What callers hear of the hours: why the line is closed, when it opens next, how long it is open today."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from ivr.hours.calendar import Calendar
from ivr.hours.rules import Reason
from ivr.prompts import spoken

_DAY = 24 * 60  # minutes
_NO_REASON = ("定休日", "休業日")  # how a company day is called, and not why
# Unless a sudden closing that is still to come takes the whole rest of the day.
_OPENS_TODAY = ("before_opening", "lunch")

# In place of the greeting of a closing that began this moment, while nobody has spoken it.
SUDDENLY_CLOSED = "本日は、臨時休業とさせていただいております。"


def closed_greeting(calendar: Calendar, at: datetime) -> str:
    """Whole sentences; empty if the line is open at that moment (it may have opened since the step asked).

    The next opening is said where today's sentence does not hold it, and left out if there is none.
    """
    state = calendar.state(at)
    if state.open:
        return ""
    opening = state.until and state.until.astimezone(calendar.zone)
    today = at.astimezone(calendar.zone).date()
    reason = state.reason
    later_today = opening is not None and opening.date() == today
    if reason.kind in _OPENS_TODAY and not later_today:
        reason = next((closing.why for closing in calendar.closings if closing.begin > at), reason)
    why = _why(reason, spoken.time(opening.time()) if opening else "")
    if opening is None or reason.kind in _OPENS_TODAY:
        return why
    if reason.kind == "sudden" and later_today:
        return f"{why}{spoken.time(opening.time())}から再開いたします。"
    return f"{why}次の営業は、{_moment(opening)}からでございます。"


def closed_reason(calendar: Calendar, at: datetime) -> str:
    """`年末年始休業`: the name of the closed day; empty while open, and on closed days without a name."""
    return calendar.state(at).reason.name or ""


def next_opening(calendar: Calendar, at: datetime) -> str:
    """`11月24日、火曜日の、午前10時`; empty while open, and if the line never opens."""
    state = calendar.state(at)
    return "" if state.open or state.until is None else _moment(state.until.astimezone(calendar.zone))


def opening_hours(calendar: Calendar, at: datetime) -> str:
    """One sentence with today's hours while they last; then, and on closed days, the closed greeting."""
    local = at.astimezone(calendar.zone)
    minute = local.hour * 60 + local.minute
    intervals = calendar.day(local.date()).intervals
    state = calendar.state(at)
    if state.reason.kind == "sudden":
        return closed_greeting(calendar, at)
    if state.open and state.until and not any(start <= minute < end for start, end in intervals):
        # The night that began yesterday.
        return (
            f"ただいまの受付は、{spoken.time(state.until.astimezone(calendar.zone).time())}まででございます。"
        )
    if intervals == ((0, _DAY),):
        return "本日は、24時間、お電話を受け付けております。"
    if intervals and minute < intervals[-1][1]:
        spans = "、".join(f"{_clock(start)}から、{_clock(end)}まで" for start, end in intervals)
        return f"本日の受付時間は、{spans}でございます。"
    return closed_greeting(calendar, at)


def greeting_moments(
    calendar: Calendar,
    first: date,
    days: int,
    say: Callable[[Calendar, datetime], str] = closed_greeting,
) -> list[str]:
    """Every text of `say` that callers can need on `days` local days from `first`, each once.

    What is said changes only at an opening, at a closing, usual or sudden, and at midnight.
    """
    last = first + timedelta(days=days - 1)
    midnights = [datetime.combine(first + timedelta(days=i), time(), calendar.zone) for i in range(days)]
    openings = [
        midnight + timedelta(minutes=start)
        for midnight in midnights
        for start, _ in calendar.day(midnight.date()).intervals
    ]
    closings = [close for _, close in calendar.open_intervals(first, last)]
    until = midnights[-1] + timedelta(days=1)
    sudden = [
        moment
        for closing in calendar.closings
        for moment in (closing.begin, closing.end)
        if moment and midnights[0] <= moment < until
    ]
    moments = sorted(moment.astimezone(UTC) for moment in midnights + openings + closings + sudden)
    texts = dict.fromkeys(say(calendar, moment) for moment in moments)
    texts.pop("", None)
    return list(texts)


def _moment(local: datetime) -> str:
    return f"{spoken.date(local)}、{spoken.weekday(local)}の、{spoken.time(local.time())}"


def _clock(minute: int) -> str:
    """`minute` of a business day, which may end on the next day."""
    hour = spoken.time(time(minute // 60 % 24, minute % 60))
    return f"翌日の{hour}" if minute >= _DAY else hour


def _why(reason: Reason, opening: str) -> str:
    """`opening` is the next opening's time, which before opening and at lunch is today's."""
    because = f"{reason.name}のため、" if reason.name else ""
    match reason.kind:
        case "before_opening":
            return f"本日の受付は、{opening}からでございます。"
        case "lunch":
            return f"ただいまの時間は、お電話の受付を休止しております。{opening}から再開いたします。"
        case "company_day" if reason.name and reason.name.endswith(_NO_REASON):
            return f"本日は、{reason.name}でございます。"
        case "holiday" | "company_day":
            return f"本日は、{because}休業日でございます。"
        case "exception" | "sudden":
            return f"本日は、{because}臨時休業とさせていただいております。"
        case "weekend":
            return "本日は休業日でございます。"
        case _:
            return "本日の受付は終了いたしました。"


def in_its_place(text: str) -> str | None:
    """What may be said instead of a closed greeting that nobody has spoken yet; None for any other text."""
    return SUDDENLY_CLOSED if "臨時休業とさせていただいております。" in text else None
