"""A JSON body to its type, with errors that name index and field."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from starlette.requests import Request

from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.web.api.types import REMEDIES
from prefcenter.web.body import API_LIMIT, read_body
from prefcenter.web.errors import BadRequest

T = TypeVar("T")

_AT = re.compile(r"^(?P<message>.*) - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_INDEXED = re.compile(r"^(?P<list>\w+)\[(?P<index>\d+)\]\.?(?P<field>.*)$")
_PATTERN = re.compile(r"^Expected `str` matching regex (?P<pattern>'.*')$", re.DOTALL)
_REMEDIES = {repr(pattern): remedy for pattern, remedy in REMEDIES.items()}
_NAMED = re.compile(r"`(?P<field>[^`]*)`")


async def decode(request: Request, kind: type[T]) -> tuple[T, bytes]:
    """The body as `kind`, and its bytes. Raises BadRequest (no JSON), Refused (wrong JSON), BodyTooLarge."""
    body = await read_body(request, API_LIMIT)
    try:
        return msgspec.json.decode(body, type=kind), body
    except msgspec.ValidationError as error:
        raise Refused([_located(str(error))]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest("The body is not JSON; send an object as the API's document says.") from error


def _located(text: str) -> ItemError:
    """msgspec says where in a path like `$.choices[3].subject.email`."""
    found = _AT.match(text)
    message, path = (found["message"], found["path"]) if found else (text, "")
    index, field = 0, path
    if inside := _INDEXED.match(path):
        index, field = int(inside["index"]), inside["field"]
    if "field" in message or message.startswith("`"):
        # The path leads to the object; which of its fields stands in the message.
        if named := _NAMED.search(message):
            field = f"{field}.{named['field']}".strip(".")
        if "unknown field" in message:
            message = "there is no such field"
    if unlike := _PATTERN.match(message):
        message = _REMEDIES.get(unlike["pattern"], message)
    return ItemError(index, field or (inside["list"] if inside else "body"), message)
