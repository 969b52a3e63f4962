"""The one table from errors to answers: pages for people, problem details (RFC 9457) for tools."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ExceptionHandler

from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.units import KeyReused
from prefcenter.use_cases.refusals import Conflict, ItemError, NotPermitted, Refused
from prefcenter.use_cases.services import NoCatalog
from prefcenter.web.body import BodyTooLarge
from prefcenter.web.security import HEADERS
from prefcenter.web.state import page

RETRY_AFTER_SECONDS = 5


class Unauthorized(Exception):
    """No API key, or none that works."""


class BadRequest(Exception):
    """The request cannot be read; `field` is where."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


#: What each error answers with. Whatever is not in here is ours: 500, and logged.
STATUS: dict[type[Exception], int] = {
    StorageUnavailable: 503,
    NoCatalog: 503,
    BodyTooLarge: 413,
    Refused: 422,
    KeyReused: 422,
    Conflict: 409,
    Unauthorized: 401,
    NotPermitted: 403,
}

_DETAIL: dict[type[Exception], str] = {
    StorageUnavailable: "The database could not commit. Nothing was recorded; try again.",
    KeyReused: "This Idempotency-Key came before with another body. Use a new key for a new request.",
    Unauthorized: "Send an API key: 'Authorization: Bearer pc_…'. Make one with `prefcenter keys create`.",
}


def problem(
    status: int, detail: str, *, errors: Sequence[ItemError] = (), headers: dict[str, str] | None = None
) -> Response:
    """An answer in application/problem+json. `detail` never repeats an address or a token."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


def not_found(request: Request) -> Response:
    """One answer for a forged, truncated, re-spelled, foreign or wrong link, and for no route at all."""
    return page(request, "not_found", status=404)


def _is_for_tools(request: Request) -> bool:
    return f"{request.url.path}/".startswith("/v1/")


def _handle(request: Request, error: Exception) -> Response:
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    if status == 401:
        headers = {"www-authenticate": "Bearer"}
    if _is_for_tools(request):
        detail = _DETAIL.get(type(error)) or (
            "Some items are not right; nothing was recorded." if isinstance(error, Refused) else str(error)
        )
        errors = error.errors if isinstance(error, Refused) else ()
        return problem(status, detail, errors=errors, headers=headers)
    if status == 503:
        response = page(request, "unavailable", status=503)
    else:
        response = PlainTextResponse(f"{HTTPStatus(status).phrase}: {error}\n", status_code=status)
    response.headers.update(headers or {})
    return response


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if _is_for_tools(request):
        return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))
    if error.status_code == 404:
        return not_found(request)
    return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code, headers=error.headers)


def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequest)
    return problem(error.status, str(error))


def _ours(request: Request, _: Exception) -> Response:
    """Nobody outside learns what went wrong; the server logs it."""
    if _is_for_tools(request):
        response = problem(500, "Something went wrong here; it was logged. Perhaps nothing was recorded.")
    else:
        response = PlainTextResponse("Something went wrong here. Please try again.\n", status_code=500)
    # Made outside of the middleware that adds these to every other answer.
    response.headers.update(HEADERS)
    return response


HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    **dict.fromkeys(STATUS, _handle),
    BadRequest: _bad_request,
    HTTPException: _http,
    Exception: _ours,
}
