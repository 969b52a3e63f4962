"""`/healthz`: this process runs. `/readyz`: it can record an opt-out now."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prefcenter.storage.database import check_writable
from prefcenter.web.state import web_of


async def healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Answers 503 while the database cannot be written or no catalog is in force."""
    services = web_of(request).services
    await check_writable(services.database)
    purposes = len(services.catalog.purposes)
    return JSONResponse({"status": "ok", "database": services.database.dialect, "purposes": purposes})
