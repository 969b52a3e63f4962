"""`/t/{token}`: where a third party confirms that it acted on the end of a permission."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from prefcenter.domain.addresses import mask
from prefcenter.links import BadLink
from prefcenter.storage.tasks import CONFIRMED
from prefcenter.storage.vault import CannotUnseal
from prefcenter.use_cases.third_parties import TaskDetails, address_of, confirm, details_of
from prefcenter.web.dates import day
from prefcenter.web.errors import not_found
from prefcenter.web.state import Web, page, web_of


async def task(request: Request) -> Response:
    """GET shows, POST confirms, as often as it comes: the first time counts."""
    web = web_of(request)
    try:
        link = web.services.links.read_task(request.path_params["token"])
    except BadLink:
        return not_found(request)
    now = web.now()
    details = await details_of(web.services, link.task, now)
    if details is not None and request.method == "POST" and details.task.state != CONFIRMED:
        await confirm(web.services, link.task, now)
        details = await details_of(web.services, link.task, now)
    return not_found(request) if details is None else _show(request, web, details)


def _show(request: Request, web: Web, details: TaskDetails) -> Response:
    try:
        address = address_of(web.services, details.task)
    except CannotUnseal:
        # What was asked for can be confirmed all the same.
        address = None
    return page(
        request,
        "task",
        details=details,
        done=details.task.state == CONFIRMED,
        address=mask(address) if address else None,
        moment=day,
    )
