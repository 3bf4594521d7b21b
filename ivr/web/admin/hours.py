"""A shop's hours as a plain form, for who will not edit YAML: seen as the next seven days, then published."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from aiohttp import web

from ivr import editing, year
from ivr.dialplan.hours_form import (
    DAYS,
    SPANS,
    Closed,
    Exceptional,
    HoursForm,
    Times,
    kept,
    read_form,
    write_form,
)
from ivr.dialplan.problems import BadDialplan
from ivr.dialplan.source import read as parse
from ivr.errors import Conflict, DialplanError
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.store.dialplans import LiveLine
from ivr.web.admin import orders, read
from ivr.web.admin.calendar import DAYS as DAYS_AHEAD
from ivr.web.admin.lines import the_line
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK, SETTINGS, VIEWER

TAB = "/hours"
WHY = "営業時間の画面から"
EMPTY_ROWS = 2  # more than there are, to write in
MOST_ROWS = 100
HOLIDAYS = (("closed", "祝日は休み"), ("as_week", "祝日も曜日どおりに営業"), ("own", "祝日は下の時間で営業"))
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

SHARED = "この窓口のファイルには、営業時間の定めがありません。ほかの窓口と共通の営業時間の変更は、管理者にご依頼ください。"
TOO_MANY = "一日に3つ以上の受付時間があるため、この画面では変更できません。管理者にご依頼ください。"
UNREADABLE = "ファイルにエラーがあるため、この画面では変更できません。管理者にご依頼ください。"
CHANGED = "入力している間に、ファイルが書き換えられました。内容を確かめて、もう一度公開してください。"
WRONG = "この内容では公開できません。"


class Mistake(Exception):
    """Japanese, for who filled in the form."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One of the line's hours in its own file; `digest` of the file as it was read."""

    name: str
    names: tuple[str, ...]
    text: str
    digest: str
    model: HoursModel

    @classmethod
    def read(cls, file: editing.FileState, wanted: str) -> "Sheet":
        """Mistake if the form cannot stand for the file."""
        try:
            names = tuple(_hours(file.text))
            name = wanted if wanted in names else next(iter(names), "")
            return cls(name, names, file.text, file.digest, _model(file.text, name)) if names else _shared()
        except (BadDialplan, ValueError):
            raise Mistake(UNREADABLE) from None


async def show(request: web.Request) -> web.Response:
    line = await the_line(request)
    try:
        sheet = await _sheet(request, line)
        return _page(request, line, sheet, _read_form(request, sheet))
    except Mistake as problem:
        return render_line(request, "admin/hours.html", line, TAB, impossible=str(problem))


async def preview(request: web.Request) -> web.Response:
    return await _given(request, publish=False)


async def publish(request: web.Request) -> web.Response:
    return await _given(request, publish=True)


async def _given(request: web.Request, *, publish: bool) -> web.Response:
    line = await the_line(request)
    fields = {name: str(value) for name, value in (await request.post()).items()}
    try:
        sheet = await _sheet(request, line)
        form = _read_form(request, sheet)
    except Mistake as problem:
        return render_line(request, "admin/hours.html", line, TAB, status=422, impossible=str(problem))
    today = _today(request, sheet)
    try:
        form = _filled_in(fields)
        # Else a preview would take what others changed for unchanged.
        if fields.get("digest") != sheet.digest:
            raise Mistake(CHANGED)
        text = write_form(f"{line.key}.yaml", sheet.text, sheet.name, sheet.model, form, today)
        problems = await read.problems_of(request.app[SETTINGS], line, text, today, request[VIEWER])
        if any(problem.severity == "error" for problem in problems):
            raise Mistake(WRONG)
        if publish:
            await _save(request, line, text, sheet.digest, today)
            raise await orders.ask(request, line, WHY)
        changed = replace(sheet, text=text, model=_model(text, sheet.name))
    except Mistake as problem:
        return _page(request, line, sheet, form, status=422, notice=str(problem), typed=fields)
    except (DialplanError, ValueError):
        return _page(request, line, sheet, form, status=422, notice=WRONG, typed=fields)
    now = request.app[CLOCK].now()
    calendar = Calendar(changed.model)
    days = year.ahead(calendar, now.astimezone(calendar.zone).date(), DAYS_AHEAD, now)
    return _page(request, line, sheet, form, days=days, unchanged=text == sheet.text)


async def _save(request: web.Request, line: LiveLine, text: str, digest: str, today: date) -> None:
    settings = request.app[SETTINGS]
    try:
        await asyncio.to_thread(editing.save, settings, line.key, text, expected=digest, today=today)
    except Conflict:
        raise Mistake(CHANGED) from None


async def _sheet(request: web.Request, line: LiveLine) -> Sheet:
    file = await asyncio.to_thread(read.on_disk, request.app[SETTINGS], line.key)
    if file is None:
        raise Mistake(UNREADABLE)
    return Sheet.read(file, request.query.get("hours", ""))


def _shared() -> Sheet:
    raise Mistake(SHARED)


def _hours(text: str) -> Mapping[str, Any]:
    """Those that stand in the file itself. BadDialplan if it is no YAML."""
    source = parse("", text)
    if source.tree is None or any(problem.severity == "error" for problem in source.problems):
        raise BadDialplan(source.problems)
    hours = source.tree.get("hours", {}) if isinstance(source.tree, dict) else {}
    return hours if isinstance(hours, dict) else {}


