"""What the pages of supervisors share: who may see them, the lines and their zones."""

from collections.abc import Awaitable, Callable
from functools import wraps
from zoneinfo import ZoneInfo

from aiohttp import web

from ivr.dialplan.pick import zone_of
from ivr.lines import Lines, LiveLine
from ivr.web.keys import VIEWER
from ivr.web.pages import problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def for_supervisors(handler: Handler) -> Handler:
    """The others are told that it is not for them."""

    @wraps(handler)
    async def admitted(request: web.Request) -> web.StreamResponse:
        if not request[VIEWER].manages:
            return problem(
                request, 403, "この画面は管理者用です", "使うには、スーパーバイザーか管理者の権限が必要です。"
            )
        return await handler(request)

    return admitted


def own_lines(request: web.Request, lines: Lines) -> dict[str, str]:
    """Key -> name of the live lines that the user may see, by name."""
    tenant = request[VIEWER].tenant
    names = {
        key: live.dialplan.line.name
        for key, live in _live(lines).items()
        if tenant in (None, live.dialplan.line.tenant)
    }
    return dict(sorted(names.items(), key=lambda item: item[1]))


def zones(lines: Lines) -> dict[str, ZoneInfo]:
    return {key: zone_of(live.dialplan) for key, live in _live(lines).items()}


def _live(lines: Lines) -> dict[str, LiveLine]:
    keys = lines.keys()
    return {key: live for key in keys if (live := lines.get(key)) is not None}
