"""/live: what a supervisor sees of the running day. It refreshes itself."""

from datetime import datetime

from aiohttp import web

from ivr.web import words
from ivr.web.admin.lines import fresh_lines
from ivr.web.keys import CLOCK, STORE, VIEWER
from ivr.web.live.read import floor, percent
from ivr.web.managing import for_supervisors, own_lines
from ivr.web.pages import render
from ivr.web.people.seat import SHAPES, WORDS

SEAT_WORDS: dict[str, str] = {str(code): word for code, word in WORDS.items()} | {"ringing": "呼出中"}
SEAT_SHAPES: dict[str, str] = {str(code): shape for code, shape in SHAPES.items()} | {"ringing": "▷"}
ENGINE = {
    "stopping": "電話の受付は停止の準備中です。新しい通話は、予備の応答が受けています。",
    "cut": "電話の受付と電話システムの接続が切れています。お待ちの方の人数と、電話に出られる人数は分かりません。管理者にご連絡ください。",
    "dead": "電話の受付が応答していません。お待ちの方の人数と、電話に出られる人数は分かりません。管理者にご連絡ください。",
}
TRUNKS = {
    "registered": "登録済み",
    "reachable": "接続できます",
    "unregistered by design": "登録なし（設定どおり）",
    "refused": "登録を断られました",
    "unreachable": "応答がありません",
}


@for_supervisors
async def show(request: web.Request) -> web.Response:
    viewer, now = request[VIEWER], request.app[CLOCK].now()
    lines = await fresh_lines(request)
    names = own_lines(request, lines)
    async with request.app[STORE].read() as db:
        seen = await floor(db, lines, names, tenant=viewer.tenant, now=now)
    return render(
        request,
        "live.html",
        floor=seen,
        said=ENGINE.get(seen.engine),
        now=now,
        percent=percent,
        waited=lambda since: waited(since, now),
        seat_words=SEAT_WORDS,
        seat_shapes=SEAT_SHAPES,
        trunk_words=TRUNKS,
    )


def waited(since: datetime | None, now: datetime) -> str:
    """1分05秒; — for nobody."""
    if since is None:
        return "—"
    seconds = max(0, int((now - since).total_seconds()))
    if seconds >= 3600:
        return words.span(seconds // 60)
    return f"{seconds // 60}分{seconds % 60:02}秒" if seconds >= 60 else f"{seconds}秒"


ROUTES = [web.get("/live", show)]