def _model(text: str, name: str) -> HoursModel:
    """ValueError if the hours are not sound."""
    return HoursModel.model_validate(_hours(text)[name])


def _today(request: web.Request, sheet: Sheet) -> date:
    """Where the line is."""
    return request.app[CLOCK].now().astimezone(ZoneInfo(sheet.model.zone)).date()


def _read_form(request: web.Request, sheet: Sheet) -> HoursForm:
    try:
        return read_form(sheet.model, _today(request, sheet))
    except ValueError:
        raise Mistake(TOO_MANY) from None


def _page(
    request: web.Request,
    line: LiveLine,
    sheet: Sheet,
    form: HoursForm,
    *,
    status: int = 200,
    notice: str | None = None,
    days: Sequence[year.Ahead] = (),
    unchanged: bool = False,
    typed: Mapping[str, str] | None = None,
) -> web.Response:
    """`typed`: shown as it is instead of `form`, which a mistake in it would not let be read."""

    def shown(name: str, value: object) -> object:
        return value if typed is None else typed.get(name, "")

    def rows(known: int, name: str) -> int:
        given = sum(name.format(row) in (typed or {}) for row in range(MOST_ROWS))
        return max(known + EMPTY_ROWS, given)

    return render_line(
        request,
        "admin/hours.html",
        line,
        TAB,
        status=status,
        impossible=None,
        notice=notice,
        sheet=sheet,
        form=form,
        days=days,
        weekdays=year.WEEKDAYS,
        unchanged=unchanged,
        kept=kept(sheet.model),
        day_names=[f"{day}曜日" for day in DAYS] + ["祝日"],
        spans=SPANS,
        holidays=HOLIDAYS,
        shown=shown,
        closed_rows=rows(len(form.closed), "c{}first"),
        exception_rows=rows(len(form.exceptions), "e{}day"),
    )


# -- what was filled in ---------------------------------------------------------------------


def _filled_in(fields: Mapping[str, str]) -> HoursForm:
    names = [f"{day}曜日" for day in DAYS] + ["祝日"]
    week = tuple(_times(fields, f"w{day}", names[day]) for day in range(8))
    holidays = fields.get("holidays", "")
    if holidays not in dict(HOLIDAYS):
        raise Mistake("祝日の扱いを選んでください。")
    if holidays == "own" and not week[7]:
        raise Mistake("祝日の受付時間を入力するか、「祝日は休み」を選んでください。")
    closed = [_closed(fields, f"c{row}") for row in range(MOST_ROWS) if f"c{row}first" in fields]
    exceptions = [_exceptional(fields, f"e{row}") for row in range(MOST_ROWS) if f"e{row}day" in fields]
    _refuse_twice([(row.first, row.last, row.yearly) for row in closed if row], "休業日")
    _refuse_twice([row.day for row in exceptions if row], "特別な日")
    return HoursForm(
        (*week[:7], week[7] if holidays == "own" else ()),
        holidays,  # type: ignore[arg-type]  # one of HOLIDAYS
        tuple(row for row in closed if row),
        tuple(row for row in exceptions if row),
    )


def _refuse_twice(rows: Sequence[object], what: str) -> None:
    """Of two rows for one day, only the last would be written."""
    if len(set(rows)) < len(rows):
        raise Mistake(f"{what}に、同じ日が2回あります。1行にまとめてください。")


def _plain(fields: Mapping[str, str], name: str) -> str:
    """A browser without fields for times and dates leaves them to a keyboard that writes Japanese."""
    return normalize("NFKC", fields.get(name, "")).strip()


def _times(fields: Mapping[str, str], prefix: str, what: str) -> Times:
    found = []
    for span in range(SPANS):
        begin, end = (_plain(fields, f"{prefix}{part}{span}") for part in ("from", "to"))
        if not begin and not end:
            continue
        if not (_TIME.fullmatch(begin) and _TIME.fullmatch(end)):
            raise Mistake(f"{what}の受付時間は、開始と終わりの両方を入力してください。")
        if begin == end != "00:00":
            raise Mistake(f"{what}の受付時間の、開始と終わりが同じです。一日中のときは、00:00から00:00です。")
        found.append((begin, end))
    return tuple(found)


def _closed(fields: Mapping[str, str], prefix: str) -> Closed | None:
    """None for a row that is empty."""
    first, last = _plain(fields, f"{prefix}first"), _plain(fields, f"{prefix}last")
    reason = fields.get(f"{prefix}reason", "").strip()
    if not (first or last or reason):
        return None
    begin, end = _date(first, "休業日の開始日"), _date(last or first, "休業日の最終日")
    if not reason:
        raise Mistake("休業日の理由を入力してください。お客様にお伝えする言葉です。")
    if end < begin:
        raise Mistake("休業日の最終日が、開始日より前になっています。")
    return Closed(begin, end, f"{prefix}yearly" in fields, reason)


def _exceptional(fields: Mapping[str, str], prefix: str) -> Exceptional | None:
    day, reason = _plain(fields, f"{prefix}day"), fields.get(f"{prefix}reason", "").strip()
    times = _times(fields, prefix, "特別な日")
    if not (day or reason or times):
        return None
    return Exceptional(_date(day, "特別な日"), times, "" if times else reason)


def _date(text: str, what: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Mistake(f"{what}を入力してください。") from None
