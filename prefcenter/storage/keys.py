"""API keys: only a hash of the secret is stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.storage.models import ApiKey
from prefcenter.storage.orm import tortoise_errors

#: What a key may be allowed, and what each scope opens.
SCOPES = {
    "decisions:read": "ask whether a message may be sent; read the catalog",
    "choices:write": "record stops and requests",
    "choices:attest": "record a person's own act on a form of yours, or a yes from elsewhere",
    "subjects:write": "make people and record facts on them",
    "subjects:read": "look a person up, with their history",
    "links:write": "mint unsubscribe and preference links",
    "links:session": "mint links for users signed in at the host application",
    "changes:read": "read the ledger in commit order",
    "webhooks:write": "manage webhook endpoints",
}

_PREFIX = "pc_"


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None


class KeyExists(Exception):
    """A key of this name exists, perhaps revoked: names are not used twice."""


def key_digest(secret: str) -> str:
    """256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def create_key(name: str, scopes: Sequence[str], now: datetime) -> str:
    """Make a key and give back its secret, the only time it is seen. Raises KeyExists."""
    if await ApiKey.filter(name=name).exists():
        raise KeyExists(name)
    secret = _PREFIX + secrets.token_urlsafe(32)
    await ApiKey.create(
        name=name, digest=key_digest(secret), scopes=" ".join(sorted(set(scopes))), created_at=now
    )
    return secret


async def list_keys() -> list[Key]:
    return [_key(row) for row in await ApiKey.all().order_by("name")]


async def revoke_key(name: str, now: datetime) -> bool:
    """Returns whether there was such a key that still worked."""
    return bool(await ApiKey.filter(name=name, revoked_at__isnull=True).update(revoked_at=now))


async def find_key(secret: str) -> Key | None:
    """The working key with this secret. Looked up by hash, so timing says nothing of the secret.

    Raises StorageUnavailable.
    """
    with tortoise_errors():
        row = await ApiKey.get_or_none(digest=key_digest(secret), revoked_at__isnull=True)
    return None if row is None else _key(row)


def _key(row: ApiKey) -> Key:
    return Key(row.name, frozenset(row.scopes.split()), row.created_at, row.revoked_at)
