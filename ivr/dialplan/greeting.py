"""What callers hear first when the line is closed: why, and when it opens next."""

from datetime import UTC, date, datetime, time, timedelta

from ivr.hours.calendar import Calendar
from ivr.hours.rules import Reason
from ivr.prompts import spoken


def closed_greeting(calendar: Calendar, at: datetime) -> str:
    """Whole sentences; empty if the line is open at that moment (it may have opened since the step asked).

    The next opening is said where today's sentence does not hold it, and left out if there is none.
    """
    state = calendar.state(at)
    if state.open:
        return ""
    opening = state.until and state.until.astimezone(calendar.zone)
    why = _why(state.reason, spoken.time(opening.time()) if opening else "")
    if opening is None or state.reason.kind in ("before_opening", "lunch"):
        return why
    day, weekday, hour = spoken.date(opening), spoken.weekday(opening), spoken.time(opening.time())
    return f"{why}次の営業は、{day}、{weekday}の、{hour}からでございます。"


def greeting_moments(calendar: Calendar, first: date, days: int) -> list[str]:
    """Every closed greeting that callers can need on `days` local days from `first`, each once.

    What is said changes only at a closing and at midnight.
    """
    last = first + timedelta(days=days - 1)
    midnights = [datetime.combine(first + timedelta(days=i), time(), calendar.zone) for i in range(days)]
    closings = [close for _, close in calendar.open_intervals(first, last)]
    moments = sorted(moment.astimezone(UTC) for moment in midnights + closings)
    texts = dict.fromkeys(closed_greeting(calendar, moment) for moment in moments)
    texts.pop("", None)
    return list(texts)


def _why(reason: Reason, opening: str) -> str:
    """`opening` is the next opening's time, which before opening and at lunch is today's."""
    because = f"{reason.name}のため、" if reason.name else ""
    match reason.kind:
        case "before_opening":
            return f"本日の受付は、{opening}からでございます。"
        case "lunch":
            return f"ただいまの時間は、お電話の受付を休止しております。{opening}から再開いたします。"
        case "holiday" | "company_day":
            return f"本日は、{because}休業日でございます。"
        case "exception":
            return f"本日は、{because}臨時休業とさせていただいております。"
        case "weekend":
            return "本日は休業日でございます。"
        case _:
            return "本日の受付は終了いたしました。"
