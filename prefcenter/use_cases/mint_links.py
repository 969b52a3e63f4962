"""Signed links for a list of recipients. Creates nobody and reads no table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from prefcenter.links import MAX_CAMPAIGN
from prefcenter.mail.list_headers import feedback_about, unsubscribe_headers
from prefcenter.use_cases.record_choices import no_such_purpose
from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.use_cases.services import Services


@dataclass(frozen=True, slots=True)
class Minted:
    """`fingerprint`: names this address in events about people we do not know."""

    unsubscribe_url: str
    preferences_url: str
    headers: Mapping[str, str]
    fingerprint: str


def minter(services: Services, purpose_key: str, campaign: str, *, now: datetime) -> Callable[[str], Minted]:
    """A function from an address to its links. It raises InvalidAddress.

    Raises Refused for a purpose that nobody can opt out of: a one-click that stops nothing would be a lie.
    """
    purpose = services.catalogs.find(purpose_key)
    if purpose is None or purpose.retired:
        raise Refused([ItemError(0, "purpose", no_such_purpose(services))])
    if not purpose.is_a_choice:
        message = (
            f"'{purpose_key}' is sent on the basis '{purpose.basis}': there is nothing to unsubscribe from"
        )
        raise Refused([ItemError(0, "purpose", message)])
    if len(campaign) > MAX_CAMPAIGN or not campaign.isprintable():
        raise Refused([ItemError(0, "campaign", f"up to {MAX_CAMPAIGN} printable characters")])
    settings = services.settings
    stop_token = services.links.stop_minter(purpose_key, campaign)
    signed_id = services.links.feedback_minter(feedback_about(purpose_key, campaign or None))
    manage_token = services.links.manage_minter(now)
    fingerprints = services.fingerprinter.of_text
    host = urlsplit(settings.base_url).hostname or "localhost"
    stop_base, manage_base = f"{settings.base_url}/u/", f"{settings.base_url}/p/"
    mailto, title = settings.unsubscribe_address, purpose.title

    def mint(address: str) -> Minted:
        narrow, wide = fingerprints(address)
        token = stop_token(wide)
        url = stop_base + token
        headers = unsubscribe_headers(
            url, title, purpose_key, host, mailto, token, campaign or None, signed_id(wide)
        )
        return Minted(url, manage_base + manage_token(narrow, wide), headers, wide.hex())

    return mint
