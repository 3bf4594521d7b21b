"""One request of the API. A function and its annotations say all of it: what it takes, what it answers.

From the same rows come the routes of the application and the document of OpenAPI, so that neither can say
something that the other does not.
"""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from ivr.errors import NotFound
from ivr.web.api.fields import PLACES, Versioned, found
from ivr.web.keys import VIEWER
from ivr.web.refusals import BadRequest, Forbidden

Method = Literal["GET", "POST", "PUT", "DELETE"]
KEY = "Idempotency-Key"
VERSION = r'"?([0-9]{1,9})"?'  # of If-Match: an ETag, also without its quotes


@dataclass(frozen=True)
class Operation:
    """`do` takes the request and, by these names, `query`, `body` (models), `seen` (If-Match), `key` (Idempotency-Key).

    It returns a model, a list of models, or None; or a response of its own, if `content` names its media types.
    `gone`, `conflicts`, `missing`: it may answer 410, 409, and 404 though nothing in its address can be wrong.
    `manages`: for supervisors and admins alone.
    """

    method: Method
    path: str
    do: Callable[..., Awaitable[Any]]
    tag: str
    status: int = 200
    manages: bool = False
    conflicts: bool = False
    gone: bool = False
    missing: bool = False
    content: tuple[str, ...] = ()

    @functools.cached_property
    def hints(self) -> Mapping[str, Any]:
        return get_type_hints(self.do, include_extras=True)

    @property
    def places(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def query(self) -> type[BaseModel] | None:
        return self.hints.get("query")

    @property
    def body(self) -> type[BaseModel] | None:
        return self.hints.get("body")

    @property
    def answer(self) -> Any:
        """A model, list[model], or None."""
        return None if self.content else self.hints["return"]

    @property
    def body_needed(self) -> bool:
        return self.body is not None and any(field.is_required() for field in self.body.model_fields.values())

    def route(self) -> web.RouteDef:
        return web.RouteDef(self.method, self.path, self._serve, {})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        for name in self.places:
            if not re.fullmatch(PLACES[name][0], request.match_info[name]):
                raise NotFound(f"there is no {name} like this")
        if self.manages and not request[VIEWER].manages:
            raise Forbidden("this needs a token of a supervisor")
        answer = await self.do(request, **await self._given(request))
        return answer if isinstance(answer, web.StreamResponse) else self._told(answer)

    async def _given(self, request: web.Request) -> dict[str, Any]:
        given: dict[str, Any] = {}
        query = read_query(request, self.query)
        if query is not None:
            given["query"] = query
        if self.body is not None:
            given["body"] = await read_body(request, self.body)
        if "seen" in self.hints:
            given["seen"] = _seen(request.headers.get("If-Match"))
        if "key" in self.hints:
            given["key"] = _key(request.headers.get(KEY, ""))
        return given

    def _told(self, answer: Any) -> web.Response:
        if answer is None:
            return web.Response(status=204)
        headers = {"Cache-Control": "no-store"}
        if isinstance(answer, Versioned):
            headers["ETag"] = f'"{answer.version}"'
        text = adapter(self.answer).dump_json(answer, exclude_unset=True)
        return web.Response(
            body=text, status=self.status, headers=headers, content_type="application/json", charset="utf-8"
        )


@functools.cache
def adapter(of: Any) -> TypeAdapter[Any]:
    return TypeAdapter(of)


def models_of(operation: Operation) -> list[type[BaseModel]]:
    """Of what it answers."""
    answer = operation.answer
    if get_origin(answer) is list:
        return [get_args(answer)[0]]
    return [] if answer in (None, type(None)) else [answer]


def read_query(request: web.Request, model: type[BaseModel] | None) -> BaseModel | None:
    """BadRequest that says what to write instead."""
    known = list(model.model_fields) if model is not None else []
    for name in request.query:
        if name not in known:
            told = f"unknown; known are {', '.join(known) or 'none'}"
            raise BadRequest(f'parameter "{name}": {told}', [(name, told)])
        if len(request.query.getall(name)) > 1:
            raise BadRequest(f"{name}: give it once", [(name, "give it once")])
    if model is None:
        return None
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise _refused(error, known) from None


async def read_body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    text = await request.read()
    if text and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(reason='send JSON, and "Content-Type: application/json"')
    try:
        return model.model_validate_json(text or b"{}")
    except ValidationError as error:
        raise _refused(error, list(model.model_fields)) from None


def _refused(error: ValidationError, known: list[str]) -> BadRequest:
    fields = [
        (".".join(map(str, one["loc"])) or "body", found(one, known))
        for one in error.errors(include_url=False, include_input=False)
    ]
    return BadRequest("; ".join(f"{where}: {what}" for where, what in fields), fields)


def _seen(given: str | None) -> int | None:
    """The version that the client saw; None: whatever it is now."""
    if given is None or given.strip() == "*":
        return None
    digits = re.fullmatch(VERSION, given.strip())
    if digits is None:
        raise BadRequest('If-Match: write the ETag that you were given, like "3"')
    return int(digits[1])


def _key(given: str) -> str:
    if not re.fullmatch(r"[!-~]{1,200}", given):
        raise BadRequest(f"{KEY}: send 1 to 200 letters and digits of your own, new for each new request")
    return given
