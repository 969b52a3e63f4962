"""Webhook endpoints of marketing tools: make, change, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from ipaddress import ip_address

from prefcenter.domain.address_guard import ADMITTED, TargetRefused, read_target, sort_of
from prefcenter.storage.endpoints import ADD_WEBHOOK, Webhook, new_webhook, webhook_row
from prefcenter.storage.units import Claim, Outcome, StoredAnswer, Unit
from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.use_cases.services import Services


async def add_webhook(
    services: Services,
    *,
    url: str,
    events: Sequence[str],
    description: str,
    secret: str,
    now: datetime,
    claim: Claim | None = None,
    respond: Callable[[Webhook, str], StoredAnswer],
) -> Outcome:
    """Make an endpoint; what is sent to it is signed with `secret`. Raises Refused, KeyReused."""
    check_url(services, url)
    webhook = new_webhook(url=url, events=events, description=description, now=now)
    unit = Unit(
        now=now,
        companions=lambda _: [(ADD_WEBHOOK, webhook_row(webhook, secret, services.vault))],
        claim=claim,
        respond=lambda _: respond(webhook, secret),
    )
    return await services.journal.record(unit)


def check_url(services: Services, url: str) -> None:
    """Raises Refused for a URL we would never call. What its name resolves to is judged as we connect."""
    try:
        target = read_target(url, allow_private=services.settings.allow_private_webhooks)
    except TargetRefused as error:
        raise Refused([ItemError(0, "url", error.reason)]) from error
    try:
        sort = sort_of(ip_address(target.host))
    except ValueError:
        return
    if sort not in ADMITTED[target.reach]:
        raise Refused([ItemError(0, "url", f"the host is an address that is {sort}")])
