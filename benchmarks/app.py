"""The application as `serve` runs it, with an empty route beside it to measure against."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from prefcenter.bootstrap import spare_the_collector, web_app
from prefcenter.settings import Settings
from prefcenter.storage import journal
from prefcenter.web.api.auth import KeyRing

_OK = PlainTextResponse("ok\n")
_ring = KeyRing()


async def _empty(_: Request) -> Response:
    return _OK


async def _empty_with_key(request: Request) -> Response:
    """What every operation of the API costs before it does anything."""
    await _ring.authenticate(request, "decisions:read")
    await request.body()
    return _OK


def _settings() -> Settings:
    ours = {name: value for name, value in os.environ.items() if name.startswith("PREFCENTER_")}
    return Settings.from_environ(ours, folder=Path(os.environ["BENCH_FOLDER"]))


if "BENCH_MOST_UNITS" in os.environ:
    journal.MOST_UNITS = int(os.environ["BENCH_MOST_UNITS"])

spare_the_collector()
app = web_app(
    _settings(),
    worker=bool(os.environ.get("BENCH_WORKER")),
    more_routes=[
        Route("/empty", _empty, methods=["POST"]),
        Route("/empty-with-key", _empty_with_key, methods=["POST"]),
    ],
)
