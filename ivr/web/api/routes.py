"""All requests of the API, and the document that says so."""

import json
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from aiohttp import web

from ivr.web.api import (
    actions,
    agents,
    callbacks,
    calls,
    changes,
    gate,
    health,
    lines,
    lists,
    messages,
    reports,
    requests,
)
from ivr.web.api.document import document
from ivr.web.api.operation import Operation

ACTIONS: dict[str, Callable[..., Awaitable[Any]]] = {
    "claim": actions.claim,
    "renew": actions.renew,
    "release": actions.release,
    "offer": actions.offer,
    "accept": actions.accept,
    "decline": actions.decline,
    "assign": actions.assign,
    "help": actions.help_out,
    "help-end": actions.helped,
    "begin": actions.begin,
    "dial": actions.dial,
    "result": actions.record,
    "next": actions.plan,
    "wait": actions.wait,
    "news": actions.tell_news,
    "close": actions.close,
    "read": actions.read,
    "reopen": actions.reopen,
    "cancel": actions.cancel,
    "give-up": actions.give_up,
    "undo": actions.take_back,
    "priority": changes.set_priority,
    "flags": changes.set_flags,
    "memo": changes.add_memo,
    "fields": changes.set_fields,
    "number": changes.set_number,
    "wanted": changes.want_reply,
    "merge": changes.merge,
    "split": changes.split,
}


def _on_one(name: str, do: Callable[..., Awaitable[Any]]) -> Operation:
    """Something that is done to one callback."""
    return Operation("POST", f"/api/v1/callbacks/{{ticket}}/{name}", do, "callbacks", conflicts=True)


async def get_document(request: web.Request) -> web.Response:
    """This document."""
    return web.Response(text=_document(), content_type="application/json", charset="utf-8")


OPERATIONS = [
    *callbacks.OPERATIONS,
    *requests.OPERATIONS,
    *(_on_one(name, do) for name, do in ACTIONS.items()),
    *messages.OPERATIONS,
    *calls.OPERATIONS,
    *agents.OPERATIONS,
    *lines.OPERATIONS,
    *lists.OPERATIONS,
    *reports.OPERATIONS,
    *health.OPERATIONS,
    Operation("GET", gate.DOCUMENT, get_document, "document", content=("application/json",)),
]
ROUTES = [operation.route() for operation in OPERATIONS]


@cache
def _document() -> str:
    return json.dumps(document(OPERATIONS), ensure_ascii=False)
