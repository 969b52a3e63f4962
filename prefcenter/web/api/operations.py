"""The API as data: routes, scopes and the OpenAPI document are all made from this list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from prefcenter.storage.keys import Key
from prefcenter.web.api import answers, campaigns, decisions, reading, subjects, types, webhooks
from prefcenter.web.api.auth import KeyRing


class _Hex128(StringConvertor):
    """Only what can be an id is one, so that `/v1/subjects/lookup` is no subject."""

    regex = "[0-9a-f]{32}"


register_url_convertor("hex128", _Hex128())

Handler = Callable[[Request, Key], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """`takes` and `gives` are types; `changes`: it takes an Idempotency-Key; `query`: its parameters."""

    method: str
    path: str
    scope: str
    handler: Handler
    summary: str
    takes: type | None = None
    gives: type | None = None
    status: int = 200
    changes: bool = False
    query: tuple[tuple[str, str], ...] = ()


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/v1/purposes",
        scope="decisions:read",
        handler=reading.get_purposes,
        gives=answers.PurposesResponse,
        summary="The catalog in force, with versions",
    ),
    Operation(
        method="POST",
        path="/v1/subjects",
        scope="subjects:write",
        handler=subjects.post_subjects,
        takes=types.SubjectsRequest,
        gives=answers.SubjectsResponse,
        changes=True,
        summary="Make people, or update facts on them; never a choice",
    ),
    Operation(
        method="POST",
        path="/v1/choices",
        scope="choices:write",
        handler=subjects.post_choices,
        takes=types.ChoicesRequest,
        gives=answers.ChoicesResponse,
        changes=True,
        summary="Record choices: all of them, or none",
    ),
    Operation(
        method="POST",
        path="/v1/decisions",
        scope="decisions:read",
        handler=decisions.post_decisions,
        takes=types.DecisionsRequest,
        gives=answers.DecisionsResponse,
        summary="May this be sent, to each of these people?",
    ),
    Operation(
        method="POST",
        path="/v1/links",
        scope="links:write",
        handler=reading.post_links,
        takes=types.LinksRequest,
        gives=answers.LinksResponse,
        summary="Mint unsubscribe and preference links, with the headers to send along",
    ),
    Operation(
        method="POST",
        path="/v1/subjects/lookup",
        scope="subjects:read",
        handler=reading.post_lookup,
        takes=types.LookupRequest,
        gives=answers.SubjectResponse,
        summary="Who has this address, and how they stand",
    ),
    Operation(
        method="GET",
        path="/v1/subjects/{id}",
        scope="subjects:read",
        handler=reading.get_subject,
        gives=answers.SubjectResponse,
        summary="A person and how they stand",
    ),
    Operation(
        method="GET",
        path="/v1/subjects/{id}/history",
        scope="subjects:read",
        handler=reading.get_history,
        gives=answers.HistoryResponse,
        summary="Every choice of a person, with its evidence",
    ),
    Operation(
        method="GET",
        path="/v1/changes",
        scope="changes:read",
        handler=reading.get_changes,
        gives=answers.ChangesResponse,
        query=(("after", "a cursor; left out: from the beginning"), ("limit", "1 to 1000; 100 if left out")),
        summary="The ledger in commit order",
    ),
    Operation(
        method="GET",
        path="/v1/campaigns",
        scope="decisions:read",
        handler=campaigns.get_campaigns,
        gives=campaigns.CampaignsResponse,
        summary="How the campaigns about new and changed purposes stand",
    ),
    Operation(
        method="GET",
        path="/v1/webhooks",
        scope="webhooks:write",
        handler=webhooks.get_webhooks,
        gives=answers.WebhooksResponse,
        summary="The webhook endpoints, and how their deliveries fare",
    ),
    Operation(
        method="POST",
        path="/v1/webhooks",
        scope="webhooks:write",
        handler=webhooks.post_webhooks,
        takes=types.WebhookIn,
        gives=answers.WebhookOut,
        status=201,
        changes=True,
        summary="Make a webhook endpoint; its secret is shown once",
    ),
    Operation(
        method="PATCH",
        path="/v1/webhooks/{id}",
        scope="webhooks:write",
        handler=webhooks.patch_webhook,
        takes=types.WebhookPatch,
        gives=answers.WebhookOut,
        summary="Change a webhook endpoint",
    ),
    Operation(
        method="DELETE",
        path="/v1/webhooks/{id}",
        scope="webhooks:write",
        handler=webhooks.remove_webhook,
        status=204,
        summary="Delete a webhook endpoint; what waits for it is given up",
    ),
)


def api_routes() -> list[BaseRoute]:
    """One route for each path, so that the answer to a wrong method names all the right ones."""
    ring = KeyRing()
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [_route(path, operations, ring) for path, operations in by_path.items()]


def _route(path: str, operations: Mapping[str, Operation], ring: KeyRing) -> Route:
    async def endpoint(request: Request) -> Response:
        operation = operations["GET" if request.method == "HEAD" else request.method]
        key = await ring.authenticate(request, operation.scope)
        return await operation.handler(request, key)

    return Route(path.replace("{id}", "{id:hex128}"), endpoint, methods=list(operations))
