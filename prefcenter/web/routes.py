"""The map of the site."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from prefcenter.mail.render import shipped_templates
from prefcenter.web.api.openapi import openapi
from prefcenter.web.api.operations import api_routes
from prefcenter.web.health import healthz, readyz
from prefcenter.web.hooks import METHODS, hook
from prefcenter.web.metrics import metrics
from prefcenter.web.pages.choice import choice
from prefcenter.web.pages.confirm import confirm
from prefcenter.web.pages.preferences import preferences
from prefcenter.web.pages.task import task
from prefcenter.web.pages.unsubscribe import unsubscribe


class _Static(StaticFiles):
    """Kept by browsers for an hour: every page of a visit shows the same style sheet."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=3600"
        return response


ROUTES: list[BaseRoute] = [
    # First, because mail programs and scanners come here in storms.
    Route("/u/{token}", unsubscribe, methods=["GET", "POST"]),
    Route("/p/{token}", preferences, methods=["GET", "POST"]),
    Route("/c/{token}", confirm, methods=["GET", "POST"]),
    Route("/n/{token}", choice, methods=["GET", "POST"]),
    Route("/t/{token}", task, methods=["GET", "POST"]),
    Route("/hooks/{connection}", hook, methods=METHODS),
    *api_routes(),
    Route("/v1/openapi.json", openapi),
    Route("/healthz", healthz),
    Route("/readyz", readyz),
    Route("/metrics", metrics),
    Mount("/static", _Static(directory=shipped_templates() / "static"), name="static"),
]
