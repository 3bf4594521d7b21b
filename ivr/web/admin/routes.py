"""The pages of admins: one file a feature, their addresses here."""

from aiohttp import web

from ivr.dialplan.load import LARGEST
from ivr.web.admin import calendar, closing, edit, flow, hours, lines, orders, prompts, versions

_LINE = "/admin/lines/{key}"
_EDITS = {
    f"{_LINE}/check": edit.check,
    f"{_LINE}/difference": edit.difference,
    f"{_LINE}/simulate": edit.simulate,
    f"{_LINE}/publish": edit.publish,
}

# What supervisors may see and do as well: they run the day, admins change what a line does.
_DAILY = [
    web.get("/admin", lines.home),
    web.get("/admin/lines", lines.show_list),
    web.get(_LINE, lines.show_one),
    web.get(f"{_LINE}{flow.TAB}", flow.show),
    web.get(f"{_LINE}{calendar.TAB}", calendar.show),
    web.get(f"{_LINE}{prompts.TAB}", prompts.show),
    web.get(f"{_LINE}{prompts.TAB}/{{id}}.wav", prompts.audio),
    web.get(f"{_LINE}{closing.TAB}", closing.show),
    web.post(f"{_LINE}{closing.TAB}", closing.close),
    web.post(f"{_LINE}{closing.TAB}/reopen", closing.reopen),
    web.get(f"{_LINE}{hours.TAB}", hours.show),
    web.post(f"{_LINE}{hours.TAB}/preview", hours.preview),
    web.post(f"{_LINE}{hours.TAB}/publish", hours.publish),
    web.get(f"{_LINE}/orders/{{order}}", orders.show),
]

ROUTES = [
    *_DAILY,
    web.get(f"{_LINE}/edit", edit.show),
    *(web.post(path, handler) for path, handler in _EDITS.items()),
    web.get(f"{_LINE}/versions", versions.show_list),
    web.get(f"{_LINE}/versions/{{hash}}", versions.show_one),
    web.post(f"{_LINE}/versions/{{hash}}/roll-back", versions.roll_back),
]

FOR_SUPERVISORS = frozenset(route.path for route in _DAILY)

# A dialplan, and what stands around it in a form. One that is too large is told so by its check.
FORM_LIMITS = dict.fromkeys(_EDITS, LARGEST + 200_000)
