"""Who asks: API keys and their scopes."""

from __future__ import annotations

import time
from collections import OrderedDict

from starlette.requests import Request

from prefcenter.storage.keys import Key, find_key
from prefcenter.use_cases.refusals import NotPermitted
from prefcenter.web.errors import Unauthorized

#: A revoked key stops working within this time.
_REMEMBERED_SECONDS = 1.0
_MOST_REMEMBERED = 1000


class KeyRing:
    """Keys seen a moment ago, so that a busy tool costs one look-up a second."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[Key, float]] = OrderedDict()

    async def authenticate(self, request: Request, scope: str) -> Key:
        """Raises Unauthorized or NotPermitted."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Unauthorized
        key = await self._find(secret.strip())
        require(key, scope)
        return key

    async def _find(self, secret: str) -> Key:
        now = time.monotonic()
        remembered = self._seen.get(secret)
        if remembered is not None and now - remembered[1] < _REMEMBERED_SECONDS:
            return remembered[0]
        key = await find_key(secret)
        if key is None:
            raise Unauthorized
        self._seen[secret] = (key, now)
        while len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return key


def require(key: Key, scope: str) -> None:
    """Raises NotPermitted."""
    if scope not in key.scopes:
        raise NotPermitted(f"the API key '{key.name}' lacks the scope '{scope}'")
