"""The YAML of a line edited in the page: checked, compared, tried, published."""

import asyncio
from dataclasses import dataclass, replace
from secrets import token_urlsafe
from typing import Any

from aiohttp import web

from ivr import editing
from ivr.dialplan.problems import BadDialplan, Problem
from ivr.errors import BadArgument, CalendarError, Conflict, DialplanError
from ivr.store.dialplans import LiveLine
from ivr.web.admin import orders, read, trial
from ivr.web.admin.difference import Row, rows
from ivr.web.admin.lines import the_line
from ivr.web.admin.tabs import render_line
from ivr.web.keys import CLOCK, SETTINGS, STORE, VIEWER
from ivr.web.pages import POLICY, render

TAB = "/edit"
LONGEST_WHY = 200  # characters

CHANGED = (
    "編集している間に、ファイルが別の変更で書き換えられました。書きかけの内容は、このまま残っています。"
    "下の違いを確かめて、必要な部分を取り込んでから、もう一度公開してください。"
)
OTHER_TENANT = "窓口の契約企業（tenant）は、この画面では変更できません。元に戻してください。"
ELSEWHERE = "電話番号などが、ほかの窓口と重なるため、公開できません。"
UNREADABLE = (
    "ファイルを読み取れません。最後に公開した版を表示しています。公開すると、この内容で置き換わります。"
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands in the editor. `digest`: of the file that it will replace, "" if there is none."""

    text: str
    digest: str
    problems: list[Problem]
    given: bool = False  # it came from a form and may differ from the file
    why: str = ""

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)


async def show(request: web.Request) -> web.Response:
    line = await the_line(request)
    file = await asyncio.to_thread(read.on_disk, request.app[SETTINGS], line.key)
    text = _plain(file.text) if file else await _live_text(request, line)
    sheet = Sheet(text, await _digest(request, line), await _problems(request, line, text))
    return _page(request, line, sheet, notice=None if file else UNREADABLE)


async def check(request: web.Request) -> web.Response:
    line = await the_line(request)
    return _page(request, line, await _given(request, line))


async def difference(request: web.Request) -> web.Response:
    line = await the_line(request)
    sheet = await _given(request, line)
    file = await asyncio.to_thread(read.on_disk, request.app[SETTINGS], line.key)
    live = await _live_text(request, line)
    found = [("公開中の版との違い", rows(live, sheet.text))]
    if file is not None and _plain(file.text) != live:
        found.append(("今のファイルとの違い", rows(_plain(file.text), sheet.text)))
    return _page(request, line, sheet, differences=found)


async def simulate(request: web.Request) -> web.Response:
    line = await the_line(request)
    sheet = await _given(request, line)
    settings, now = request.app[SETTINGS], request.app[CLOCK].now()
    given = trial.Trial.of(await request.post(), now)
    transcript: list[str] | None = None
    problem = None
    if sheet.errors:
        problem = "エラーがあるため、試せません。上のエラーを直してから、もう一度押してください。"
    else:
        try:
            transcript = await asyncio.to_thread(
                trial.simulate, settings.dialplans, line.key, sheet.text, given, now
            )
        except (BadArgument, CalendarError, DialplanError) as error:
            problem = str(error)
    return _page(request, line, sheet, trial=given, transcript=transcript, trial_problem=problem)


async def publish(request: web.Request) -> web.Response:
    """The file is written only if it passes its check and nobody changed it meanwhile; then it goes live."""
    line = await the_line(request)
    sheet = await _given(request, line)
    settings, now, viewer = request.app[SETTINGS], request.app[CLOCK].now(), request[VIEWER]
    if sheet.errors:
        return _page(
            request, line, sheet, status=422, notice="エラーがあるため、公開していません。下をご覧ください。"
        )
    try:
        tenant = await asyncio.to_thread(
            trial.tenant_of, settings.dialplans, line.key, sheet.text, now.date()
        )
        if viewer.tenant not in (None, tenant):
            return _page(request, line, sheet, status=422, notice=OTHER_TENANT)
        await asyncio.to_thread(
            editing.save,
            settings,
            line.key,
            sheet.text,
            expected=sheet.digest or None,
            today=now.date(),
        )
    except Conflict:
        return await _changed_meanwhile(request, line, sheet)
    except BadDialplan:
        # What is wrong stands in a file of another line, or the shared files changed this very moment.
        return _page(request, line, sheet, status=422, notice=ELSEWHERE)
    raise await orders.ask(request, line, sheet.why or None)


async def _changed_meanwhile(request: web.Request, line: LiveLine, sheet: Sheet) -> web.Response:
    """Shows the file as it is now beside what was written; publishing again replaces it knowingly."""
    file = await asyncio.to_thread(read.on_disk, request.app[SETTINGS], line.key)
    now_there = replace(sheet, digest=await _digest(request, line))
    found = [("今のファイルとの違い", rows(_plain(file.text if file else ""), sheet.text))]
    return _page(request, line, now_there, status=409, notice=CHANGED, differences=found)


async def _given(request: web.Request, line: LiveLine) -> Sheet:
    form = await request.post()
    text = _plain(str(form.get("text", "")))
    problems = await _problems(request, line, text)
    why = str(form.get("why", "")).strip()[:LONGEST_WHY]
    return Sheet(text, str(form.get("digest", "")), problems, True, why)


async def _digest(request: web.Request, line: LiveLine) -> str:
    """Of a file that cannot be shown, too: it is replaced all the same."""
    return await asyncio.to_thread(editing.digest, request.app[SETTINGS].dialplans, line.key) or ""


async def _live_text(request: web.Request, line: LiveLine) -> str:
    """The line's own file as it is live."""
    async with request.app[STORE].read() as db:
        return _plain((await editing.version_files(db, line.key, line.hash))[line.key])


async def _problems(request: web.Request, line: LiveLine, text: str) -> list[Problem]:
    today = request.app[CLOCK].now().date()
    return await read.problems_of(request.app[SETTINGS], line, text, today, request[VIEWER])


def _plain(text: str) -> str:
    """A form sends CR LF, and so may a file."""
    return text.replace("\r\n", "\n")


def _page(
    request: web.Request,
    line: LiveLine,
    sheet: Sheet,
    *,
    status: int = 200,
    notice: str | None = None,
    differences: list[tuple[str, list[Row]]] | None = None,
    **more: Any,
) -> web.Response:
    """The whole page, or only its results when the script of the page asks."""
    settings = request.app[SETTINGS]
    values: dict[str, Any] = {
        "sheet": sheet,
        "notice": notice,
        "differences": differences or [],
        "file_name": read.file_name(settings, line.key),
        "trial": trial.fresh(request.app[CLOCK].now()),
        "transcript": None,
        "trial_problem": None,
        **more,
    }
    if request.headers.get("X-Part"):
        return render(request, "admin/edit_part.html", status=status, **values)
    nonce = token_urlsafe(16)  # CodeMirror makes a style sheet, which the policy forbids without this
    answer = render_line(
        request,
        "admin/edit.html",
        line,
        TAB,
        status=status,
        nonce=nonce,
        staffs=trial.STAFFS,
        **values,
    )
    answer.headers["Content-Security-Policy"] = POLICY.replace(
        "style-src 'self'", f"style-src 'self' 'nonce-{nonce}'"
    )
    return answer
