"""The document of OpenAPI 3.1, made from the rows by which the API is served."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ivr.web.api.fields import PLACES, Told, Versioned
from ivr.web.api.gate import CONFLICTS, DOCUMENT, RECORDING
from ivr.web.api.operation import KEY, VERSION, Operation, adapter, models_of

REF = "#/components/schemas/{model}"
WHY = {
    400: "What was sent cannot be used; `fields` says what to write instead.",
    401: "There is no token, or it opens nothing (any more).",
    403: "The role of the token does not allow it.",
    404: "There is no such thing, or it is another company's.",
    409: "It is not possible now; `error` says why: " + ", ".join(f"`{id}`" for id in CONFLICTS) + ".",
    410: "It was deleted; `said` says when and why.",
    412: "It has another version by now than `If-Match` names.",
    413: "What was sent is too large.",
    415: "What was sent is not `application/json`.",
    416: "The range is beyond the end.",
    503: "The database does not answer; try again later.",
}


class Wrong(Told):
    where: str
    problem: str


class Problem(Told):
    """What every failure answers. `error` never changes its meaning; `detail` is for who reads a log."""

    status: int
    error: str
    detail: str
    said: str | None = None
    """In Japanese, as the pages say it."""
    fields: list[Wrong] | None = None
    refused: str | None = None
    """Of `not_dialled`: which rule of the guard."""
    may_insist: bool | None = None
    """Of `not_dialled`: whether a person may go against it, by `insist`."""


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    schemas = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ivr",
            "version": "1",
            "description": "Callbacks, messages and calls of support lines.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                str(status): {
                    "description": why,
                    "content": {"application/json": {"schema": {"$ref": REF.format(model="Problem")}}},
                }
                for status, why in WHY.items()
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Made by `ivr token`."},
                "transcriber": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "IVR_TRANSCRIBER_KEY of a transcriber on another machine.",
                },
            },
        },
    }


def _schemas(operations: Sequence[Operation]) -> Mapping[str, Any]:
    taken: dict[type[BaseModel], Any] = {Problem: "serialization"}
    for operation in operations:
        taken |= dict.fromkeys(models_of(operation), "serialization")
        if operation.body is not None:
            taken[operation.body] = "validation"
    _, found = models_json_schema(list(taken.items()), ref_template=REF)
    definitions: Mapping[str, Any] = found["$defs"]
    return dict(sorted(definitions.items()))


def _operation(operation: Operation) -> dict[str, Any]:
    summary, _, rest = inspect.cleandoc(operation.do.__doc__ or "").partition("\n")
    made: dict[str, Any] = {
        "operationId": operation.do.__name__,
        "tags": [operation.tag],
        "summary": summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if rest.strip():
        made["description"] = rest.strip()
    if operation.path == DOCUMENT:
        made["security"] = []
    elif operation.path == RECORDING:
        made["security"] = [{"transcriber": []}]
    if operation.body is not None:
        schema = {"$ref": REF.format(model=operation.body.__name__)}
        made["requestBody"] = {
            "required": operation.body_needed,
            "content": {"application/json": {"schema": schema}},
        }
    return made


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PLACES[name][1],
            "schema": {"type": "string", "pattern": PLACES[name][0]},
        }
        for name in operation.places
    ]
    if operation.query is not None:
        about = adapter(operation.query).json_schema()
        needed = about.get("required", [])
        for name, schema in about["properties"].items():
            made.append(
                {"name": name, "in": "query", "required": name in needed, "schema": _without_null(schema)}
            )
    if "seen" in operation.hints:
        made.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": False,
                "description": "The ETag that was seen: 412 if the callback has changed since.",
                "schema": {"type": "string", "pattern": f"^{VERSION}$"},
            }
        )
    if "key" in operation.hints:
        made.append(
            {
                "name": KEY,
                "in": "header",
                "required": True,
                "description": "Of the client's own; asking again with the same one does nothing more.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            }
        )
    return made


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Of a query: what is not given is left out, never null."""
    rest = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    plain = {name: value for name, value in schema.items() if name not in ("anyOf", "title", "default")}
    made = {**rest[0], **plain} if rest else plain
    if schema.get("default") is not None:
        made["default"] = schema["default"]
    return made


def _responses(operation: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    if operation.content:
        good["content"] = {kind: {"schema": {}} for kind in operation.content}
    elif models := models_of(operation):
        schema: dict[str, Any] = {"$ref": REF.format(model=models[0].__name__)}
        if models[0] is not operation.answer:
            schema = {"type": "array", "items": schema}
        good["content"] = {"application/json": {"schema": schema}}
        if issubclass(models[0], Versioned) and models[0] is operation.answer:
            etag = {"required": True, "schema": {"type": "string"}, "description": "For If-Match."}
            good["headers"] = {"ETag": etag}
    answers = {str(operation.status if "content" in good else 204): good}
    for status in _failures(operation):
        answers[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return answers


def _failures(operation: Operation) -> list[int]:
    possible = {
        400: operation.path != RECORDING,
        401: operation.path != DOCUMENT,
        403: operation.manages or operation.conflicts,
        404: operation.missing or bool(operation.places),
        409: operation.conflicts,
        410: operation.gone,
        412: "seen" in operation.hints,
        413: operation.body is not None,
        415: operation.body is not None,
        416: bool(operation.content) and operation.path != DOCUMENT,
        503: operation.path != DOCUMENT,
    }
    return [status for status, may in possible.items() if may]
