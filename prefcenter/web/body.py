"""Request bodies: read within a limit, and forms as our pages and mail programs send them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request

PUBLIC_LIMIT = 64 * 1024
API_LIMIT = 16 * 1024 * 1024

_FIELDS = 500


class BodyTooLarge(Exception):
    """More than the route takes; `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body may have {limit} bytes")
        self.limit = limit


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as it is clear, without reading on."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise BodyTooLarge(limit)
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge(limit)
        parts.append(part)
    return b"".join(parts)


def read_form(request: Request, body: bytes) -> list[tuple[str, str]]:
    """The fields of a urlencoded form; none for anything else, or for what cannot be read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return []
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        return []


def read_shown_seq(fields: Sequence[tuple[str, str]]) -> int:
    """The ledger's head when the page was made; 0, older than every stop, where it cannot be read."""
    text = next((value for name, value in fields if name == "shown_seq"), "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
