"""`/p/{token}`: what somebody gets, and what they want of it. GET shows, POST saves and shows again."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from prefcenter.domain.addresses import mask
from prefcenter.links import BadLink, ManageLink
from prefcenter.use_cases.manage_preferences import (
    LinkVoid,
    Preferences,
    Saved,
    save_preferences,
    show_preferences,
    stop_all_marketing,
)
from prefcenter.web.body import PUBLIC_LIMIT, read_body, read_form, read_shown_seq
from prefcenter.web.errors import not_found
from prefcenter.web.pages.preference_form import PreferenceForm
from prefcenter.web.state import Web, page, web_of


async def preferences(request: Request) -> Response:
    """A link that was void when it was opened answers as one that never was."""
    web = web_of(request)
    try:
        link = web.services.links.read_manage(request.path_params["token"])
        if request.method != "POST":
            return await _show(request, web, link)
        return await _act(request, web, link)
    except (BadLink, LinkVoid):
        return not_found(request)


async def _show(
    request: Request, web: Web, link: ManageLink, saved: Sequence[Saved] | None = None
) -> Response:
    now = web.now()
    shown = await show_preferences(web.services, link, now)
    if _can_only_stop(link, shown, web):
        return page(request, "stop_only")
    form = PreferenceForm(web)
    return page(
        request,
        "preferences",
        saved=saved,
        shown_seq=shown.shown_seq,
        address=mask(shown.address or ""),
        rows=[form.row(row) for row in shown.rows],
        questions=shown.questions,
    )


async def _act(request: Request, web: Web, link: ManageLink) -> Response:
    fields = read_form(request, await read_body(request, PUBLIC_LIMIT))
    if ("stop", "all") in fields:
        await stop_all_marketing(web.services, link, web.now())
        return page(request, "stopped", everything=True, purpose=None, undo=None, see_choices=True)
    shown = await show_preferences(web.services, link, web.now())
    if _can_only_stop(link, shown, web):
        return page(request, "stop_only")
    form = PreferenceForm(web)
    saved = await save_preferences(
        web.services,
        link,
        shown_seq=read_shown_seq(fields),
        answers=form.answers(fields, shown.rows),
        now=web.now(),
    )
    return await _show(request, web, link, saved)


def _can_only_stop(link: ManageLink, shown: Preferences, web: Web) -> bool:
    return link.expired(web.now()) or shown.address is None
