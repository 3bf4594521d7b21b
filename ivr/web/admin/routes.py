"""The pages of admins: one file a feature, their addresses here."""

from aiohttp import web

from ivr.dialplan.load import LARGEST
from ivr.web.admin import calendar, edit, flow, lines, orders, prompts, versions

_LINE = "/admin/lines/{key}"
_EDITS = {
    f"{_LINE}/check": edit.check,
    f"{_LINE}/difference": edit.difference,
    f"{_LINE}/simulate": edit.simulate,
    f"{_LINE}/publish": edit.publish,
}

ROUTES = [
    web.get("/admin", lines.home),
    web.get("/admin/lines", lines.show_list),
    web.get(_LINE, lines.show_one),
    web.get(f"{_LINE}{flow.TAB}", flow.show),
    web.get(f"{_LINE}{calendar.TAB}", calendar.show),
    web.get(f"{_LINE}{prompts.TAB}", prompts.show),
    web.get(f"{_LINE}{prompts.TAB}/{{id}}.wav", prompts.audio),
    web.get(f"{_LINE}/edit", edit.show),
    *(web.post(path, handler) for path, handler in _EDITS.items()),
    web.get(f"{_LINE}/orders/{{order}}", orders.show),
    web.get(f"{_LINE}/versions", versions.show_list),
    web.get(f"{_LINE}/versions/{{hash}}", versions.show_one),
    web.post(f"{_LINE}/versions/{{hash}}/roll-back", versions.roll_back),
]

# A dialplan, and what stands around it in a form. One that is too large is told so by its check.
FORM_LIMITS = dict.fromkeys(_EDITS, LARGEST + 200_000)
