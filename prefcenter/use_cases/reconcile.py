"""Compare what a provider holds back with what it must: take in, confirm, push again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from email_hooks import Malformed, NotConfigured
from email_hooks.events import EventKind, HookEvent
from email_hooks.http import Http, PushError
from email_hooks.provider import Suppressed, capabilities_of
from prefcenter.accounts import Account
from prefcenter.domain.addresses import mask
from prefcenter.domain.comparing import STRONGER, Difference, Held, Listed, difference, settled_by
from prefcenter.storage.reconciling import Comparison, Missing, Run, comparing, opened, record
from prefcenter.use_cases.keep_hooks import keep_hooks
from prefcenter.use_cases.services import Services

DONE, FAILED = "done", "failed"
_EXAMPLES = 5
#: A page may hold everybody; what is looked up at once is no more than this.
_AT_ONCE = 1000
#: Entries that are seen; every other count is a `Difference`.
SEEN = "seen"
_SAID_NOTHING = frozenset({Difference.SAME, Difference.OLDER})


class Sums:
    """What a comparison has come to so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, what: Difference, address: str | None) -> None:
        self.counts[what] += 1
        named = self.examples.setdefault(what, []) if what not in _SAID_NOTHING else None
        if address is not None and named is not None and len(named) < _EXAMPLES:
            named.append(mask(address))


class _Entry(NamedTuple):
    listed: Suppressed
    wide: bytes
    held: Held | None


def scopes_of(account: Account) -> list[str]:
    """The mapped scopes whose stops the provider can list; none: nothing can be compared."""
    lists = capabilities_of(account.provider, account.config).lists
    return sorted(scope for scope in account.reach.scopes if scope.partition(":")[0] in lists)


async def reconcile(
    services: Services,
    account: Account,
    http: Http,
    now: Callable[[], datetime],
    progress: Callable[[int], None] = lambda seen: None,
) -> Run:
    """Compare every scope that can be listed, and keep what it came to.

    `progress` is told how many were seen.

    A list that breaks off midway pushes nothing again: what was not seen of it may be there. Raises
    StorageUnavailable.
    """
    sums, started, error = Sums(), now(), None
    try:
        for scope in scopes_of(account):
            await _Scope(services, account, scope, sums, now, progress).compare(http)
    except (PushError, Malformed, NotConfigured) as trouble:
        error = f"{scope}: {trouble}"
    run = Run(
        connection=account.key,
        state=DONE if error is None else FAILED,
        started_at=started,
        ended_at=now(),
        counts=dict(sums.counts),
        examples={what: names for what, names in sums.examples.items() if names},
        error=error,
    )
    await record(services.database, run)
    return run


class _Scope:
    def __init__(
        self,
        services: Services,
        account: Account,
        scope: str,
        sums: Sums,
        now: Callable[[], datetime],
        progress: Callable[[int], None],
    ) -> None:
        self._services = services
        self._account = account
        self._scope = scope
        self._sums = sums
        self._now = now
        self._progress = progress
        self._settled_by = settled_by(now(), account.provider.capabilities.settles)

    async def compare(self, http: Http) -> None:
        provider, config = self._account.provider, self._account.config
        async with comparing(self._services.database, self._account.key, self._scope) as comparison:
            async for page in provider.suppressed(http, config, self._scope):
                for start in range(0, len(page), _AT_ONCE):
                    await self._take(comparison, page[start : start + _AT_ONCE])
                self._progress(self._sums.counts[SEEN])
            async for missing in comparison.missing(self._settled_by):
                await self._push_again(comparison, missing)

    async def _take(self, comparison: Comparison, page: Sequence[Suppressed]) -> None:
        self._sums.counts[SEEN] += len(page)
        wides = self._services.fingerprinter.wides([one.address for one in page])
        usable = {wide: one for wide, one in zip(wides, page, strict=True) if wide is not None}
        self._sums.counts[Difference.REFUSED] += wides.count(None)
        await comparison.see(list(usable))
        held = await comparison.held(usable)
        causes = await comparison.causes([wide for wide, one in usable.items() if one.kind in STRONGER])
        news: list[_Entry] = []
        confirmed: list[tuple[bytes, int]] = []
        for wide, one in usable.items():
            ours = held.get(wide)
            what = difference(Listed(one.kind, one.at), ours, causes.get(wide, ()), self._settled_by)
            if what is Difference.TAKEN_IN:
                news.append(_Entry(one, wide, ours))
                continue
            if what is Difference.CONFIRMED and ours is not None:
                confirmed.append((wide, ours.version))
            self._sums.add(what, one.address)
        if confirmed:
            await comparison.confirm(confirmed, self._now())
        if news:
            await self._take_in(comparison, news)

    async def _take_in(self, comparison: Comparison, news: Sequence[_Entry]) -> None:
        """As if the provider had told it: applied, held back as an echo or set aside like any event."""
        events = {self._key(one): one for one in news}
        told = await comparison.told(events)
        fresh = {key: one for key, one in events.items() if key not in told}
        made = [self._event(key, one.listed) for key, one in fresh.items()]
        await keep_hooks(self._services, self._account.key, made, self._now())
        for key, one in events.items():
            what = Difference.OLDER if key in told else Difference.TAKEN_IN
            self._sums.add(what, one.listed.address)

    def _key(self, one: _Entry) -> str:
        """Of this entry of the list, for good; where it says no time, until something else is said here."""
        at = one.listed.at.isoformat() if one.listed.at is not None else None
        version = one.held.version if one.held is not None else 0
        said = f"{self._scope}\n{one.wide.hex()}\n{one.listed.kind}\n{at or version}"
        return f"reconciliation:{hashlib.sha256(said.encode()).hexdigest()}"

    def _event(self, key: str, listed: Suppressed) -> HookEvent:
        return HookEvent(
            provider=self._account.provider.name,
            kind=listed.kind if listed.kind in STRONGER else EventKind.UNSUBSCRIBED,
            address=listed.address,
            occurred_at=listed.at,
            event_id=key,
            scope=self._scope,
            reason="found by reconciliation",
        )

    async def _push_again(self, comparison: Comparison, missing: Sequence[Missing]) -> None:
        known = [one for one in missing if one.sealed is not None]
        await comparison.push_again(known, self._now())
        self._sums.counts[Difference.LEFT_OUT] += len(missing) - len(known)
        for one in known:
            wanted = len(self._sums.examples.get(Difference.PUSHED_AGAIN, ())) < _EXAMPLES
            address = opened(self._services.vault, one.sealed) if wanted and one.sealed else None
            self._sums.add(Difference.PUSHED_AGAIN, address)
