"""`/hooks/{connection}`: what a mailing provider tells, verified by its own scheme, kept, then answered."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from email_hooks import HookEvent, HookRequest, Malformed, NotAuthentic, NotConfigured, receive
from prefcenter.accounts import Account
from prefcenter.use_cases.keep_hooks import keep_hooks
from prefcenter.web.body import read_body
from prefcenter.web.errors import RETRY_AFTER_SECONDS, not_found
from prefcenter.web.state import web_of

#: The largest batches of the providers are below it.
HOOK_LIMIT = 5 * 1024 * 1024

METHODS = ["GET", "HEAD", "POST"]

log = structlog.get_logger(__name__)


async def hook(request: Request) -> Response:
    """200 once what it says is durable. What cannot be verified says nothing; trouble of ours is a 503, so
    that it is sent again. Nothing of it is logged: its query may hold a secret, its body an address."""
    accounts = web_of(request).services.accounts.now
    key = request.path_params["connection"]
    account = accounts.usable.get(key)
    if account is None:
        if key not in accounts.problems:
            log.warning("a hook for no connection of the file")
            return not_found(request)
        log.error(
            "a hook waits: its connection cannot be used", connection=key, problems=accounts.problems[key]
        )
        return _our_trouble()
    if request.method != "POST":
        return _probed(request.method, account)
    return await _receive(request, account)


def _probed(method: str, account: Account) -> Response:
    """Some providers ask whether anybody is there as the webhook is made."""
    if method in account.provider.capabilities.probes:
        return Response()
    return PlainTextResponse("Method Not Allowed\n", status_code=405, headers={"allow": "POST"})


async def _receive(request: Request, account: Account) -> Response:
    web = web_of(request)
    now = web.now()
    arrived = HookRequest(
        method=request.method,
        url=_url(request, web.services.settings.base_url),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
        body=await read_body(request, HOOK_LIMIT),
    )
    try:
        if account.provider.capabilities.fetches:
            events = await asyncio.to_thread(_events, account, arrived, now)
        else:
            events = _events(account, arrived, now)
    except NotAuthentic as error:
        log.warning("hook refused", connection=account.key, reason=str(error))
        return _forged(account)
    except Malformed as error:
        log.warning("hook refused", connection=account.key, reason=str(error))
        return PlainTextResponse("Bad Request\n", status_code=400)
    except NotConfigured as error:
        log.error("a hook waits: its connection cannot be used", connection=account.key, problems=str(error))
        return _our_trouble()
    await keep_hooks(web.services, account.key, events, now)
    return Response()


def _events(account: Account, arrived: HookRequest, now: datetime) -> list[HookEvent]:
    return receive(account.provider.name, arrived, account.config, now)


def _url(request: Request, base_url: str) -> str:
    """As the provider was given it: what the request says of its host is anybody's word."""
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    return f"{base_url}{path}?{query}" if query else f"{base_url}{path}"


def _forged(account: Account) -> Response:
    # SNS sends the login of its URL only once it was asked for it.
    asks = {"www-authenticate": 'Basic realm="hooks"'} if account.config.get("basic") else None
    return PlainTextResponse("Unauthorized\n", status_code=401, headers=asks)


def _our_trouble() -> Response:
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
    return PlainTextResponse("Service Unavailable\n", status_code=503, headers=headers)
