"""`stop` and `why`: what support answers with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.addresses import InvalidAddress
from prefcenter.settings import Settings
from prefcenter.use_cases.explain import explain
from prefcenter.use_cases.record_choices import no_such_purpose
from prefcenter.use_cases.refusals import Refused
from prefcenter.use_cases.stop_people import stop_address, stop_domain

_OLDEST = timedelta(days=3653)


async def stop(settings: Settings, who: str, *, purpose: str, received: str, reason: str) -> None:
    """Record the stop as the operator's, with the reason."""
    now = utc_now()
    stated = _moment("--received", received) if received else None
    if stated is not None and not now - _OLDEST <= stated <= now:
        raise CommandError("--received: lies in the future, or more than ten years back; look at the year")
    if not reason.strip():
        raise CommandError("--reason: say why, for the record")
    async with opened(settings) as services:
        try:
            if who.startswith("@"):
                stopped = await stop_domain(
                    services, who[1:], purpose=purpose, stated_at=stated, reason=reason, now=now
                )
            else:
                await stop_address(services, who, purpose=purpose, stated_at=stated, reason=reason, now=now)
                stopped = 1
        except InvalidAddress as error:
            raise CommandError(str(error)) from error
        except Refused as error:
            raise CommandError("\n".join(f"{e.field}: {e.message}" for e in error.errors)) from error
    what = "all marketing" if purpose == "*" else f"'{purpose}'"
    print(f"Stopped {what} for {stopped} address{'' if stopped == 1 else 'es'}.")


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CommandError(f"{option}: write a time like 2026-11-23T09:30:00+01:00") from error


async def why(settings: Settings, email: str, *, purpose: str, at: str) -> None:
    """`at` empty: now."""
    now = utc_now()
    moment = _moment("--at", at) if at else None
    if moment is not None and moment > now:
        raise CommandError("--at: lies in the future; leave it out to ask about now")
    async with opened(settings) as services:
        if services.catalogs.find(purpose) is None:
            raise CommandError(f"--purpose: {no_such_purpose(services)}")
        try:
            print(await explain(services, email, purpose, now=now, at=moment))
        except InvalidAddress as error:
            raise CommandError(str(error)) from error
