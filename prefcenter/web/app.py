"""The ASGI application: routes, middleware, handlers, and what runs beside the requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from prefcenter.mail.render import Templates
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.staying_current import staying_current
from prefcenter.web.errors import HANDLERS
from prefcenter.web.metrics import KeptMetrics
from prefcenter.web.routes import ROUTES
from prefcenter.web.security import SecurityHeaders
from prefcenter.web.state import Web


def create_app(
    *,
    services: Callable[[], AbstractAsyncContextManager[Services]],
    templates: Templates,
    now: Callable[[], datetime],
    https: bool,
    beside: Callable[[Services], AbstractAsyncContextManager[None]] | None = None,
    more_routes: list[BaseRoute] | None = None,
) -> Starlette:
    """The application. `services` opens the parts as it starts; `beside` runs along (worker, demo)."""
    web = Web(templates=templates, now=now)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with services() as opened:
            web.services = opened
            async with staying_current(opened):
                if beside is None:
                    yield
                else:
                    async with beside(opened):
                        yield

    app = Starlette(
        routes=[*ROUTES, *(more_routes or [])],
        middleware=[Middleware(SecurityHeaders, https=https)],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    # A link with a slash too many is not ours, and a one-click must never be answered with a redirect.
    app.router.redirect_slashes = False
    app.state.web = web
    app.state.metrics = KeptMetrics()
    return app
