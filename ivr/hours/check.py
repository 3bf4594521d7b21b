"""What `ivr check` proves about a calendar beyond the form of its texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from ivr.errors import CalendarError
from ivr.hours import official
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.hours.official import LAST_YEAR, SOURCE
from ivr.hours.text import is_of_month, is_yearly, read_date, read_dated, read_yearly

Doubt = tuple[tuple[str, ...], str]  # where under the hours it stands, and a sentence

AHEAD = timedelta(days=400)
FAR_OFF, LONG = timedelta(days=3 * 366), timedelta(days=60)
MOST_NAMED = 5
HOW = "take syukujitsu.csv and do: ivr holidays --update syukujitsu.csv"


@dataclass(frozen=True, slots=True)
class HolidayAlarm:
    """`text`: Japanese, with what to do; None if all is well."""

    key: str
    text: str | None


def checks(model: HoursModel, today: date) -> list[str]:
    """The problems, as sentences for the admin; none if callers can reach somebody some day."""
    if today.year + 1 > LAST_YEAR:
        return [f"public holidays are known only until {LAST_YEAR}, and next year is {today.year + 1}"]
    try:
        opens = Calendar(model).open_intervals(today, today + AHEAD)
    except CalendarError as error:
        return [str(error)]
    if opens:
        return []
    return [
        f"the line is never open in the {AHEAD.days} days from {today.isoformat()}; "
        "correct weekly, closed or exceptions"
    ]


def doubts(model: HoursModel, today: date) -> list[Doubt]:
    """What the admin should look at all the same."""
    found = [*_over(model, today), *_slips(model, today)]
    if model.holidays is None:
        return found
    missing, different = official.missing_year(today), official.differences(today.year)
    if missing:
        message = (
            f"the official list of public holidays lacks {missing}, whose days are computed; from {SOURCE} "
        )
        found.append((("holidays",), message + HOW))
    if different:
        days = ", ".join(difference.day.isoformat() for difference in different[:MOST_NAMED])
        more = ", …" if len(different) > MOST_NAMED else ""
        message = (
            f"the official list of public holidays and the computed days differ on {days}{more}; the list "
        )
        found.append((("holidays",), f"{message}counts; if it is old: from {SOURCE} {HOW}"))
    return found


def _over(model: HoursModel, today: date) -> list[Doubt]:
    over = [("exceptions", key) for key in model.exceptions if read_date(key) < today]
    over += [("closed", key) for key, (_, last) in _dated(model).items() if last < today]
    if not over:
        return []
    others = f", like {len(over) - 1} more" if len(over) > 1 else ""
    message = f'"{over[0][1]}" is past and matches no day any more{others}; correct the year or take it out'
    return [(over[0], message)]


def _slips(model: HoursModel, today: date) -> Iterator[Doubt]:
    """What is rather a slip of the hand: a year far off, a yearly range the wrong way round."""
    far = today + FAR_OFF
    for key in model.exceptions:
        if read_date(key) > far:
            yield ("exceptions", key), f'"{key}" is years ahead; is that the year that is meant?'
    for key, (first, last) in _dated(model).items():
        if first > far:
            yield ("closed", key), f'"{key}" is years ahead; is that the year that is meant?'
        elif last - first > LONG:
            yield (
                ("closed", key),
                f'"{key}" closes {(last - first).days + 1} days; is that the range that is meant?',
            )
    for key in filter(is_yearly, model.closed):
        (month, day), (last_month, last_day) = read_yearly(key)
        # Around a 29 February, which may be named.
        first, last = date(2000, month, day), date(2000, last_month, last_day)
        days = (last - first).days % 366 + 1
        if days > LONG.days:
            turned = f"{last_month}/{last_day}-{month}/{day}"
            yield ("closed", key), f'"{key}" closes {days} days of each year; did you mean "{turned}"?'


def _dated(model: HoursModel) -> dict[str, tuple[date, date]]:
    keys = (key for key in model.closed if not is_yearly(key) and not is_of_month(key))
    return {key: read_dated(key) for key in keys}


def holiday_alarms(today: date) -> list[HolidayAlarm]:
    """Every alarm there can be about the public holidays of Japan, for the operator."""
    last, missing = official.in_force().last, official.missing_year(today)
    different, broken = official.differences(today.year), official.problem()
    how = f"{SOURCE}から syukujitsu.csv を入手し、ivr holidays --update syukujitsu.csv を実行してください。"
    texts = dict.fromkeys(("missing", "different", "file"), "")
    if missing:
        texts["missing"] = (
            f"祝日一覧に{missing}年の祝日がありません（一覧は{last}年まで）。"
            f"更新されるまでは、計算による祝日で営業時間を判定します。{how}"
        )
    if different:
        texts["different"] = (
            f"公式の祝日一覧と計算による祝日が異なります（{_named(different)}）。"
            f"一覧に従って営業時間を判定しています。一覧が古い場合は、{how}"
        )
    if broken:
        texts["file"] = (
            f"更新された祝日一覧を読み取れないため、同梱の一覧（{last}年まで）を使っています。{how}"
        )
    return [HolidayAlarm(f"holidays:{key}", text or None) for key, text in texts.items()]


def _named(different: list[official.Difference]) -> str:
    """ "2027-07-19 海の日：一覧のみ"; of many, the first ones."""
    words = [
        f"{one.day.isoformat()} {one.official or one.computed}：{'一覧' if one.official else '計算'}のみ"
        for one in different[:MOST_NAMED]
    ]
    if len(different) > MOST_NAMED:
        words.append(f"ほか{len(different) - MOST_NAMED}日")
    return "、".join(words)
