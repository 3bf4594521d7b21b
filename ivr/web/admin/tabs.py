"""The pages of one line, as they stand side by side, and how each is shown."""

from typing import Any

from aiohttp import web

from ivr.store.dialplans import LiveLine
from ivr.web.keys import VIEWER
from ivr.web.pages import render

# What follows /admin/lines/KEY, and what the link is called
TABS = (
    ("", "概要"),
    ("/flow", "フロー"),
    ("/calendar", "営業日"),
    ("/prompts", "アナウンス"),
    ("/hours", "営業時間"),
    ("/closing", "臨時休業"),
    ("/edit", "編集"),
    ("/versions", "版の履歴"),
)
FOR_ADMINS = ("/edit", "/versions")


def render_line(
    request: web.Request, template: str, line: LiveLine, tab: str, *, status: int = 200, **values: Any
) -> web.Response:
    """`template` extends admin/line.html; `tab` is the first of one of TABS."""
    tabs = [each for each in TABS if request[VIEWER].is_admin or each[0] not in FOR_ADMINS]
    return render(request, template, status=status, line=line, tab=tab, tabs=tabs, **values)
