"""What handlers reach through the request: the services and the templates of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from prefcenter.mail.render import Templates
from prefcenter.use_cases.services import Services
from prefcenter.web.dates import day


@dataclass(kw_only=True)
class Web:
    """One per process. `services` is set while the application is up; `now` tells the time."""

    templates: Templates
    now: Callable[[], datetime]
    services: Services = field(init=False)


def web_of(request: Request) -> Web:
    web: Web = request.app.state.web
    return web


def page(
    request: Request,
    name: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> Response:
    """An HTML page of `templates/pages/`."""
    web = web_of(request)
    catalog = web.services.catalogs.current
    template = web.templates.environment().get_template(f"pages/{name}.html")
    html = template.render(
        controller=catalog.controller if catalog else None,
        notice=catalog.notice if catalog else None,
        root=urlsplit(web.services.settings.base_url).path,
        day=day,
        **context,
    )
    return HTMLResponse(html, status_code=status, headers=headers)
