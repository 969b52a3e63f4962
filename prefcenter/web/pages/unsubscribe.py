"""`/u/{token}`: the page a footer link opens, and where mail programs post their one click (RFC 8058)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from prefcenter.domain.addresses import mask
from prefcenter.domain.choices import Source
from prefcenter.domain.purposes import ANY
from prefcenter.links import BadLink, StopLink, UndoLink
from prefcenter.use_cases.stop_mail import stop_by_link, undo_stop
from prefcenter.web.body import PUBLIC_LIMIT, read_body, read_form
from prefcenter.web.errors import not_found
from prefcenter.web.state import Web, page, web_of

_ONE_CLICK_DONE = PlainTextResponse("Unsubscribed.\n")


async def unsubscribe(request: Request) -> Response:
    """GET shows, POST acts: scanners open every link in a mail, and only people press buttons."""
    web = web_of(request)
    token = request.path_params["token"]
    try:
        link = web.services.links.read_stop(token)
    except BadLink:
        return not_found(request)
    if request.method != "POST":
        return await _show(request, web, link)
    body = await read_body(request, PUBLIC_LIMIT)
    evidence: dict[str, Any] = {"method": "one_click"}
    if not _is_one_click(body):
        form = read_form(request, body)
        # A form that says several things means the widest stop.
        stops = [value for name, value in form if name == "stop"]
        if stops:
            return await _stop_by_page(request, web, link, everything="all" in stops)
        if undo := dict(form).get("undo"):
            return await _undo(request, web, link, undo)
        # Whatever else arrives here was meant to stop something: an opt-out is never refused for its form.
        evidence["unusual_body"] = True
    await stop_by_link(
        web.services, link, everything=False, source=Source.ONE_CLICK, evidence=evidence, now=web.now()
    )
    return _ONE_CLICK_DONE


def _is_one_click(body: bytes) -> bool:
    """The pair of RFC 8058, as a form or in a multipart body."""
    return b"List-Unsubscribe" in body and b"One-Click" in body


async def _show(request: Request, web: Web, link: StopLink) -> Response:
    address = await web.services.reader.address_at(link.wide)
    return page(
        request,
        "unsubscribe",
        purpose=web.services.catalogs.find(link.purpose),
        everything=link.purpose == ANY,
        address=mask(address) if address else None,
    )


async def _stop_by_page(request: Request, web: Web, link: StopLink, *, everything: bool) -> Response:
    now = web.now()
    result = await stop_by_link(
        web.services,
        link,
        everything=everything,
        source=Source.PAGE,
        evidence={"method": "page"},
        now=now,
    )
    return page(
        request,
        "stopped",
        purpose=web.services.catalogs.find(link.purpose),
        everything=everything or link.purpose == ANY,
        undo=web.services.links.undo(UndoLink(result.entry, now)),
    )


async def _undo(request: Request, web: Web, link: StopLink, token: str) -> Response:
    try:
        undo = web.services.links.read_undo(token)
    except BadLink:
        return not_found(request)
    undone = await undo_stop(web.services, link, undo, now=web.now())
    return page(request, "undone", undone=undone)
