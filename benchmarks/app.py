"""The application as `serve` runs it, with an empty route beside it to measure against."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from prefcenter.bootstrap import web_app
from prefcenter.settings import Settings
from prefcenter.storage import journal

_OK = PlainTextResponse("ok\n")


async def _empty(_: Request) -> Response:
    return _OK


def _settings() -> Settings:
    ours = {name: value for name, value in os.environ.items() if name.startswith("PREFCENTER_")}
    return Settings.from_environ(ours, folder=Path(os.environ["BENCH_FOLDER"]))


if "BENCH_MOST_UNITS" in os.environ:
    journal.MOST_UNITS = int(os.environ["BENCH_MOST_UNITS"])

app = web_app(
    _settings(),
    worker=bool(os.environ.get("BENCH_WORKER")),
    more_routes=[Route("/empty", _empty, methods=["POST"])],
)
