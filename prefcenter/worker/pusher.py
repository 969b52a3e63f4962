"""Tells one provider what it must know: claim, push in its batches, write down what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta

import structlog

from email_hooks import Malformed, NotConfigured
from email_hooks.http import Http, NotAllowed, PushError, Refused, TryAgain
from prefcenter.accounts import Account
from prefcenter.domain import breaker
from prefcenter.domain.delivery import Answer, FailedLoudly, RetryAt, after_attempt
from prefcenter.storage.connections import DONE, NO_LEASE, ConnectionStates, Lease
from prefcenter.storage.level_rows import CONFIRMED, FAILED, PENDING
from prefcenter.storage.levels import Claimed, Finished, Levels
from prefcenter.storage.snapshots import Snapshots

#: A connection is worked by one process; another takes over what one that died has left after this.
LEASE = timedelta(seconds=60)
CHECK_EVERY = timedelta(hours=1)
#: So long before a lease ends no call is begun, so that its answer comes while the connection is ours.
CALLS_END = timedelta(seconds=25)
#: And what is under way by then is broken off so long before it ends.
NOTHING_ON_ITS_WAY = timedelta(seconds=3)
#: Refusals of the call whatever it names, so none of its addresses is to be looked for: no such group or
#: path, a redirect, another method, gone.
_OF_THE_CALL = frozenset({301, 302, 303, 307, 308, 404, 405, 410})
_SEALED = "sealed with a key that PREFCENTER_SECRET_KEYS lacks"

log = structlog.get_logger(__name__)


class Pusher:
    """One connection's. `turn` does what is due once, and is never run twice at a time."""

    def __init__(
        self,
        account: Account,
        http: Http,
        levels: Levels,
        states: ConnectionStates,
        snapshots: Snapshots,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.account = account
        self._http = http
        self._levels = levels
        self._states = states
        self._snapshots = snapshots
        self._now = now
        self._jitter = jitter
        self._sleep = sleep
        self._lease: Lease | None = None
        #: Scopes in which an address is refused, and how many go there at once till that is over.
        self._refusing: dict[str, int] = {}
        self._checked_at: datetime | None = None
        self._next_call = 0.0

    async def turn(self) -> bool:
        """Do what is due; whether there may be more at once. Raises StorageUnavailable."""
        lease = await self._hold()
        now = self._now()
        if lease is None or (lease.open_until is not None and lease.open_until > now):
            return False
        if self._checked_at is None or now - self._checked_at >= CHECK_EVERY:
            await self._check(lease, now)
        more = lease.snapshot != DONE and await self._snapshots.turn(self.account.key, now)
        capabilities = self.account.provider.capabilities
        # After trouble one call shows whether it is over.
        calls = 1 if lease.failures or lease.paused else capabilities.parallel
        resumes = self._size(stop=False) * calls if lease.snapshot == DONE else 0
        claimed = await self._levels.claim(
            self.account.key, capabilities.batch * calls, now, LEASE, resumes=resumes
        )
        if not claimed:
            return more
        is_back = await self._push(claimed, lease)
        return more or is_back or len(claimed) == self._size(stop=claimed[0].stopped) * calls

    def _size(self, *, stop: bool) -> int:
        """Addresses in one call."""
        capabilities = self.account.provider.capabilities
        return capabilities.batch if stop else capabilities.batch_resumes or capabilities.batch

    async def let_go(self) -> None:
        """Leave the connection to other processes. Raises StorageUnavailable."""
        if self._lease is not None:
            await self._states.let_go(self.account.key, self._lease.token)
            self._lease = None

    async def _hold(self) -> Lease | None:
        now = self._now()
        if self._lease is not None and self._lease.until - now > LEASE / 2:
            self._lease = await self._states.look(self._lease, self.account.key)
        if self._lease is None or self._lease.until - now <= LEASE / 2:
            token = NO_LEASE if self._lease is None else self._lease.token
            self._lease = await self._states.lease(self.account.key, token, now, now + LEASE)
        return self._lease

    async def _check(self, lease: Lease, now: datetime) -> None:
        """What the provider says of the set-up; that it cannot say is shown by the first push."""
        self._checked_at = now
        try:
            problems = await self.account.provider.problems(self._http, self.account.config)
        except (PushError, Malformed, NotConfigured) as error:
            problems = [f"the set-up could not be checked: {error}"]
        except Exception as error:  # an adapter's fault must not keep stops from going out
            problems = [f"the set-up could not be checked: {_fault(error)}"]
        for problem in problems:
            log.error("connection misfits", connection=self.account.key, problem=problem)
        await self._states.checked(self.account.key, problems, now)

    async def _push(self, claimed: Sequence[Claimed], lease: Lease) -> bool:
        """Whether the connection works again, so that what waited is due."""
        sealed = [one for one in claimed if one.address is None]
        done = [self._again(one, TryAgain(_SEALED)) for one in sealed]
        trouble: PushError | None = None
        most, until = self._size(stop=claimed[0].stopped), lease.until - CALLS_END
        refusing, self._refusing = self._refusing, {}
        # One scope after the other: no two calls are about the same address.
        for scope, levels in _by_scope(claimed):
            # Where it does not answer in one scope, the others need not wait for it too.
            if isinstance(trouble, TryAgain):
                done += [self._later(one) for one in levels]
                continue
            size = min(most, refusing.get(scope, most))
            calls = [levels[start : start + size] for start in range(0, len(levels), size)]
            for finished, error in await asyncio.gather(*(self._call(scope, one, until) for one in calls)):
                done += finished
                trouble = error or trouble
            if scope in refusing and scope not in self._refusing and 2 * size < most:
                self._refusing[scope] = 2 * size
        await self._levels.finish(done, self._now())
        if trouble is not None:
            await self._went_wrong(trouble, lease)
        elif any(one.state == CONFIRMED for one in done):
            return await self._went_well(lease)
        return False

    async def _call(
        self, scope: str, levels: Sequence[Claimed], until: datetime
    ) -> tuple[list[Finished], PushError | None]:
        await self._wait_for_turn()
        if self._now() > until:
            return [self._later(one) for one in levels], None
        addresses = [one.address for one in levels if one.address is not None]
        provider, config = self.account.provider, self.account.config
        # Nothing may still be on its way there when another process takes the connection over.
        left = (until + CALLS_END - NOTHING_ON_ITS_WAY - self._now()).total_seconds()
        try:
            async with asyncio.timeout(left):
                pushed = await provider.push(self._http, config, scope, addresses, stop=levels[0].stopped)
        except TimeoutError:
            late = TryAgain("timeout: not done before the lease ended")
            return [self._again(one, late) for one in levels], late
        except Refused as error:
            if len(levels) == 1 or error.status in _OF_THE_CALL:
                return [self._failed(one, error.reason, error.status) for one in levels], None
            return await self._halves(scope, levels, until)
        except NotConfigured as error:
            wrong = NotAllowed(str(error))
            return [self._later(one, wrong) for one in levels], wrong
        except NotAllowed as error:
            return [self._later(one, error) for one in levels], error
        except Malformed as error:
            unread = TryAgain(f"the answer cannot be read: {error}")
            return [self._again(one, unread) for one in levels], unread
        except TryAgain as error:
            waits = self._later if error.status == 429 else self._again
            return [waits(one, error) for one in levels], error
        except Exception as error:  # an adapter's fault must not stop the whole connection
            fault = TryAgain(_fault(error))
            return [self._again(one, fault) for one in levels], fault
        refused = {one.address: one.refused for one in pushed}
        return [self._ended(one, refused) for one in levels], None

    async def _halves(
        self, scope: str, levels: Sequence[Claimed], until: datetime
    ) -> tuple[list[Finished], PushError | None]:
        """One address that is refused must not take the others with it."""
        half = len(levels) // 2
        # Were the time too short for all the halves, the next turn goes on with smaller ones.
        self._refusing[scope] = min(half, self._refusing.get(scope, half))
        first, trouble = await self._call(scope, levels[:half], until)
        second, later = await self._call(scope, levels[half:], until)
        return first + second, later or trouble

    async def _wait_for_turn(self) -> None:
        """Held to the provider's rate: each call has its place, one after the other."""
        loop_time = asyncio.get_running_loop().time()
        place = max(loop_time, self._next_call)
        self._next_call = place + 1 / self.account.provider.capabilities.per_second
        if place > loop_time:
            await self._sleep(place - loop_time)

    def _ended(self, level: Claimed, refused: dict[str, str | None]) -> Finished:
        if level.address not in refused:
            return self._again(level, TryAgain("the answer leaves this address out"))
        reason = refused[level.address]
        return Finished(claimed=level, state=CONFIRMED) if reason is None else self._failed(level, reason)

    def _failed(self, level: Claimed, reason: str, status: int | None = None) -> Finished:
        log.error(
            "push failed", connection=self.account.key, scope=level.scope, level=level.id, reason=reason
        )
        return Finished(claimed=level, state=FAILED, status=status, error=reason)

    def _again(self, level: Claimed, error: PushError) -> Finished:
        """By the schedule of deliveries."""
        answer = Answer(error=error.reason, retry_after=error.retry_after)
        now = self._now()
        step = after_attempt(answer, level.attempts + 1, level.first_at, now, level.stopped, self._jitter())
        if isinstance(step, FailedLoudly):
            return self._failed(level, step.reason, error.status)
        assert isinstance(step, RetryAt)
        return Finished(
            claimed=level, state=PENDING, retry_at=step.when, status=error.status, error=error.reason
        )

    def _later(self, level: Claimed, error: PushError | None = None) -> Finished:
        """As soon as the connection goes on: it is no fault of this level."""
        return Finished(
            claimed=level,
            state=PENDING,
            retry_at=self._now(),
            status=error.status if error else None,
            error=error.reason if error else None,
            counted=False,
        )

    async def _went_well(self, lease: Lease) -> bool:
        was_ill = bool(lease.failures) or lease.paused
        if was_ill:
            log.info("connection works again", connection=self.account.key)
            await self._states.run(self.account.key)
            # Not after a single failure: what alone fails would be tried again after every success.
            if lease.paused or lease.open_until is not None:
                await self._levels.hurry(self.account.key, self._now())
        return was_ill

    async def _went_wrong(self, error: PushError, lease: Lease) -> None:
        now = self._now()
        if isinstance(error, NotAllowed):
            if not lease.paused:
                log.error("connection paused", connection=self.account.key, reason=error.reason)
            await self._states.pause(self.account.key, error.reason, now, now + breaker.PAUSED_TRY)
            return
        failures = lease.failures + 1
        until = breaker.open_until(failures, error.status, error.retry_after, now)
        log.warning("connection fails", connection=self.account.key, reason=error.reason, failures=failures)
        await self._states.failed(self.account.key, failures, until, error.reason)


def _fault(error: Exception) -> str:
    # Not its text, which may name somebody.
    return f"the adapter failed: {type(error).__name__}"


def _by_scope(claimed: Sequence[Claimed]) -> Iterator[tuple[str, list[Claimed]]]:
    scopes: dict[str, list[Claimed]] = {}
    for one in claimed:
        if one.address is not None:
            scopes.setdefault(one.scope, []).append(one)
    yield from scopes.items()
