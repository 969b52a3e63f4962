"""What support does with "stop mailing me": one address, or every address we know at a domain."""

from __future__ import annotations

from datetime import datetime

from prefcenter.domain.addresses import parse_email
from prefcenter.domain.choices import Choice, Source, stopping_action
from prefcenter.domain.purposes import ANY
from prefcenter.storage.units import ChoiceItem, Ref
from prefcenter.use_cases.record_choices import record
from prefcenter.use_cases.services import Services

CHANNEL = "email"
_CHUNK = 200


async def stop_address(
    services: Services, email: str, *, purpose: str, stated_at: datetime | None, reason: str, now: datetime
) -> None:
    """Raises InvalidAddress, Refused (no such purpose), StorageUnavailable."""
    narrow, wide = services.fingerprinter.of_text(email)
    ref = Ref(wide=wide, narrow=narrow)
    await record(services, choices=[_item(services, ref, purpose, stated_at, reason)], now=now)


async def stop_domain(
    services: Services, domain: str, *, purpose: str, stated_at: datetime | None, reason: str, now: datetime
) -> int:
    """Returns how many addresses were stopped. Addresses are sealed, so every one is opened to see."""
    wanted = parse_email(f"postmaster@{domain}").narrow.rpartition("@")[2]
    refs = []
    stopped = 0
    async for contact in services.reader.all_contacts(CHANNEL):
        if services.reader.address(contact).rpartition("@")[2] == wanted:
            refs.append(Ref(wide=contact.wide, narrow=contact.narrow))
        if len(refs) == _CHUNK:
            stopped += await _stop_all(services, refs, purpose, stated_at, reason, now)
            refs = []
    return stopped + await _stop_all(services, refs, purpose, stated_at, reason, now)


async def _stop_all(
    services: Services, refs: list[Ref], purpose: str, stated_at: datetime | None, reason: str, now: datetime
) -> int:
    if refs:
        items = [_item(services, ref, purpose, stated_at, reason) for ref in refs]
        await record(services, choices=items, now=now)
    return len(refs)


def _item(services: Services, ref: Ref, key: str, stated_at: datetime | None, reason: str) -> ChoiceItem:
    purpose = None if key == ANY else services.catalogs.find(key)
    choice = Choice(
        action=stopping_action(key, purpose),
        source=Source.OPERATOR,
        purpose=key,
        channel=ANY if key == ANY else CHANNEL,
        stated_at=stated_at,
    )
    return ChoiceItem(ref=ref, choice=choice, evidence={"method": "command", "reason": reason})
