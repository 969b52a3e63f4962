"""The ASGI application: routes, middleware, handlers, and what runs beside the requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from prefcenter.mail.render import Templates
from prefcenter.storage.database import StorageUnavailable
from prefcenter.use_cases.services import Services
from prefcenter.web.errors import HANDLERS
from prefcenter.web.routes import ROUTES
from prefcenter.web.security import SecurityHeaders
from prefcenter.web.state import Web

#: Another process's `apply` is seen within this time.
REFRESH_SECONDS = 1.0

log = structlog.get_logger(__name__)


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
            ending = asyncio.Event()
            refreshing = asyncio.create_task(_refresh(opened, ending))
            try:
                if beside is None:
                    yield
                else:
                    async with beside(opened):
                        yield
            finally:
                # Told, not cancelled: a cancellation can get lost inside a driver.
                ending.set()
                await refreshing

    app = Starlette(
        routes=[*ROUTES, *(more_routes or [])],
        middleware=[Middleware(SecurityHeaders, https=https)],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    # A link with a slash too many is not ours, and a one-click must never be answered with a redirect.
    app.router.redirect_slashes = False
    app.state.web = web
    return app


async def _refresh(services: Services, ending: asyncio.Event) -> None:
    while not ending.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), REFRESH_SECONDS)
            return
        try:
            if await services.catalogs.refresh():
                log.info("catalog reloaded")
        except StorageUnavailable as error:
            log.warning("catalog not reloaded", error=str(error))
