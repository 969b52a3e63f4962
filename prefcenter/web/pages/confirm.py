"""`/c/{token}`: the page that a mail asks to confirm on. GET shows; POST, and nothing else, confirms."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from prefcenter.domain.addresses import mask
from prefcenter.links import BadLink, ConfirmLink
from prefcenter.use_cases.answer_confirmation import LinkExpired, Shown, show_confirmation
from prefcenter.use_cases.answer_confirmation import confirm as record_confirmation
from prefcenter.use_cases.manage_preferences import LinkVoid
from prefcenter.web.body import PUBLIC_LIMIT, read_body, read_form, read_shown_seq
from prefcenter.web.errors import not_found
from prefcenter.web.state import Web, page, web_of

_LONGEST_USER_AGENT = 500


async def confirm(request: Request) -> Response:
    """A link to an address that changed hands answers as one that never was."""
    web = web_of(request)
    try:
        link = web.services.links.read_confirm(request.path_params["token"])
        if request.method == "POST":
            shown = await _confirm(request, web, link)
        else:
            shown = await show_confirmation(web.services, link, web.now())
    except LinkExpired:
        return page(request, "confirm_expired", status=410)
    except (BadLink, LinkVoid):
        return not_found(request)
    answered = shown.confirmed_at is not None or shown.stopped
    return page(
        request,
        "confirmed" if answered else "confirm",
        button=_button(web),
        address=mask(shown.address),
        rows=shown.rows,
        shown_seq=shown.shown_seq,
        stopped=shown.stopped,
        until=shown.until,
        confirmed_at=shown.confirmed_at,
        manage_token=shown.manage_token,
    )


async def _confirm(request: Request, web: Web, link: ConfirmLink) -> Shown:
    fields = read_form(request, await read_body(request, PUBLIC_LIMIT))
    return await record_confirmation(
        web.services,
        link,
        shown_seq=read_shown_seq(fields),
        button=_button(web),
        evidence=_where_from(request),
        now=web.now(),
    )


def _button(web: Web) -> str:
    return str(vars(web.templates.environment().get_template("pages/labels.txt").module)["confirm"])


def _where_from(request: Request) -> dict[str, Any]:
    """What a court asks for beside the time: where the yes came from."""
    evidence: dict[str, Any] = {}
    if request.client is not None:
        evidence["ip"] = request.client.host
    if agent := request.headers.get("user-agent"):
        evidence["user_agent"] = agent[:_LONGEST_USER_AGENT]
    return evidence
