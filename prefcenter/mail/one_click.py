"""What a mail program does with the headers of RFC 8058: read them strictly, press the button."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from prefcenter.mail.list_headers import ONE_CLICK, is_one_click_url

_URIS = re.compile(r"\s*<[^<>]*>(?:\s*,\s*<[^<>]*>)*\s*")
_URI = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, kw_only=True, slots=True)
class OneClick:
    """Where one POST unsubscribes."""

    url: str


def parse_one_click(headers: Sequence[tuple[str, str]]) -> OneClick | None:
    """None unless there is exactly one of each field, one https URI, and the exact pair.

    A receiver also asks for a DKIM signature over both fields; mail that never left this machine has none.
    http is accepted for loopback only.
    """
    where = _values(headers, "list-unsubscribe")
    how = _values(headers, "list-unsubscribe-post")
    if len(where) != 1 or len(how) != 1 or how[0].strip() != ONE_CLICK or not _URIS.fullmatch(where[0]):
        return None
    # RFC 2369: white space inside the brackets is ignored.
    uris = ["".join(uri.split()) for uri in _URI.findall(where[0])]
    posts = [uri for uri in uris if uri.lower().startswith(("https:", "http:"))]
    return OneClick(url=posts[0]) if len(posts) == 1 and is_one_click_url(posts[0]) else None


async def press(one_click: OneClick, client: httpx2.AsyncClient) -> int:
    """The one-click POST; returns the HTTP status, 200 when it is done. No answer: httpx2.HTTPError.

    Built apart from `client`, whose cookies, login and redirects RFC 8058 does not allow here.
    """
    pair = dict([ONE_CLICK.split("=")])
    request = httpx2.Request(
        "POST", one_click.url, files={name: (None, value) for name, value in pair.items()}
    )
    answer = await client.send(request, auth=_no_auth, follow_redirects=False)
    return answer.status_code


def _no_auth(request: httpx2.Request) -> httpx2.Request:
    return request


def _values(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [value for header, value in headers if header.lower() == name]
