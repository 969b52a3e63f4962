"""The API as a tool meets it: over HTTP, with a key, on a running application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from tortoise.backends.base.executor import EXECUTOR_CACHE

from prefcenter.bootstrap import utc_now, web_app
from prefcenter.settings import Settings
from prefcenter.storage.keys import SCOPES, create_key
from prefcenter.use_cases.services import Services

PURPOSES = ("newsletter", "offers", "account", "partner-offers")

CATALOG = """
[controller]
name = "Example Ltd"
postal_address = "1 Example Street, Example City"
email = "privacy@example.com"

[purposes.newsletter]
title = "Product newsletter"
description = "Monthly product news and tips."
kind = "marketing"
channels = ["email"]
basis = "consent"

[purposes.offers]
title = "Offers for customers"
description = "Offers on products similar to what you bought."
kind = "marketing"
channels = ["email"]
basis = "legitimate_interest"
similar_to_purchase = true

[purposes.account]
title = "Your account"
description = "Invoices and changes to your account."
kind = "service"
category = "account"
why = "We cannot run your account without them."
channels = ["email"]
basis = "contract"

[purposes.partner-offers]
title = "Offers from our partner"
description = "We give your address to Partner Inc."
kind = "disclosure"
channels = ["email"]
basis = "consent"
recipients = ["partner-inc"]

[recipients.partner-inc]
name = "Partner Inc"
email = "privacy@partner.example"
"""

ADA = {"email": "ada@example.com"}

SECRETS = {
    "PREFCENTER_SECRET_KEYS": "a-key-for-the-tests-" * 3,
    "PREFCENTER_PEPPER": "a-pepper-for-tests-" * 3,
}

_names = count(1)


def settings_of(folder: Path, database_url: str, **variables: str) -> Settings:
    """Settings with the catalog above, which is written into `folder`."""
    (folder / "prefcenter.toml").write_text(CATALOG)
    environ = {**SECRETS, "PREFCENTER_DATABASE_URL": database_url}
    environ |= {f"PREFCENTER_{name}": value for name, value in variables.items()}
    return Settings.from_environ(environ, folder=folder)


class Api:
    """Calls with a key that may do everything, unless told otherwise."""

    def __init__(self, app: Starlette, client: httpx2.AsyncClient, secret: str) -> None:
        self.app = app
        self.client = client
        self.secret = secret

    @property
    def services(self) -> Services:
        services: Services = self.app.state.web.services
        return services

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        """`key`: another API key. `headers`: more headers. `content`: bytes instead of a JSON body."""
        headers = {"Authorization": f"Bearer {options.pop('key', self.secret)}", **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        return await self.call("POST", path, body, **options)

    async def done(self, path: str, body: Any, status: int = 200, **options: Any) -> Any:
        """What a POST that must succeed answers."""
        response = await self.post(path, body, **options)
        assert response.status_code == status, response.text
        return response.json()

    async def read(self, path: str) -> Any:
        """What a GET that must succeed answers."""
        response = await self.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    async def choose(self, email: str, action: str = "give", purpose: str = "newsletter", **more: Any) -> Any:
        """One choice on a form, and what came of it."""
        choice = {"subject": {"email": email}, "purpose": purpose, "action": action, "source": "form", **more}
        return (await self.done("/v1/choices", {"choices": [choice]}))["results"][0]

    async def decide(self, email: str, purpose: str = "newsletter", **more: Any) -> Any:
        asked = {"purpose": purpose, "recipients": [{"email": email}], **more}
        return (await self.done("/v1/decisions", asked))["decisions"][0]

    async def head(self) -> int:
        """The ledger's last entry; the same before and after: nothing was recorded."""
        return await self.services.reader.head()

    async def key(self, *scopes: str) -> str:
        return await create_key(f"key-{next(_names)}", scopes, utc_now())


def scopes_without(*left_out: str) -> set[str]:
    return set(SCOPES) - set(left_out)


def errors_of(response: httpx2.Response) -> list[tuple[int, str]]:
    """Index and field of each error of a refused request."""
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return [(error["index"], error["field"]) for error in response.json()["errors"]]


@asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[None]:
    """Run the lifespan in a task of its own, as a server does."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            started.set()
            await stop.wait()

    task = asyncio.create_task(live())
    starting = asyncio.create_task(started.wait())
    await asyncio.wait([task, starting], return_when=asyncio.FIRST_COMPLETED)
    starting.cancel()
    try:
        if not task.done():
            yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def open_api(settings: Settings) -> AsyncIterator[Api]:
    # Tortoise remembers statements per process, whatever the database; the tests change databases.
    EXECUTOR_CACHE.clear()
    app = web_app(settings, worker=False)
    transport = httpx2.ASGITransport(app=app)
    async with running(app), httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        secret = await create_key(f"all-{next(_names)}", list(SCOPES), utc_now())
        yield Api(app, client, secret)
