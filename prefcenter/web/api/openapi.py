"""`/v1/openapi.json`: OpenAPI 3.1, made from the operations and their types, so that it cannot drift."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from prefcenter import __version__
from prefcenter.web.api.answers import Problem
from prefcenter.web.api.examples import EXAMPLES
from prefcenter.web.api.operations import OPERATIONS, Operation
from prefcenter.web.api.reading import LAST_CURSOR, MOST_CHANGES
from prefcenter.web.api.types import ID_PATTERN

_REF = "#/components/schemas/{name}"

_PROBLEMS = {
    400: "The request cannot be read",
    401: "No API key, or none that works",
    403: "The API key lacks the scope",
    404: "Not found",
    409: "The ids and the address belong to different people",
    413: "The body is too large",
    422: "Some items are not right; nothing was recorded",
    503: "The database cannot commit now; try again after Retry-After",
}

_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"const": "Bearer"}}},
    503: {"Retry-After": {"description": "in seconds", "schema": {"type": "integer"}}},
}

_REPLAYED = {"Idempotent-Replayed": {"description": "the answer of before", "schema": {"const": "true"}}}

#: What the types check but cannot say in their schemas.
_TIGHTER: Mapping[str, Mapping[str, Any]] = {
    "SubjectIn": {"anyOf": [{"required": [name]} for name in ("email", "external_id", "id")]},
    "RecipientIn": {"minProperties": 1, "maxProperties": 1},
    "LookupRequest": {"minProperties": 1, "maxProperties": 1},
}

_QUERY = {
    "after": {"type": "integer", "minimum": 0, "maximum": LAST_CURSOR},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_CHANGES, "default": 100},
}

#: Where an answer's id leads: operation, status, pointer to the id, and the operations that take it.
_LINKS = {
    "post_v1_subjects": ("/subjects/0/id", ("get_v1_subjects_id", "get_v1_subjects_id_history")),
    "post_v1_subjects_lookup": ("/subject/id", ("get_v1_subjects_id", "get_v1_subjects_id_history")),
    "post_v1_webhooks": ("/id", ("patch_v1_webhooks_id", "delete_v1_webhooks_id")),
}


async def openapi(_: Request) -> Response:
    return Response(document(), media_type="application/json")


@cache
def document() -> bytes:
    types = [t for operation in OPERATIONS for t in (operation.takes, operation.gives) if t is not None]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    for name, more in _TIGHTER.items():
        components[name].update(more)
    refs = dict(zip([*types, Problem], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "prefcenter",
                "version": __version__,
                "description": "May I send? Record choices, mint links, hear of changes.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{"key": []}],
        },
        order="sorted",
    )


def _operation(operation: Operation, refs: dict[type, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _id_of(operation),
        "summary": operation.summary,
        "description": f"Scope: `{operation.scope}`.",
        "parameters": _parameters(operation),
        "responses": _responses(operation, refs),
    }
    if operation.takes is not None:
        media: dict[str, Any] = {"schema": refs[operation.takes]}
        example = EXAMPLES.get((operation.method, operation.path))
        if example is not None:
            media["example"] = example
        described["requestBody"] = {"required": True, "content": {"application/json": media}}
    return described


def _id_of(operation: Operation) -> str:
    return f"{operation.method.lower()}{operation.path.replace('/', '_').replace('{id}', 'id')}"


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if "{id}" in operation.path:
        schema = {"type": "string", "pattern": ID_PATTERN}
        parameters.append({"name": "id", "in": "path", "required": True, "schema": schema})
    for name, description in operation.query:
        parameters.append({"name": name, "in": "query", "description": description, "schema": _QUERY[name]})
    if operation.changes:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same request again under the same key gets the first answer again.",
                "schema": {"type": "string", "pattern": '^([!#-~]{1,255}|"[!#-~]{1,255}")$'},
            }
        )
    return parameters


def _responses(operation: Operation, refs: dict[type, Any]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "Done"}
    if operation.gives is not None:
        done["content"] = {"application/json": {"schema": refs[operation.gives]}}
    if operation.changes:
        done["headers"] = _REPLAYED
    if _id_of(operation) in _LINKS:
        done["links"] = _links(*_LINKS[_id_of(operation)])
    responses = {str(operation.status): done}
    for status in _problems_of(operation):
        answer: dict[str, Any] = {
            "description": _PROBLEMS[status],
            "content": {"application/problem+json": {"schema": refs[Problem]}},
        }
        if status in _HEADERS:
            answer["headers"] = _HEADERS[status]
        responses[str(status)] = answer
    return responses


def _links(pointer: str, operations: tuple[str, ...]) -> dict[str, Any]:
    id_ = f"$response.body#{pointer}"
    return {name: {"operationId": name, "parameters": {"id": id_}} for name in operations}


def _problems_of(operation: Operation) -> list[int]:
    statuses = [401, 403, 503]
    if operation.takes is not None:
        statuses += [400, 413, 422]
    if operation.query:
        statuses.append(422)
    if "{id}" in operation.path:
        statuses.append(404)
    if operation.path in ("/v1/subjects", "/v1/choices"):
        statuses.append(409)
    return sorted(statuses)
