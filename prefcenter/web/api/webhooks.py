"""`/v1/webhooks`: endpoints of marketing tools."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from email_hooks.signatures import new_secret
from prefcenter.storage.delivery_queue import DeliveryQueue
from prefcenter.storage.endpoints import Webhook, change_webhook, delete_webhook, list_webhooks
from prefcenter.storage.keys import Key
from prefcenter.storage.units import StoredAnswer
from prefcenter.use_cases.webhooks import add_webhook, check_url
from prefcenter.web.api.answers import WebhookOut, WebhooksResponse
from prefcenter.web.api.decoding import decode
from prefcenter.web.api.reading import reply
from prefcenter.web.api.subjects import answer_of, claim_of
from prefcenter.web.api.types import WebhookIn, WebhookPatch
from prefcenter.web.errors import problem
from prefcenter.web.state import web_of


async def post_webhooks(request: Request, key: Key) -> Response:
    web = web_of(request)
    wanted, body = await decode(request, WebhookIn)

    def respond(webhook: Webhook, secret: str) -> StoredAnswer:
        return StoredAnswer(201, msgspec.json.encode(_out(webhook, secret=secret)))

    outcome = await add_webhook(
        web.services,
        url=wanted.url,
        events=wanted.events,
        description=wanted.description,
        secret=new_secret(),
        now=web.now(),
        claim=claim_of(request, key, body),
        respond=respond,
    )
    return answer_of(outcome)


async def get_webhooks(request: Request, _: Key) -> Response:
    services = web_of(request).services
    counts = await DeliveryQueue(services.database, services.vault).counts()
    webhooks = [_out(webhook, counts=counts.get(webhook.id)) for webhook in await list_webhooks()]
    return reply(WebhooksResponse(webhooks=webhooks))


async def patch_webhook(request: Request, _: Key) -> Response:
    wanted, _body = await decode(request, WebhookPatch)
    changes = msgspec.to_builtins(wanted)
    if "url" in changes:
        check_url(web_of(request).services, changes["url"])
    if "events" in changes:
        changes["events"] = " ".join(sorted(set(changes["events"])))
    if "state" in changes:
        changes["state_reason"] = None
    webhook = await change_webhook(request.path_params["id"], changes)
    return problem(404, "No webhook has this id.") if webhook is None else reply(_out(webhook))


async def remove_webhook(request: Request, _: Key) -> Response:
    if not await delete_webhook(request.path_params["id"]):
        return problem(404, "No webhook has this id.")
    return Response(status_code=204)


def _out(webhook: Webhook, *, secret: str | None = None, counts: dict[str, int] | None = None) -> WebhookOut:
    return WebhookOut(
        id=webhook.id,
        url=webhook.url,
        events=list(webhook.events),
        description=webhook.description,
        state=webhook.state,
        state_reason=webhook.state_reason,
        created_at=webhook.created_at,
        secret=secret,
        deliveries=counts or {},
    )
